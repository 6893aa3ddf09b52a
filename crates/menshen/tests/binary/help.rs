//! What somebody sees who types `menshen` for the first time.

use std::process::Stdio;

use crate::harness::Home;

const VERBS: &[&str] = &[
    "serve",
    "demo",
    "config",
    "user",
    "client",
    "session",
    "delivery",
    "key",
    "revoke",
    "openapi",
    "completions",
];

#[test]
fn help_names_every_verb_and_none_that_is_not_for_people() {
    let help = Home::new().done(&["--help"], "");
    for verb in VERBS {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb} is missing:\n{help}");
    }
    assert!(!help.contains("demo-api"), "{help}");
    assert!(help.contains("Start here:"), "{help}");
}

#[test]
fn every_verb_explains_itself_within_a_terminal() {
    let home = Home::new();
    let deeper = [
        "user add",
        "user list",
        "user disable",
        "user enable",
        "user set-password",
        "user digest",
        "user otp",
        "user roles",
        "client add",
        "client change",
        "client list",
        "client show",
        "client disable",
        "client enable",
        "client secret",
        "session list",
        "session show",
        "session end",
        "delivery list",
        "key list",
        "key rotate",
        "key revoke",
        "revoke all",
        "revoke token",
        "config check",
    ];
    for verb in VERBS.iter().chain(&deeper) {
        let mut args: Vec<&str> = verb.split(' ').collect();
        args.push("--help");
        let help = home.done(&args, "");
        assert!(help.contains(&format!("Usage: menshen {verb}")), "{verb}:\n{help}");
        let widest = help.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 100, "{verb} is {widest} columns wide:\n{help}");
        assert!(!help.contains('\u{1b}'), "{verb} is colored although nobody sees it");
    }
}

#[test]
fn without_a_verb_help_is_shown_and_it_is_a_mistake() {
    let ran = Home::new().run(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("Commands:"), "{}", ran.stderr);
}

#[test]
fn a_misspelled_verb_gets_a_suggestion() {
    let ran = Home::new().run(&["serv"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("'serve'"), "{}", ran.stderr);
}

#[test]
fn the_version_is_told() {
    let version = Home::new().done(&["--version"], "");
    assert_eq!(version, format!("menshen {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_the_api_description_are_printed() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.done(&["completions", shell], "").contains("menshen"));
    }
    let document: serde_json::Value =
        serde_json::from_str(&home.done(&["openapi"], "")).expect("it is JSON");
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
}

#[test]
fn whoever_stops_reading_gets_no_complaint() {
    let home = Home::new();
    let mut command = home.command(&["completions", "bash"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}
