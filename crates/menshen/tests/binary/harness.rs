//! A folder of its own for each test, and the binary run in it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use menshen_token::{Clock as _, SystemClock};
use serde_json::Value;
use tempfile::TempDir;

/// A folder to run the binary in, out of reach of the settings of whoever runs the tests.
pub(crate) struct Home(TempDir);

/// What a run of the binary left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file can be written");
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
        command.env_clear().env("TMPDIR", self.0.path()).current_dir(self.0.path()).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with_input(args, "")
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        run(self.command(args), input)
    }

    /// Runs it, and expects it to succeed.
    pub(crate) fn done(&self, args: &[&str], input: &str) -> String {
        let ran = self.run_with_input(args, input);
        assert_eq!(ran.code, Some(0), "menshen {args:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Starts a server on a free port.
    pub(crate) fn serve(&self, args: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        Server::start(command.args(args), &self.path("server.log"))
    }
}

pub(crate) fn run(mut command: Command, input: &str) -> Ran {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    // It may end without reading.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) ready: Value,
}

impl Server {
    /// Its log goes to a file: a pipe that nobody reads would fill up, and stop it.
    fn start(command: &mut Command, log: &Path) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log).expect("a file can be made"))
            .spawn()
            .expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it writes UTF-8");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            panic!("it did not start: {line}{log}")
        });
        Self { child, stdout, ready }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.ready["issuer"].as_str().expect("always told")
    }

    pub(crate) fn address(&self) -> &str {
        self.ready["address"].as_str().expect("always told")
    }

    /// A token of the client `admin` for itself.
    pub(crate) fn admin_token(&self) -> String {
        let secret = self.ready["admin"]["client_secret"].as_str().expect("a first start");
        let form = format!(
            "grant_type=client_credentials&scope=admin&client_id=admin&client_secret={secret}"
        );
        let mut socket = TcpStream::connect(self.address()).expect("it listens");
        let request = format!(
            "POST /token HTTP/1.1\r\nhost: menshen\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
            form.len()
        );
        socket.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it answers");
        let token =
            answer.split("\"access_token\":\"").nth(1).and_then(|rest| rest.split('"').next());
        token.unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Sends SIGTERM and returns at once.
    pub(crate) fn terminate(&self) {
        send_signal("TERM", self.child.id());
    }

    /// Waits for its end: the exit code, and what else it wrote.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it ends").code();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("it writes UTF-8");
        (code, rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send_signal(name: &str, process: u32) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status();
    assert!(sent.expect("there is a shell").success(), "{process} is not there");
}

pub(crate) fn is_alive(process: u32) -> bool {
    // A zombie has ended: whoever should have waited for it is gone.
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    status.is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

/// Waits for a condition.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let clock = SystemClock::new();
    let deadline = Duration::from_secs(30);
    while !condition() {
        assert!(clock.monotonic() < deadline, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(10)); // until the deadline above
    }
}
