//! The verbs, with the server running and without: they work on its database.

use std::time::Duration;

use menshen_token::{Clock as _, SystemClock};
use serde_json::Value;

use crate::harness::{Home, Server};

const PASSWORD: &str = "correct horse battery staple";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

fn with_ada(home: &Home) {
    home.done(&["user", "add", "ada", "--password-stdin", "--role", "editor"], PASSWORD);
    let app = ["client", "add", "app", "--public", "--first-party", "--scope", "openid account"];
    home.done(&app, "");
}

async fn post(server: &Server, path: &str, form: &[(&str, &str)]) -> Value {
    let url = format!("{}{path}", server.issuer());
    let response = client().post(url).form(form).send().await.expect("it answers");
    response.json().await.unwrap_or_default()
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    builder.build().expect("needs nothing")
}

/// Signs Ada in; the answer of the token endpoint.
async fn sign_in(server: &Server, password: &str) -> Value {
    let form = [
        ("client_id", "app"),
        ("username", "ada"),
        ("password", password),
        ("scope", "openid account"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("device_name", "Ada's phone"),
    ];
    let challenged = post(server, "/authorize-challenge", &form).await;
    let Some(code) = challenged["authorization_code"].as_str() else { return challenged };
    let form = [
        ("client_id", "app"),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    post(server, "/token", &form).await
}

async fn userinfo(server: &Server, tokens: &Value) -> u16 {
    let token = tokens["access_token"].as_str().expect("signed in");
    let url = format!("{}/userinfo", server.issuer());
    client().get(url).bearer_auth(token).send().await.expect("it answers").status().as_u16()
}

#[tokio::test]
async fn whoever_was_added_on_the_command_line_can_sign_in() {
    let home = Home::new();
    with_ada(&home); // before the server has ever run
    let server = home.serve(&[]);
    let tokens = sign_in(&server, PASSWORD).await;
    assert_eq!(userinfo(&server, &tokens).await, 200, "{tokens}");
}

#[tokio::test]
async fn a_running_server_obeys_the_verbs_at_once() {
    let home = Home::new();
    let server = home.serve(&[]);
    with_ada(&home);
    let tokens = sign_in(&server, PASSWORD).await;
    assert_eq!(userinfo(&server, &tokens).await, 200, "{tokens}");

    let sessions = parse(&home.done(&["session", "list", "ada", "--json"], ""));
    assert_eq!(sessions[0]["device"], "Ada's phone");
    let id = sessions[0]["id"].as_str().expect("has one");
    home.done(&["session", "end", id], "");
    assert_eq!(userinfo(&server, &tokens).await, 401);
    let shown = home.done(&["session", "show", id], "");
    assert!(shown.contains("An administrator signed you out."), "{shown}");
    let shown = parse(&home.done(&["session", "show", id, "--json"], ""));
    assert_eq!(shown["ended_reason"], "admin");
    assert_eq!(shown["deliveries"].as_array().expect("a list").len(), 0);
    let none = home.done(&["delivery", "list", "--state", "queued"], "");
    assert!(none.contains("Nothing is queued"), "{none}");

    let tokens = sign_in(&server, PASSWORD).await;
    home.done(&["user", "set-password", "ada", "--password-stdin"], "another one, much longer");
    assert_eq!(userinfo(&server, &tokens).await, 401);
    assert_eq!(sign_in(&server, PASSWORD).await["error"], "access_denied");

    let tokens = sign_in(&server, "another one, much longer").await;
    assert_eq!(userinfo(&server, &tokens).await, 200);
    home.done(&["user", "disable", "ada"], "");
    assert_eq!(userinfo(&server, &tokens).await, 401);
    home.done(&["user", "enable", "ada"], "");
    let tokens = sign_in(&server, "another one, much longer").await;
    assert_eq!(userinfo(&server, &tokens).await, 200);

    home.done(&["revoke", "all"], "");
    assert_eq!(userinfo(&server, &tokens).await, 401);
}

/// One id in 64 does.
#[test]
fn an_id_may_begin_with_a_hyphen() {
    let home = Home::new();
    let id = "-eqlGoWHiJayZt0GFAeb4g";
    for verb in [
        &["session", "show", id][..],
        &["session", "end", id],
        &["session", "end", "--all-of", id],
        &["session", "list", id],
        &["user", "disable", id],
        &["user", "roles", id, "editor"],
        &["key", "revoke", id],
    ] {
        let ran = home.run(verb);
        assert_eq!(ran.code, Some(1), "{verb:?} was not understood: {}", ran.stderr);
    }
    for help in [&["session", "end", "-h"][..], &["user", "roles", "--help"]] {
        assert_eq!(home.run(help).code, Some(0), "{help:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_takes_what_it_signed_with_it() {
    let home = Home::new();
    let server = home.serve(&[]);
    with_ada(&home);
    let tokens = sign_in(&server, PASSWORD).await;
    let keys = parse(&home.done(&["key", "list", "--json"], ""));
    let signs = |key: &&Value| key["state"] == "active" && key["algorithm"] == "ES256";
    let active = keys.as_array().expect("a list").iter().find(signs);
    let id = active.expect("one signs")["id"].as_str().expect("has one");
    home.done(&["key", "revoke", id], "");
    assert_eq!(userinfo(&server, &tokens).await, 401);
    let shown = home.done(&["key", "list"], "");
    assert!(shown.contains("removed") && shown.contains("active"), "{shown}");
}

#[test]
fn the_next_key_is_announced_before_it_signs() {
    let home = Home::new();
    drop(home.serve(&[]));
    home.done(&["key", "rotate"], "");
    let shown = home.done(&["key", "list"], "");
    assert!(shown.contains("announced") && shown.contains("active"), "{shown}");
}

#[test]
fn a_password_is_never_an_argument() {
    let home = Home::new();
    for args in [
        &["user", "add", "ada", "--password", PASSWORD] as &[&str],
        &["user", "add", "ada", PASSWORD],
        &["user", "set-password", "ada", PASSWORD],
    ] {
        assert_eq!(home.run(args).code, Some(2), "{args:?}");
    }
    let ran = home.run(&["user", "add", "ada"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("--password-stdin"), "{}", ran.stderr);
}

#[test]
fn roles_are_replaced_and_shown() {
    let home = Home::new();
    with_ada(&home);
    assert_eq!(home.done(&["user", "roles", "ada"], ""), "editor\n");
    home.done(&["user", "roles", "ada", "admin", "editor"], "");
    assert_eq!(home.done(&["user", "roles", "Ada"], ""), "admin\neditor\n");
    home.done(&["user", "roles", "ada", "--none"], "");
    assert_eq!(home.done(&["user", "roles", "ada"], ""), "");
}

#[test]
fn lists_are_for_people_and_for_scripts() {
    let home = Home::new();
    assert!(home.done(&["user", "list"], "").contains("menshen user add"));
    with_ada(&home);
    let table = home.done(&["user", "list"], "");
    assert!(table.starts_with("USERNAME"), "{table}");
    assert!(table.contains("ada") && table.contains("editor") && table.contains("active"));
    assert!(!table.contains('\u{1b}'), "{table}");
    let users = parse(&home.done(&["user", "list", "--json"], ""));
    assert_eq!(users[0]["username"], "ada");
    assert_eq!(users[0]["roles"][0], "editor");
    assert_eq!(users[0]["one_time_passwords"], false);
    assert_eq!(home.done(&["user", "otp", "ada"], ""), "off\n");
    home.done(&["user", "otp", "ada", "--off"], "");
    let clients = parse(&home.done(&["client", "list", "--json"], ""));
    assert_eq!(clients[0]["kind"], "public");
    let client = parse(&home.done(&["client", "show", "app"], ""));
    assert_eq!(client["policy"]["first_party"], true);
}

#[test]
fn failures_end_with_what_to_try() {
    let home = Home::new();
    with_ada(&home);
    for (args, tried) in [
        (&["user", "disable", "bob"] as &[&str], "menshen user list"),
        (&["client", "show", "nothing"], "menshen client list"),
        (&["client", "add", "app"], "menshen client show app"),
        (&["user", "add", "ada", "--password-stdin"], "menshen user set-password ada"),
    ] {
        let ran = home.run_with_input(args, PASSWORD);
        assert_eq!(ran.code, Some(1), "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("try: {tried}")), "{}", ran.stderr);
    }
}

#[test]
fn digest_is_on_for_whoever_gives_the_password() {
    let home = Home::new();
    with_ada(&home);
    let digest = ["user", "digest", "ada", "--password-stdin"];
    let wrong = home.run_with_input(&digest, "not the password");
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("not the password of ada"), "{}", wrong.stderr);
    let on = home.run_with_input(&digest, PASSWORD);
    assert_eq!(on.code, Some(0), "{}", on.stderr);
    home.done(&["user", "digest", "ada", "--off"], "");
    home.done(&["user", "set-password", "ada", "--password-stdin"], "another one, much longer");
    assert_eq!(home.run_with_input(&digest, PASSWORD).code, Some(1));
    home.done(&digest, "another one, much longer");
}

#[test]
fn a_web_client_is_added_and_changed_bit_by_bit() {
    let home = Home::new();
    let add = ["client", "add", "shop", "--redirect-uri", "https://shop.example/callback"];
    let more = ["--backchannel-logout-uri", "https://shop.example/out", "--scope", "openid"];
    home.done(&[&add[..], &more].concat(), "");
    let shown = || parse(&home.done(&["client", "show", "shop"], ""));
    assert_eq!(shown()["metadata"]["redirect_uris"][0], "https://shop.example/callback");
    let change = ["client", "change", "shop", "--require-pkce", "--name", "The shop"];
    home.done(&change, "");
    let changed = shown();
    assert_eq!(changed["name"], "The shop");
    assert_eq!(changed["policy"]["require_pkce"], true);
    assert_eq!(changed["policy"]["scope"], "openid");
    assert_eq!(changed["metadata"], shown()["metadata"]);

    home.write("metadata.json", r#"{"redirect_uris": ["https://new.example/cb"], "other": 1}"#);
    home.write("policy.json", r#"{"scope": "openid profile", "require_dpop": true}"#);
    let files = ["--metadata", "metadata.json", "--policy", "policy.json"];
    let flags = ["--redirect-uri", "https://newer.example/cb"];
    home.done(&[&["client", "change", "shop"], &files[..], &flags].concat(), "");
    let changed = shown();
    assert_eq!(changed["metadata"]["redirect_uris"][0], "https://newer.example/cb");
    assert_eq!(changed["metadata"]["backchannel_logout_uri"], Value::Null);
    assert_eq!(changed["policy"]["scope"], "openid profile");
    assert_eq!(changed["policy"]["require_pkce"], false, "a policy is the whole of it");

    for (args, finding) in [
        (&["--redirect-uri", "javascript:alert(1)"] as &[&str], "redirect_uris"),
        (&["--response-type", "id_token"], "legacy_grants"),
        (&["--auth-method", "private_key_jwt"], "jwks"),
        (&["--security-profile", "fapi2"], "private_key_jwt"),
        (&["--policy", "metadata.json"], "redirect_uris"),
        (&["--policy", "nowhere.json"], "nowhere.json"),
    ] {
        let ran = home.run(&[&["client", "change", "shop"], args].concat());
        assert_eq!(ran.code, Some(1), "{args:?}");
        assert!(ran.stderr.contains(finding), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_client_that_signs_with_its_secret_is_told_when_it_needs_a_new_one() {
    let home = Home::new();
    let add = ["client", "add", "signs", "--auth-method", "client_secret_jwt"];
    assert!(home.done(&add, "").contains("client secret"));
    let rename = ["client", "change", "signs", "--name", "It signs"];
    assert!(!home.done(&rename, "").contains("new secret"));
    assert!(!home.done(&["client", "add", "open", "--public"], "").contains("client secret"));
    let change = ["client", "change", "open", "--auth-method", "client_secret_basic"];
    assert!(home.done(&change, "").contains("menshen client secret open"));
    let odd = ["client", "add", "odd", "--public", "--auth-method", "client_secret_basic"];
    assert_eq!(home.run(&odd).code, Some(1));
}

#[tokio::test]
async fn a_secret_is_shown_once_and_can_be_replaced() {
    let home = Home::new();
    let server = home.serve(&[]);
    let shown = home.done(&["client", "add", "orders", "--scope", "revocations:read"], "");
    let first = secret(&shown);
    let works = async |secret: &str| {
        let form = [("grant_type", "client_credentials"), ("client_id", "orders")];
        let form = [form[0], form[1], ("client_secret", secret)];
        post(&server, "/token", &form).await["access_token"].is_string()
    };
    assert!(works(&first).await);
    let second = secret(&home.done(&["client", "secret", "orders"], ""));
    // The server reads a client again when what it knows of it is a second old.
    let clock = SystemClock::new();
    while !works(&second).await {
        assert!(clock.monotonic() < Duration::from_secs(30), "the new secret does not work");
    }
    assert!(!works(&first).await, "the old secret still works");
}

fn secret(shown: &str) -> String {
    let line = shown.lines().find(|line| line.contains("client secret")).expect("it is shown");
    line.split_whitespace().last().expect("it is shown").to_owned()
}
