//! What the OpenID Foundation's basic plan asks of a provider, line by line, as far as other files do
//! not: plain clients, without challenges, as they have always been.

use std::time::Duration;

use menshen_domain::client::{Client, ClientMetadata};
use serde_json::{Map, Value, json};

use crate::authorize::{CALLBACK, come_back, with_web};
use crate::harness::{Answer, SECRET, Server, claims};
use crate::walk::{Walker, forms, path, sent};

/// A request of a client that knows nothing of challenges.
fn plain(extra: &[(&str, &str)]) -> String {
    let standard = [
        ("client_id", "web"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "s"),
    ];
    let kept = standard.iter().filter(|(name, _)| !extra.iter().any(|(own, _)| own == name));
    let all: Vec<(&str, &str)> = kept.chain(extra).copied().collect();
    path("/authorize", &all)
}

async fn redeem(server: &Server, code: &str) -> Answer {
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    server.call("POST", "/token").basic("web", SECRET).form(&form).send().await
}

/// What the client has in the end.
async fn tokens(walker: &mut Walker, server: &Server, request: &str) -> Answer {
    let answer = come_back(walker, server, request).await;
    let tokens = redeem(server, &sent(&answer)["code"]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    tokens
}

fn id_token(answer: &Answer) -> Value {
    claims(&answer.text("id_token"))
}

/// A user of whom everything is known.
async fn with_everything_known() -> (Server, Map<String, Value>) {
    let server = with_web().await;
    let known = json!({
        "name": "Ada King", "given_name": "Ada", "family_name": "King", "middle_name": "Augusta",
        "nickname": "ada", "preferred_username": "countess", "profile": "https://ada.example/me",
        "picture": "https://ada.example/me.png", "website": "https://ada.example",
        "gender": "female", "birthdate": "1815-12-10", "zoneinfo": "Europe/London",
        "locale": "en-GB", "updated_at": 1_767_225_600, "email": "ada@ada.example",
        "email_verified": true, "address": { "country": "GB" }, "phone_number": "+44 20 7946 0000",
        "phone_number_verified": false,
    });
    let known = known.as_object().expect("an object").clone();
    let ada = server.user("ada").id;
    let changed = server.app.store.change_claims(&ada, None, Some(&known), server.now()).await;
    changed.expect("changed");
    server.advance(Duration::from_secs(1));
    let change = menshen_store::ClientChange {
        policy: Some(menshen_domain::client::ClientPolicy {
            scope: "openid profile email address phone offline_access".parse().expect("valid"),
            ..menshen_domain::client::ClientPolicy::default()
        }),
        ..menshen_store::ClientChange::default()
    };
    let web = "web".parse().expect("valid");
    server.app.store.change_client(&web, &change).await.expect("changed");
    (server, known)
}

#[tokio::test]
async fn a_plain_client_gets_in_without_challenge_nonce_and_state() {
    let server = with_web().await;
    let request = plain(&[("state", "")]);
    let answer = come_back(&mut Walker::default(), &server, &request).await;
    assert!(!sent(&answer).contains_key("state"));
    let tokens = redeem(&server, &sent(&answer)["code"]).await;
    let id_token = id_token(&tokens);
    assert_eq!(id_token["nonce"], Value::Null, "nobody gave one");
    assert_eq!(id_token["name"], Value::Null, "nobody asked");
    assert!(id_token["auth_time"].is_i64() && id_token["acr"].is_string());
    assert_eq!(tokens.header("cache-control"), "no-store");
    assert_eq!(tokens.text("token_type"), "Bearer");
    assert!(tokens.json()["expires_in"].is_u64());
}

#[tokio::test]
async fn every_scope_releases_its_claims_in_userinfo_and_nowhere_else() {
    let (server, known) = with_everything_known().await;
    let all = "phone address email profile openid";
    let tokens = tokens(&mut Walker::default(), &server, &plain(&[("scope", all)])).await;
    let access = tokens.text("access_token");
    let userinfo = server.userinfo(&access).await.json();
    for (name, value) in &known {
        assert_eq!(&userinfo[name], value, "{name}");
        assert_eq!(id_token(&tokens)[name], Value::Null, "{name}");
        assert_eq!(claims(&access)[name], Value::Null, "{name}");
    }
    assert_eq!(userinfo["sub"], id_token(&tokens)["sub"]);
    for (scope, claim) in [("profile", "name"), ("email", "email"), ("phone", "phone_number")] {
        let asked = format!("openid {scope}");
        let request = plain(&[("scope", &asked)]);
        let access = self::tokens(&mut Walker::default(), &server, &request).await;
        let userinfo = server.userinfo(&access.text("access_token")).await.json();
        let released = ["name", "email", "phone_number", "address"];
        let released = released.into_iter().filter(|name| !userinfo[*name].is_null());
        assert_eq!(released.collect::<Vec<_>>(), [claim], "{scope}");
    }
}

#[tokio::test]
async fn what_is_not_understood_or_only_a_wish_is_passed_over() {
    let server = with_web().await;
    for extra in [
        ("display", "popup"),
        ("display", "page"),
        ("ui_locales", "se fr"),
        ("claims_locales", "se"),
        ("login_hint", "buffy@slayer.example"),
        ("extra", "foobar"),
        ("acr_values", "urn:menshen:acr:password 1 2"),
        ("acr_values", "phr"),
        ("scope", "openid unheard-of"),
        ("prompt", "create"),
    ] {
        let tokens = tokens(&mut Walker::default(), &server, &plain(&[extra])).await;
        assert_eq!(id_token(&tokens)["acr"], "urn:menshen:acr:password", "{extra:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_told_to_the_client() {
    let server = with_web().await;
    let mut walker = Walker::default();
    for (extra, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "smoke"), "unsupported_response_type"),
        (("response_type", "code code"), "unsupported_response_type"),
        (("max_age", "soon"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("claims", "{"), "invalid_request"),
        (("claims", "{\"id_token\":{\"name\":1}}"), "invalid_request"),
        (("registration", "{}"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("resource", "https://api.example"), "invalid_target"),
        (("dpop_jkt", "short"), "invalid_request"),
        (("prompt", "none consent"), "invalid_request"),
        (("scope", "unheard-of"), "invalid_scope"),
    ] {
        for method in ["query", "form_post"] {
            let request = plain(&[extra, ("response_mode", method)]);
            let answer = walker.get(&server, &request).await;
            let told: Map<String, Value> = if method == "query" {
                let told = sent(&answer).into_iter().map(|(name, value)| (name, value.into()));
                told.collect()
            } else {
                let shown = forms(&answer.body).remove(0);
                assert_eq!((answer.status, shown.action.as_str()), (200, CALLBACK));
                shown.fields.into_iter().map(|(name, value)| (name, value.into())).collect()
            };
            assert_eq!(told["error"], error, "{extra:?} {method}");
            assert_eq!(told["state"], "s", "{extra:?}");
            let allowed = ["error", "error_description", "state", "iss"];
            assert!(told.keys().all(|name| allowed.contains(&name.as_str())), "{told:?}");
            let said = told["error_description"].as_str().expect("a text");
            assert!(said.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{said}");
        }
    }
}

#[tokio::test]
async fn tokens_in_addresses_are_for_those_who_may_still_have_them() {
    let server = with_web().await;
    for front in ["id_token", "token", "id_token token", "code token", "code id_token"] {
        let asked = [("response_type", front), ("nonce", "n")];
        let answer = Walker::default().get(&server, &plain(&asked)).await;
        assert_eq!(sent(&answer)["error"], "unsupported_response_type", "{front}");
    }
}

#[tokio::test]
async fn a_form_is_as_good_as_an_address() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let request = plain(&[]);
    let query = request.split_once('?').expect("a query").1;
    let form = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let form: Vec<(String, String)> = form.collect();
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = server.call("POST", "/authorize").header("sec-fetch-site", "cross-site");
    let answer = answer.form(&form).send().await;
    let page = walker.follow(&server, answer).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let page = walker.sign_in(&server, &page).await;
    let answer = walker.submit(&server, &page, "/consent", &[("decision", "allow")]).await;
    assert!(sent(&answer).contains_key("code"));
}

#[tokio::test]
async fn a_sign_in_may_be_a_second_old_and_no_more() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let first = id_token(&tokens(&mut walker, &server, &plain(&[])).await);
    let patient = plain(&[("max_age", "10000"), ("prompt", "none")]);
    let second = id_token(&tokens(&mut walker, &server, &patient).await);
    assert_eq!((&first["auth_time"], &first["sub"]), (&second["auth_time"], &second["sub"]));
    server.advance(Duration::from_secs(2));
    let page = walker.get(&server, &plain(&[("max_age", "1")])).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let third = id_token(&tokens(&mut walker, &server, &plain(&[("max_age", "1")])).await);
    assert!(third["auth_time"].as_i64() > first["auth_time"].as_i64());
    assert_eq!(third["sid"], first["sid"], "it is the same session");
}

#[tokio::test]
async fn a_hint_says_who_is_meant() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let first = tokens(&mut walker, &server, &plain(&[])).await;
    let hint = first.text("id_token");
    let silent = plain(&[("prompt", "none"), ("id_token_hint", &hint)]);
    let second = id_token(&tokens(&mut walker, &server, &silent).await);
    assert_eq!(second["sub"], id_token(&first)["sub"]);
    assert_eq!(second["auth_time"], id_token(&first)["auth_time"]);
    let mut stranger = Walker::default();
    let answer = stranger.get(&server, &silent).await;
    assert_eq!(sent(&answer)["error"], "login_required");
    let forged = format!("{}A", &hint[..hint.len() - 2]);
    let silent = plain(&[("prompt", "none"), ("id_token_hint", &forged)]);
    let answer = walker.get(&server, &silent).await;
    assert_eq!(sent(&answer)["error"], "login_required");
    let loud = plain(&[("id_token_hint", &forged)]);
    assert!(sent(&walker.get(&server, &loud).await).contains_key("code"), "a hint, no demand");
}

#[tokio::test]
async fn whoever_is_not_meant_is_not_asked_for_ever() {
    let server = with_web().await;
    let hint = tokens(&mut Walker::default(), &server, &plain(&[])).await.text("id_token");
    let named = r#"{"id_token":{"sub":{"value":"user-ada"}}}"#;
    for wanted in [("id_token_hint", hint.as_str()), ("claims", named)] {
        let mut walker = Walker::default();
        let page = walker.get(&server, &plain(&[wanted])).await;
        server.advance(Duration::from_secs(1));
        let answer = walker.sign_in_as(&server, &page, "bob").await;
        assert_eq!(sent(&answer)["error"], "login_required", "{wanted:?}");
        let page = walker.get(&server, &plain(&[wanted])).await;
        assert!(page.body.contains("name=\"password\""), "a new request may be for somebody else");
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_what_it_gave_dies_with_the_second_time() {
    for pause in [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(30)] {
        let server = with_web().await;
        let answer = come_back(&mut Walker::default(), &server, &plain(&[])).await;
        let code = sent(&answer)["code"].clone();
        let access = redeem(&server, &code).await.tokens().access;
        assert_eq!(server.userinfo(&access).await.status, 200);
        server.advance(pause);
        let again = redeem(&server, &code).await;
        assert_eq!(again.verdict(), "400 invalid_grant authorization_code_reuse");
        assert_eq!(server.userinfo(&access).await.verdict(), "401 invalid_token");
    }
}

#[tokio::test]
async fn a_refresh_keeps_who_signed_in_and_when() {
    let (server, _) = with_everything_known().await;
    let mut walker = Walker::default();
    let request = plain(&[("scope", "openid offline_access"), ("prompt", "consent")]);
    let first = tokens(&mut walker, &server, &request).await;
    server.advance(Duration::from_mins(5));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &first.text("refresh_token")),
        ("scope", "openid offline_access"),
    ];
    let second = server.call("POST", "/token").basic("web", SECRET).form(&form).send().await;
    assert_eq!((second.status, second.header("cache-control")), (200, "no-store"));
    let (before, after) = (id_token(&first), id_token(&second));
    for kept in ["iss", "sub", "aud", "azp", "auth_time", "sid", "acr"] {
        assert_eq!(before[kept], after[kept], "{kept}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64());
    assert_ne!(first.text("access_token"), second.text("access_token"));
    server.add_confidential("second", |_| ()).await;
    let stolen = server.call("POST", "/token").basic("second", SECRET).form(&form).send().await;
    assert_eq!(stolen.verdict(), "400 invalid_grant");
}

#[tokio::test]
async fn an_answer_of_userinfo_may_be_signed() {
    let server = Server::start().await;
    server.add_user("ada").await;
    let metadata = ClientMetadata {
        redirect_uris: vec![CALLBACK.to_owned()],
        userinfo_signed_response_alg: Some(menshen_token::Algorithm::RS256),
        ..ClientMetadata::default()
    };
    server.add_web("web", metadata, |_| ()).await;
    let access = tokens(&mut Walker::default(), &server, &plain(&[])).await.text("access_token");
    let answer = server.userinfo(&access).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/jwt"));
    let said = claims(&answer.body);
    assert_eq!((&said["sub"], &said["aud"]), (&json!("user-ada"), &json!("web")));
}

#[tokio::test]
async fn a_registered_query_is_kept_and_an_address_must_be_named() {
    let server = Server::start().await;
    server.add_user("ada").await;
    let kept = "https://web.example/cb?tenant=1";
    let uris = vec![kept.to_owned(), CALLBACK.to_owned()];
    let web = |client: &mut Client| {
        client.metadata.redirect_uris = uris;
        client.policy.first_party = true;
        client.secret_hash = Some(menshen_domain::Secret::new(SECRET.to_owned()).hash());
    };
    server.register("web", web).await;
    let mut walker = Walker::default();
    let answer = come_back(&mut walker, &server, &plain(&[("redirect_uri", kept)])).await;
    assert_eq!(sent(&answer)["tenant"], "1");
    assert!(answer.header("location").starts_with(&format!("{kept}&code=")));
    let missing = walker.get(&server, &plain(&[("redirect_uri", "")])).await;
    assert_eq!((missing.status, missing.header("location")), (400, ""));
}
