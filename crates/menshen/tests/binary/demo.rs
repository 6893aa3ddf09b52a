//! The story that the demo tells, and what it leaves to try by hand.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::{Home, is_alive, send_signal, wait_until};

#[test]
fn the_story_is_true() {
    let home = Home::new();
    let ran = home.run(&["demo", "--once"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for part in [
        "Ada signs in",
        "The app refreshes",
        "An answer is lost",
        "Ada signs out",
        "would have lived another",
        "invalid_grant, reason logout",
        "{\"active\":false}",
        "invalid_grant, reason refresh_token_reuse",
        "all kept",
    ] {
        assert!(ran.stdout.contains(part), "{part} is missing:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('✗') && !ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    let widest = ran.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns:\n{}", ran.stdout);
    let left = std::fs::read_dir(home.path("")).expect("it is there").count();
    assert_eq!(left, 0, "the temporary folder is still there");
}

/// A demo that runs on after its story.
struct Running {
    child: Child,
    said: Vec<String>,
}

impl Running {
    fn start(home: &Home) -> Self {
        let mut child = home.command(&["demo"]).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut said = Vec::new();
        for line in stdout.lines().map(|line| line.expect("it writes UTF-8")) {
            said.push(line);
            if said.last().is_some_and(|line| line.contains("Ctrl-C")) {
                break;
            }
        }
        Self { child, said }
    }

    fn processes(&self) -> Vec<u32> {
        let line = self.said.iter().find(|line| line.contains("Two processes"));
        let numbers = line.expect("it is told").split(|c: char| !c.is_ascii_digit());
        numbers.filter_map(|number| number.parse().ok()).collect()
    }

    /// The lines to paste.
    fn script(&self) -> String {
        let from = self.said.iter().position(|line| line.contains("Try it yourself"));
        let lines = &self.said[from.expect("it is told") + 1..self.said.len() - 1];
        lines.join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_lines_to_paste_do_what_they_say() {
    let home = Home::new();
    let demo = Running::start(&home);
    let pasted = Command::new("sh").arg("-c").arg(demo.script()).output().expect("there is curl");
    let said = String::from_utf8(pasted.stdout).expect("UTF-8");
    let statuses: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    assert_eq!(statuses, ["200", "200", "401", "400"], "{}\n{said}", demo.script());
    assert!(said.contains("\"reason\":\"logout\""), "{said}");
    assert!(said.contains("\"acknowledged\":1"), "{said}");
}

#[test]
fn no_secret_is_among_the_arguments_of_the_children() {
    let home = Home::new();
    let demo = Running::start(&home);
    for process in demo.processes() {
        let arguments = std::fs::read_to_string(format!("/proc/{process}/cmdline"));
        let arguments = arguments.expect("it lives").replace('\0', " ");
        assert!(arguments.split(' ').all(|argument| argument.len() < 43 || argument.contains('/')));
        let environment = std::fs::read(format!("/proc/{process}/environ")).expect("it lives");
        assert!(environment.is_empty());
    }
}

#[test]
fn an_interrupt_ends_everything_and_cleans_up() {
    let home = Home::new();
    let mut demo = Running::start(&home);
    let processes = demo.processes();
    assert_eq!(processes.len(), 2);
    assert!(processes.iter().all(|process| is_alive(*process)));
    send_signal("INT", demo.child.id());
    assert_eq!(demo.child.wait().expect("it ends").code(), Some(0));
    assert!(!processes.iter().any(|process| is_alive(*process)));
    assert_eq!(std::fs::read_dir(home.path("")).expect("it is there").count(), 0);
}

#[test]
fn the_children_end_with_a_parent_that_was_killed() {
    let home = Home::new();
    let demo = Running::start(&home);
    let processes = demo.processes();
    drop(demo);
    wait_until("the end of the children", || !processes.iter().any(|process| is_alive(*process)));
}
