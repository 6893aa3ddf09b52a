//! Reading the log: tailing, snapshots, compaction.

use std::time::Duration;

use menshen_store::{Head, Target};
use menshen_token::{Entry, Reason, Seq, Timestamp};
use rstest::rstest;

use crate::database::Kind;
use crate::scene::{START, Scene, jti};

impl Scene {
    /// Appends a rule that expires a minute after this.
    async fn append(&self, expires_at: Timestamp) -> Entry {
        let target = Target::Token { jti: jti(), expires_at };
        let receipt = self.store.revoke(&target, Reason::TokenRevoked, START).await;
        receipt.expect("ended").appended.expect("appended")
    }

    async fn after(&self, seq: u64) -> Vec<u64> {
        let entries = self.store.revocations_after(Seq(seq), 100).await.expect("reads");
        entries.iter().map(|entry| entry.seq.0).collect()
    }
}

#[rstest]
#[tokio::test]
async fn the_log_reads_back_as_written(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let start = Head { seq: Seq(0), compacted_through: Seq(0) };
    assert_eq!(scene.store.head().await.expect("reads"), start);
    assert_eq!(scene.after(0).await, [] as [u64; 0]);
    let (ada, app) = scene.cast().await;
    let mut written = vec![scene.append(START).await];
    for target in [Target::Client(app.id.clone()), Target::All { before: START }] {
        let receipt = scene.store.revoke(&target, Reason::Admin, START).await.expect("ended");
        written.extend(receipt.appended);
    }
    let phone = scene.sign_in(&ada, &app, START).await;
    let tablet = scene.sign_in(&ada, &app, START).await;
    for target in [Target::Grant(phone.grant.id), Target::Session(tablet.session.id)] {
        let receipt = scene.store.revoke(&target, Reason::Logout, START).await.expect("ended");
        written.extend(receipt.appended);
    }
    scene.sign_in(&ada, &app, START).await;
    let disabled = scene.store.disable_user(&ada.id, START).await.expect("ended");
    written.extend(disabled.and_then(|receipt| receipt.appended));
    assert_eq!(written.len(), 6);
    let read = scene.store.revocations_after(Seq(0), 100).await.expect("reads");
    assert_eq!(read, written);
    assert_eq!(scene.store.head().await.expect("reads").seq, Seq(6));
    assert_eq!(scene.after(4).await, [5, 6]);
    let two = scene.store.revocations_after(Seq(1), 2).await.expect("reads");
    assert_eq!(two, written[1..3]);
}

#[rstest]
#[tokio::test]
async fn a_snapshot_holds_live_rules_only(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let scene = Scene::new(kind).await;
    let (soon, late) = (START, START + Duration::from_hours(5));
    for expires_at in [soon, late, soon, late, late] {
        scene.append(expires_at).await;
    }
    let now = START + Duration::from_hours(1);
    let live = scene.store.live_revocations_after(Seq(0), Seq(4), 100, now).await;
    let live: Vec<u64> = live.expect("reads").iter().map(|entry| entry.seq.0).collect();
    assert_eq!(live, [2, 4]);
    let part = scene.store.live_revocations_after(Seq(2), Seq(5), 1, now).await;
    assert_eq!(part.expect("reads")[0].seq, Seq(4));
}

#[rstest]
#[tokio::test]
async fn compaction_deletes_dead_rules_and_says_how_far_it_came(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let scene = Scene::new(kind).await;
    let (soon, late) = (START, START + Duration::from_hours(5));
    for expires_at in [soon, late, soon, late, soon] {
        scene.append(expires_at).await;
    }
    let minutes = |minutes| START + Duration::from_mins(minutes);
    assert_eq!(scene.store.delete_expired(minutes(10), 100).await.expect("deletes"), 0);
    assert_eq!(scene.store.delete_expired(minutes(12), 2).await.expect("deletes"), 2);
    assert_eq!(scene.store.delete_expired(minutes(12), 2).await.expect("deletes"), 1);
    assert_eq!(scene.after(0).await, [2, 4]);
    let head = Head { seq: Seq(5), compacted_through: Seq(5) };
    assert_eq!(scene.store.head().await.expect("reads"), head);
    scene.append(late).await;
    assert_eq!(scene.after(5).await, [6]);
    scene.store.delete_expired(minutes(12), 100).await.expect("deletes");
    assert_eq!(scene.store.head().await.expect("reads").compacted_through, Seq(5));
}
