//! From a logout's answer to the refusal at a verifier in another process: 1,000 times.

use std::io::{BufRead as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use menshen_verifier::{Credentials, Policy, Rejection, Verifier};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::figures::{percentile, wall_micros};
use crate::harness::{App, Database, Setup, app_policy};

const LOGOUTS: usize = 1_000;

/// How often the verifier's process looks.
const LOOK_EVERY: Duration = Duration::from_micros(50);

pub(crate) async fn measure() {
    let server = Setup::on(Database::Sqlite).start().await;
    let operator = server.operator().await;
    operator.add_user("ada", "a password").await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let app = App::public(server.site(), "app");
    let myself = std::env::current_exe().expect("this is a file");
    let mut watcher = Command::new(myself)
        .args(["watch", &server.issuer, server.admin_secret()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut tell = watcher.stdin.take().expect("piped");
    let mut hear = BufReader::new(watcher.stdout.take().expect("piped")).lines();
    let (mut from_answer, mut from_request) = (Vec::new(), Vec::new());
    for _ in 0..LOGOUTS {
        let tokens = app.sign_in("ada", "a password").await;
        let line = format!("{}\n", tokens.access);
        tell.write_all(line.as_bytes()).await.expect("it reads");
        let accepted = hear.next_line().await.expect("it answers");
        assert_eq!(accepted.as_deref(), Some("accepted"));
        let asked = wall_micros();
        app.log_out(&tokens.refresh, "device").await.ok();
        let answered = wall_micros();
        let refused = hear.next_line().await.expect("it answers").expect("it goes on");
        let refused: i64 = refused.parse().expect("microseconds");
        from_answer.push((refused - answered).max(0));
        from_request.push(refused - asked);
    }
    from_answer.sort_unstable();
    from_request.sort_unstable();
    println!("\nlogout to refusal at a verifier in another process, {LOGOUTS} times, milliseconds");
    for (what, sorted) in [("after the answer", &from_answer), ("after the request", &from_request)]
    {
        let millis = |hundredths| {
            let micros = i32::try_from(percentile(sorted, hundredths)).unwrap_or(i32::MAX);
            f64::from(micros) / 1_000.0
        };
        println!(
            "{what:<18} p50 {:.2}  p90 {:.2}  p99 {:.2}  max {:.2}",
            millis(50),
            millis(90),
            millis(99),
            millis(100)
        );
    }
}

/// The other process: for each token on its input, says when it is accepted and, with the wall
/// clock in microseconds, when it is refused.
pub(crate) fn watch(arguments: &[String]) {
    let [issuer, secret] = arguments else { panic!("watch <issuer> <secret>") };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let verifier = runtime.block_on(async {
        let verifier = Verifier::builder(issuer)
            .audience(issuer)
            .credentials(Credentials::client("admin", secret))
            .policy(Policy::Refuse)
            .start()
            .expect("it can start");
        verifier.ready().await;
        verifier
    });
    for token in std::io::stdin().lock().lines() {
        let token = token.expect("a line");
        verifier.verify(&token).expect("good before the logout");
        say("accepted");
        while !matches!(verifier.verify(&token), Err(Rejection::Revoked)) {
            std::thread::park_timeout(LOOK_EVERY);
        }
        say(&wall_micros().to_string());
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("somebody listens");
}
