//! A thief has copied the refresh token and takes turns with the victim, in any order: found
//! within three rounds, and only that session dies.

use serde_json::json;

use crate::harness::{App, Database, Dice, Operator, Setup, Tokens, app_policy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loot {
    /// The thief has the token; both sides send keys of their own.
    Token,
    /// The thief has the token and the key stored beside it for the next attempt.
    TokenAndKey,
    /// The app knows nothing of keys, and its client allows no window to retry in.
    TokenOfASimpleApp,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thief_is_found_within_three_rounds_and_only_that_session_dies() {
    let server = Setup::on(Database::Sqlite).start().await;
    let operator = server.operator().await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    operator.add_app("simple", &app_policy(&json!({ "retry_window_ms": 0 }))).await;
    for seed in 0..12 {
        for loot in [Loot::Token, Loot::TokenAndKey, Loot::TokenOfASimpleApp] {
            let client = if loot == Loot::TokenOfASimpleApp { "simple" } else { "app" };
            let app = App::public(server.site(), client);
            let username = format!("{client}-{seed}-{loot:?}");
            operator.add_user(&username, "a password").await;
            one_theft(&app, &operator, &username, Dice::seeded(seed), loot).await;
        }
    }
}

async fn one_theft(app: &App, operator: &Operator, username: &str, mut dice: Dice, loot: Loot) {
    let case = format!("{username} {loot:?}");
    let mut stolen = app.sign_in(username, "a password").await;
    let other_device = app.sign_in(username, "a password").await;
    for turn in 0..dice.below(3) {
        let key = (loot != Loot::TokenOfASimpleApp).then(|| format!("before-{turn}"));
        stolen = Tokens::of(&app.refresh(&stolen.refresh, key.as_deref()).await);
    }
    let mut hands = [Hand::new("thief", &stolen), Hand::new("victim", &stolen)];
    let mut found_in = None;
    'rounds: for round in 1..=3 {
        let first = usize::from(dice.coin());
        for hand in [first, 1 - first] {
            let key = match loot {
                Loot::TokenOfASimpleApp => None,
                Loot::TokenAndKey if round == 1 => Some("stored-beside-the-token".to_owned()),
                _ => Some(format!("{}-{round}", hands[hand].whose)),
            };
            let answer = app.refresh(&hands[hand].refresh, key.as_deref()).await;
            if answer.is_refusal() {
                assert_eq!(answer.text("reason"), "refresh_token_reuse", "{case}");
                found_in = Some(round);
                break 'rounds;
            }
            hands[hand].take(&Tokens::of(&answer));
        }
    }
    assert!(found_in.is_some(), "{case}: not found in three rounds");

    for hand in &hands {
        for access in &hand.accesses {
            assert!(!operator.is_active(access).await, "{case}: {} can still call", hand.whose);
        }
        let answer = app.refresh(&hand.refresh, Some("afterwards")).await;
        assert!(answer.is_refusal(), "{case}: {} goes on: {}", hand.whose, answer.text);
        assert_eq!(answer.text("reason"), "refresh_token_reuse", "{case}");
    }
    assert!(operator.is_active(&other_device.access).await, "{case}: the other device");
    Tokens::of(&app.refresh(&other_device.refresh, None).await);
}

/// What one of the two holds.
struct Hand {
    whose: &'static str,
    refresh: String,
    accesses: Vec<String>,
}

impl Hand {
    fn new(whose: &'static str, tokens: &Tokens) -> Self {
        Self { whose, refresh: tokens.refresh.clone(), accesses: vec![tokens.access.clone()] }
    }

    fn take(&mut self, tokens: &Tokens) {
        self.refresh.clone_from(&tokens.refresh);
        self.accesses.push(tokens.access.clone());
    }
}
