//! Two nodes on one PostgreSQL: what one has answered, the other knows.

use std::time::Duration;

use futures_util::future::join_all;
use menshen_verifier::{Policy, Rejection, Verifier};
use serde_json::json;

use crate::harness::{App, Database, Proxy, Server, Setup, Tokens, app_policy, until};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_on_one_node_is_a_logout_on_the_other() {
    let cluster = Cluster::begin().await;
    let on_b = cluster.b.operator().await;
    for _ in 0..20 {
        let tokens = cluster.app_a.sign_in("ada", "a password").await;
        assert!(on_b.is_active(&tokens.access).await);
        cluster.app_a.log_out(&tokens.refresh, "device").await.ok();
        assert!(!on_b.is_active(&tokens.access).await, "at once, on the other node");
        assert!(!cluster.app_b.is_known(&tokens.access).await);
        let answer = cluster.app_b.refresh(&tokens.refresh, None).await;
        assert!(answer.is_refusal(), "{}", answer.text);
        assert_eq!(answer.text("reason"), "logout");
        cluster.refused_at_b(&tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_counts_the_verifiers_of_every_node() {
    let cluster = Cluster::begin().await;
    let tokens = cluster.app_a.sign_in("ada", "a password").await;
    let form = [("token", tokens.refresh.as_str())];
    let wait = [("prefer", "wait=10")];
    let receipt =
        cluster.app_a.site.form("/account/logout", &form, &wait).await.expect("it answers").ok();
    assert_eq!(receipt.number("/verifiers/connected"), 1, "{}", receipt.text);
    assert_eq!(receipt.number("/verifiers/acknowledged"), 1, "{}", receipt.text);
    let answer = cluster.at_b.verify(&tokens.access);
    assert!(matches!(answer, Err(Rejection::Revoked)), "it had said so: {answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_on_both_nodes_at_once_rotate_once() {
    let cluster = Cluster::begin().await;
    let tokens = cluster.app_a.sign_in("ada", "a password").await;
    let apps = [&cluster.app_a, &cluster.app_b];
    let calls = (0..32).map(|call| apps[call % 2].refresh(&tokens.refresh, Some("one-attempt")));
    let answers = join_all(calls).await;
    let successor = Tokens::of(&answers[0]).refresh;
    assert!(answers.iter().all(|answer| answer.text("refresh_token") == successor));
    let rotations = "verdict=\"rotate\"";
    let on_a = cluster.a.metric("menshen_refreshes_total", rotations).await;
    let on_b = cluster.b.metric("menshen_refreshes_total", rotations).await;
    assert_eq!(on_a + on_b, 1);
    // The chain goes on across nodes.
    let mut refresh = successor;
    for (turn, app) in apps.into_iter().cycle().take(6).enumerate() {
        let key = format!("turn-{turn}");
        refresh = Tokens::of(&app.refresh(&refresh, Some(&key)).await).refresh;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_claims_and_a_revoked_key_reach_the_other_node() {
    let cluster = Cluster::begin().await;
    let on_a = cluster.a.operator().await;
    let tokens = cluster.app_a.sign_in("ada", "a password").await;
    on_a.change_roles(&cluster.user, &["cook"]).await.ok();
    cluster.refused_at_b(&tokens).await;
    let renewed = Tokens::of(&cluster.app_b.refresh(&tokens.refresh, None).await);
    let verified = cluster.at_b.verify(&renewed.access).expect("the session lives");
    assert_eq!(verified.roles(), ["cook"]);

    on_a.revoke_active_key().await.ok();
    cluster.refused_at_b(&renewed).await;
    // The other node signs with the new key at once; the old one would make dead tokens.
    until("the other node has the new key", SOON, async || {
        let again = cluster.app_b.sign_in("ada", "a password").await;
        cluster.b.operator().await.is_active(&again.access).await
    })
    .await;
    let again = cluster.app_b.sign_in("ada", "a password").await;
    until("the verifier has the new key", Duration::from_secs(20), async || {
        cluster.at_b.verify(&again.access).is_ok()
    })
    .await;
}

struct Cluster {
    a: Server,
    b: Server,
    app_a: App,
    app_b: App,
    /// Connected to node B.
    at_b: Verifier,
    user: String,
}

impl Cluster {
    async fn begin() -> Self {
        let database = Database::postgres();
        let proxy = Proxy::start(([127, 0, 0, 1], 9).into()).await;
        let setup = Setup::on(database).issued_by(proxy.url());
        let a = setup.clone().start().await;
        let b = setup.start_beside(&a).await;
        proxy.lead_to(b.address);
        let operator = a.operator().await;
        let user = operator.add_user("ada", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        let at_b = b.verifier(Policy::Refuse).start().expect("it can start");
        at_b.ready().await;
        let (app_a, app_b) = (App::public(a.site(), "app"), App::public(b.site(), "app"));
        Self { a, b, app_a, app_b, at_b, user }
    }

    async fn refused_at_b(&self, tokens: &Tokens) {
        until("it is refused at the verifier", SOON, async || {
            let answer = self.at_b.verify(&tokens.access);
            // A withdrawn key may be gone before it is looked up among the revoked ones.
            matches!(answer, Err(Rejection::Revoked | Rejection::UnknownKey))
        })
        .await;
    }
}
