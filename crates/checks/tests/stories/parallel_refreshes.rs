//! Many refreshes of one token at the same moment: one rotation, one successor for all.

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;

use crate::harness::{App, Database, DeviceKey, Server, Setup, Wire, app_policy};

#[rstest]
#[case::on_sqlite(|| Database::Sqlite)]
#[case::on_postgres(Database::postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_refreshes_rotate_once_and_share_the_successor(
    #[case] database: fn() -> Database,
) {
    let server = Setup::on(database()).start().await;
    let operator = server.operator().await;
    operator.add_user("ada", "a password").await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    for (seed, wire) in [(0, Wire::Connections), (1_000, Wire::OneConnection)] {
        for callers in [2, 16, 200] {
            for caller in [Caller::Keyed, Caller::Unkeyed, Caller::Bound] {
                let device = DeviceKey::seeded(seed + callers as u64);
                one_rotation(&server, wire, callers, caller, device).await;
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Sends an `Idempotency-Key`.
    Keyed,
    /// Knows nothing of keys.
    Unkeyed,
    /// Proves possession of a device key.
    Bound,
}

async fn one_rotation(
    server: &Server,
    wire: Wire,
    callers: usize,
    caller: Caller,
    device: DeviceKey,
) {
    let case = format!("{callers} callers, {caller:?}, {wire:?}");
    let mut app = App::public(server.reached_by(wire), "app");
    if caller == Caller::Bound {
        app = app.with_key(device, &server.issuer);
    }
    let key = (caller == Caller::Keyed).then_some("one-attempt");
    let first = app.sign_in("ada", "a password").await;
    let before = verdicts(server).await;

    let answers = join_all((0..callers).map(|_| app.refresh(&first.refresh, key))).await;

    let operator = server.operator().await;
    let successor = answers[0].text("refresh_token").to_owned();
    assert_ne!(successor, first.refresh, "{case}");
    for answer in &answers {
        assert_eq!(answer.status, 200, "{case}: {}", answer.text);
        assert_eq!(answer.text("refresh_token"), successor, "{case}");
        assert!(operator.is_active(answer.text("access_token")).await, "{case}");
    }
    let after = verdicts(server).await;
    let moved: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    let retries = callers as u64 - 1;
    assert_eq!(moved, [1, retries, 0], "{case}: rotations, retries, kills");

    let next = app.refresh(&successor, key.map(|_| "the-next-attempt")).await;
    assert_eq!(next.status, 200, "{case}: the successor works: {}", next.text);
    assert!(operator.is_active(&first.access).await, "{case}: calls in flight do not fail");
}

async fn verdicts(server: &Server) -> [u64; 3] {
    let count = async |verdict: &str| {
        let labels = format!("verdict=\"{verdict}\"");
        server.metric("menshen_refreshes_total", &labels).await
    };
    [count("rotate").await, count("reissue").await, count("kill").await]
}
