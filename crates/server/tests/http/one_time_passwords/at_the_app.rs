//! `/authorize-challenge`: password first, code afterwards, by the same app with the same key.

use std::time::Duration;

use menshen_domain::client::Client;
use menshen_domain::one_time_password::recovery_code;
use menshen_server::config::Config;
use serde_json::json;
use tokio::task::JoinSet;

use super::{MFA, Phone, RECOVERY, next_code, turn_on};
use crate::gateway_basic::with_edge;
use crate::harness::{Answer, PASSWORD, SECRET, Server, claims, sign_in_form};
use crate::postbox::Postbox;

const PATH: &str = "/authorize-challenge";

/// A server with `ada`, who has a phone, and the client `app`.
async fn start() -> (Server, Phone) {
    start_with(|_| ()).await
}

async fn start_with(adjust: impl FnOnce(&mut Config)) -> (Server, Phone) {
    let server = Server::start_with(adjust).await;
    let ada = server.add_user("ada").await;
    server.add_app("app", |_| ()).await;
    server.add_app("other", |_| ()).await;
    let phone = turn_on(&server, &ada).await;
    (server, phone)
}

/// A request with other parameters than usual; an empty one is left out.
fn form<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = sign_in_form("app").to_vec();
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    form
}

/// A request that goes on after the password.
fn going_on<'a>(session: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("username", ""), ("password", ""), ("auth_session", session)];
    all.extend(changes);
    form(&all)
}

/// The `auth_session` that the right password gives.
async fn begin(server: &Server) -> String {
    let answer = server.post(PATH, &form(&[])).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    answer.text("auth_session")
}

async fn try_code(server: &Server, session: &str, code: &str) -> Answer {
    server.post(PATH, &going_on(session, &[("otp", code)])).await
}

#[tokio::test]
async fn the_password_alone_is_half_of_a_sign_in() {
    let (server, phone) = start().await;
    let answer = server.post(PATH, &form(&[])).await;
    assert_eq!(answer.verdict(), "403 insufficient_authorization");
    assert_eq!(answer.json()["methods"], json!(["otp", "recovery_code"]));
    assert_eq!(answer.header("cache-control"), "no-store");
    let session = answer.text("auth_session");
    assert_eq!(session.len(), 43);
    let again = server.post(PATH, &going_on(&session, &[])).await;
    assert_eq!(again.text("auth_session"), session, "a code is still missing");
    let answer = try_code(&server, &session, &phone.code(server.now())).await;
    assert_eq!(answer.text("authorization_code").len(), 43, "{}", answer.body);
    let wrong = server.post(PATH, &form(&[("password", "wrong")])).await;
    assert_eq!(wrong.verdict(), "400 access_denied", "nothing else is said of a wrong password");
    assert_eq!(wrong.text("auth_session"), "");
}

#[tokio::test]
async fn tokens_say_how_and_when_somebody_signed_in_also_after_a_refresh() {
    let (server, phone) = start().await;
    let begun_at = server.now();
    let session = begin(&server).await;
    server.advance(Duration::from_mins(2));
    let answer = try_code(&server, &session, &phone.code(server.now())).await;
    let code = answer.text("authorization_code");
    let redemption = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("code_verifier", crate::harness::VERIFIER),
    ];
    let answer = server.post("/token", &redemption).await;
    let tokens = answer.tokens();
    let refreshed = server.refresh(&tokens.refresh).await.tokens();
    for token in [&tokens.access, &answer.text("id_token"), &refreshed.access] {
        let claims = claims(token);
        assert_eq!(claims["acr"], MFA);
        assert_eq!(claims["amr"], json!(["pwd", "otp"]));
        assert_eq!(claims["auth_time"], begun_at.as_seconds());
    }
}

#[tokio::test]
async fn password_and_code_may_come_together() {
    let (server, phone) = start().await;
    let code = phone.code(server.now());
    let answer = server.post(PATH, &form(&[("otp", &code)])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let wrong = server.post(PATH, &form(&[("otp", &code)])).await;
    assert_eq!(wrong.verdict(), "400 access_denied", "it was used");
    server.add_user("bob").await;
    let bob = server.post(PATH, &form(&[("username", "bob"), ("otp", &code)])).await;
    assert_eq!(bob.verdict(), "400 access_denied", "he has no phone");
    let both = form(&[("otp", "123456"), ("recovery_code", "a")]);
    assert_eq!(server.post(PATH, &both).await.verdict(), "400 invalid_request");
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_a_half() {
    let (server, phone) = start().await;
    let now = server.now();
    for (shift, status) in [(-60, 400), (-30, 200), (30, 200), (60, 400)] {
        let (server, _) = start().await;
        let at = now.as_seconds() + shift;
        let code = phone.code(menshen_token::Timestamp::from_seconds(at));
        let session = begin(&server).await;
        assert_eq!(try_code(&server, &session, &code).await.status, status, "{shift}");
    }
}

#[tokio::test]
async fn no_code_and_no_session_is_good_twice() {
    let (server, phone) = start().await;
    let (first, second) = (begin(&server).await, begin(&server).await);
    let code = phone.code(server.now());
    assert_eq!(try_code(&server, &first, &code).await.status, 200);
    assert_eq!(try_code(&server, &second, &code).await.verdict(), "400 access_denied");
    next_code(&server);
    let code = phone.code(server.now());
    assert_eq!(try_code(&server, &first, &code).await.verdict(), "400 invalid_session");
    assert_eq!(try_code(&server, &second, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_who_bring_one_code_one_is_let_in() {
    let exempt = |config: &mut Config| {
        config.throttle_exempt_networks = vec!["192.0.2.0/24".parse().expect("a network")];
    };
    let (server, phone) = start_with(exempt).await;
    let code = phone.code(server.now());
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let session = begin(&server).await;
        let call = server.call("POST", PATH).form(&going_on(&session, &[("otp", &code)]));
        tasks.spawn(call.send());
    }
    let answers = tasks.join_all().await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 15, "{statuses:?}");
}

#[tokio::test]
async fn a_session_goes_on_where_it_was_begun_and_not_for_long() {
    let (server, phone) = start().await;
    let session = begin(&server).await;
    let code = phone.code(server.now());
    let foreign: [&[(&str, &str)]; 3] = [
        &[("client_id", "other")],
        &[("code_challenge", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")],
        &[("dpop_jkt", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")],
    ];
    for changes in foreign {
        let mut changes = changes.to_vec();
        changes.push(("otp", &code));
        let answer = server.post(PATH, &going_on(&session, &changes)).await;
        assert_eq!(answer.verdict(), "400 invalid_session", "{changes:?}");
    }
    assert_eq!(try_code(&server, "unknown", &code).await.verdict(), "400 invalid_session");
    server.advance(Duration::from_mins(10));
    let late = try_code(&server, &session, &phone.code(server.now())).await;
    assert_eq!(late.verdict(), "400 invalid_session");
    let session = begin(&server).await;
    let everywhere = menshen_store::Target::User("user-ada".parse().expect("an id"));
    let reason = menshen_token::Reason::LogoutEverywhere;
    server.app.store.revoke(&everywhere, reason, server.now()).await.expect("ended");
    let ended = try_code(&server, &session, &phone.code(server.now())).await;
    assert_eq!(ended.verdict(), "400 invalid_session");
}

#[tokio::test]
async fn guessing_codes_is_slow_and_needs_the_password_again_and_again() {
    let (server, phone) = start().await;
    // At home once, so that somebody else's guesses are none of ada's.
    assert_eq!(
        try_code(&server, &begin(&server).await, &phone.code(server.now())).await.status,
        200
    );
    next_code(&server);
    let wrong = phone.wrong(server.now());
    let guess = async |changes: &[(&str, &str)]| {
        let call = server.call("POST", PATH).sent_from("198.51.100.1");
        call.form(&form(changes)).send().await
    };
    let session = guess(&[]).await.text("auth_session");
    let mut answers = Vec::new();
    for _ in 0..7 {
        let again = [
            ("username", ""),
            ("password", ""),
            ("auth_session", session.as_str()),
            ("otp", wrong.as_str()),
        ];
        answers.push(guess(&again).await.status);
    }
    assert_eq!(answers, [400, 400, 400, 400, 400, 400, 400]);
    let mut refused = 0;
    for _ in 0..20 {
        refused += u32::from(guess(&[("otp", &wrong)]).await.status == 429);
    }
    assert!(refused >= 19, "the right password makes nobody familiar: {refused}");
    let session = begin(&server).await;
    let owner = try_code(&server, &session, &phone.code(server.now())).await;
    assert_eq!(owner.status, 200, "{}", owner.body);
}

#[tokio::test]
async fn a_recovery_code_is_good_once() {
    let (server, _) = start().await;
    let code = recovery_code(RECOVERY);
    let typed = code.expose().to_uppercase().replace('-', " ");
    let session = begin(&server).await;
    let use_it = going_on(&session, &[("recovery_code", &typed)]);
    let answer = server.post(PATH, &use_it).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = server.post(PATH, &form(&[])).await;
    assert_eq!(answer.json()["methods"], json!(["otp"]), "none is left");
    let session = answer.text("auth_session");
    let use_it = going_on(&session, &[("recovery_code", &typed)]);
    assert_eq!(server.post(PATH, &use_it).await.verdict(), "400 access_denied");
}

#[tokio::test]
async fn a_code_is_mailed_to_whoever_asks_for_it() {
    let mut postbox = Postbox::open().await;
    let (server, _) = start_with(postbox.serve()).await;
    let bob = server.add_user("bob@mail.example").await;
    let asked = [("username", "bob@mail.example"), ("acr_values", MFA)];
    let answer = server.post(PATH, &form(&asked)).await;
    assert_eq!(answer.verdict(), "403 insufficient_authorization");
    assert_eq!(answer.json()["methods"], json!(["mailed_code"]));
    assert!(postbox.is_empty(), "nobody has asked for it");
    let session = answer.text("auth_session");
    let answer = server.post(PATH, &going_on(&session, &[("mail_code", "1")])).await;
    assert_eq!(answer.verdict(), "403 insufficient_authorization");
    let first = mailed_code(&postbox.next().await.text);
    server.post(PATH, &going_on(&session, &[("mail_code", "1")])).await;
    let second = mailed_code(&postbox.next().await.text);
    let give = async |session: &str, code: &str| {
        server.post(PATH, &going_on(session, &[("mailed_code", code)])).await
    };
    assert_eq!(give(&session, &first).await.verdict(), "400 access_denied", "a newer one counts");
    let elsewhere = server.post(PATH, &form(&asked)).await.text("auth_session");
    assert_eq!(give(&elsewhere, &second).await.verdict(), "400 access_denied", "not for this one");
    assert_eq!(give(&session, &second).await.status, 200);
    assert_eq!(give(&session, &second).await.verdict(), "400 invalid_session");
    server.post(PATH, &going_on(&elsewhere, &[("mail_code", "1")])).await;
    let third = mailed_code(&postbox.next().await.text);
    server.advance(Duration::from_mins(10));
    assert_eq!(give(&elsewhere, &third).await.verdict(), "400 invalid_session", "it is too old");
    assert_eq!(server.app.store.find_one_time_passwords(&bob).await.expect("reads"), None);
}

fn mailed_code(text: &str) -> String {
    let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    text.split_whitespace().find(is_code).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

#[tokio::test]
async fn who_has_no_way_to_give_a_code_is_told_so() {
    let (server, _) = start().await;
    server.add_user("bob").await;
    let asked = |acr| form(&[("username", "bob"), ("acr_values", acr)]);
    let answer = server.post(PATH, &asked(MFA)).await;
    assert_eq!(answer.verdict(), "400 unmet_authentication_requirements");
    for enough in
        ["urn:menshen:acr:mfa urn:menshen:acr:password", "phr", "urn:menshen:acr:password"]
    {
        assert_eq!(server.post(PATH, &asked(enough)).await.status, 200, "{enough}");
    }
}

#[tokio::test]
async fn a_gateway_passes_password_and_code_on() {
    let server = with_edge().await;
    let phone = turn_on(&server, &"user-ada".parse().expect("an id")).await;
    let ask = async |code: &str| {
        let form = [
            ("grant_type", "urn:menshen:params:oauth:grant-type:basic"),
            ("username", "ada"),
            ("password", PASSWORD),
            ("client_address", "203.0.113.9"),
            ("otp", code),
        ];
        server.call("POST", "/token").basic("edge", SECRET).form(&form).send().await
    };
    assert_eq!(ask("").await.verdict(), "403 insufficient_authorization");
    assert_eq!(ask(&phone.wrong(server.now())).await.verdict(), "400 invalid_grant");
    let code = phone.code(server.now());
    let token = ask(&code).await.text("access_token");
    assert_eq!(claims(&token)["amr"], json!(["pwd", "otp"]));
    assert_eq!(ask(&code).await.verdict(), "400 invalid_grant", "it was used");
}

#[tokio::test]
async fn the_password_grant_of_old_clients_takes_a_code_too() {
    let (server, phone) = start().await;
    let relic = |client: &mut Client| {
        client.policy.legacy_grants = true;
        client.metadata.grant_types = vec!["password".to_owned()];
    };
    server.register("old", relic).await;
    let ask = async |code: &str| {
        let form = [
            ("grant_type", "password"),
            ("client_id", "old"),
            ("username", "ada"),
            ("password", PASSWORD),
            ("otp", code),
        ];
        server.post("/token", &form).await
    };
    assert_eq!(ask("").await.verdict(), "403 insufficient_authorization");
    assert_eq!(ask(&phone.wrong(server.now())).await.verdict(), "400 invalid_grant");
    let answer = ask(&phone.code(server.now())).await;
    assert_eq!(claims(&answer.tokens().access)["acr"], MFA);
}
