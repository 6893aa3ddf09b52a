//! What a request is answered, by what it brings.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use menshen_verifier::token::{AccessToken, Revocation};
use menshen_verifier::{Claims, Policy, Verified, require_role, require_scope};
use serde::Deserialize;

use super::{api, ask, issuer, with_authorization};

#[tokio::test]
async fn a_good_token_reaches_the_handler() {
    let issuer = issuer();
    let api = api().layer(issuer.verifier().layer());
    let token = issuer.token("ada", "");
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let request = with_authorization(&[&format!("{scheme} {token}")]);
        assert_eq!(ask(api.clone(), request).await, "200\nhello ada");
    }
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_asked_for_one() {
    let api = api().layer(issuer().verifier().layer());
    let none = Request::get("/hello").body(Body::empty()).expect("a valid request");
    assert_eq!(ask(api.clone(), none).await, "401\nwww-authenticate: Bearer");
    for other in ["Basic YTpi", "DPoP abc", "Digest x=y", "", "Bearerabc"] {
        let answer = ask(api.clone(), with_authorization(&[other])).await;
        assert_eq!(answer, "401\nwww-authenticate: Bearer", "{other}");
    }
}

#[tokio::test]
async fn an_ambiguous_or_malformed_header_is_refused() {
    let issuer = issuer();
    let api = api().layer(issuer.verifier().layer());
    let good = format!("Bearer {}", issuer.token("ada", ""));
    let refused = "401\nwww-authenticate: Bearer error=\"invalid_token\", \
                   error_description=\"token is malformed\"";
    for values in [
        vec![good.as_str(), good.as_str()],
        vec![good.as_str(), "Basic YTpi"],
        vec!["Basic YTpi", good.as_str()],
        vec!["Bearer"],
        vec!["Bearer "],
        vec!["Bearer a b"],
        vec!["Bearer a.b.c"],
        vec!["Bearer caf\u{e9}"],
    ] {
        assert_eq!(ask(api.clone(), with_authorization(&values)).await, refused, "{values:?}");
    }
    let listed = format!("{good}, {good}");
    assert_eq!(ask(api, with_authorization(&[&listed])).await, refused);
}

#[tokio::test]
async fn a_token_in_the_query_or_a_form_is_no_token() {
    let issuer = issuer();
    let api = api().layer(issuer.verifier().layer());
    let uri = format!("/hello?access_token={}", issuer.token("ada", ""));
    let request = Request::get(uri).body(Body::empty()).expect("a valid request");
    assert_eq!(ask(api, request).await, "401\nwww-authenticate: Bearer");
}

#[tokio::test]
async fn scopes_and_roles_are_asked_for_by_the_layer_and_by_guards() {
    let issuer = issuer();
    let (by_layer, by_guard) = (issuer.verifier().layer(), issuer.verifier().layer());
    let apis = [
        api().layer(by_layer.require_scope("read write").require_role("staff")),
        api().layer(require_role("staff")).layer(require_scope("read write")).layer(by_guard),
    ];
    let sign = |scope: &str, role: &str| {
        let claims = issuer.claims("ada");
        let scope = scope.parse().expect("valid");
        let token = issuer.sign(&AccessToken { scope, roles: vec![role.to_owned()], ..claims });
        with_authorization(&[&format!("Bearer {token}")])
    };
    for api in apis {
        assert_eq!(ask(api.clone(), sign("write read", "staff")).await, "200\nhello ada");
        assert_eq!(
            ask(api.clone(), sign("read", "staff")).await,
            "403\nwww-authenticate: Bearer error=\"insufficient_scope\", \
             error_description=\"token lacks the scope read write\", scope=\"read write\""
        );
        assert_eq!(
            ask(api.clone(), sign("read write", "staf")).await,
            "403\nwww-authenticate: Bearer error=\"insufficient_scope\", \
             error_description=\"token lacks the role staff\""
        );
    }
}

#[tokio::test]
async fn without_the_layer_nothing_passes() {
    let issuer = issuer();
    let token = format!("Bearer {}", issuer.token("ada", "read"));
    for bare in [api(), api().layer(require_scope("read")), api().layer(require_role("a"))] {
        let answer = ask(bare, with_authorization(&[&token])).await;
        assert_eq!(answer, "401\nwww-authenticate: Bearer");
    }
}

#[tokio::test]
async fn a_route_may_be_more_patient_than_the_verifier() {
    let issuer = issuer();
    let verifier = issuer.verifier_with(Policy::Refuse);
    let patient = Policy::AllowFor(Duration::from_mins(1));
    let (strict, patient) =
        (api().layer(verifier.layer()), api().layer(verifier.layer().policy(patient)));
    let introspecting = api().layer(verifier.layer().policy(Policy::Introspect));
    let token = format!("Bearer {}", issuer.token("ada", ""));
    issuer.advance_in_silence(Duration::from_secs(30));
    let request = || with_authorization(&[&token]);
    assert_eq!(ask(strict.clone(), request()).await, "503\nretry-after: 1");
    assert_eq!(ask(introspecting, request()).await, "503\nretry-after: 1");
    assert_eq!(ask(patient.clone(), request()).await, "200\nhello ada");
    issuer.advance_in_silence(Duration::from_secs(36));
    assert_eq!(ask(patient, request()).await, "503\nretry-after: 1");
    issuer.advance(Duration::ZERO);
    assert_eq!(ask(strict, request()).await, "200\nhello ada");
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused_although_it_was_cached() {
    let issuer = issuer();
    let api = api().layer(issuer.verifier().layer());
    let claims = issuer.claims("ada");
    let request = |token: &str| with_authorization(&[&format!("Bearer {token}")]);
    let (revoked, aged) = (issuer.sign(&claims), issuer.token("bob", ""));
    for token in [&revoked, &aged] {
        assert!(ask(api.clone(), request(token)).await.starts_with("200"));
    }
    issuer.revoke(Revocation::Session(claims.session_id.expect("a session")));
    assert_eq!(
        ask(api.clone(), request(&revoked)).await,
        "401\nwww-authenticate: Bearer error=\"invalid_token\", \
         error_description=\"token was revoked\""
    );
    assert!(ask(api.clone(), request(&aged)).await.starts_with("200"));
    issuer.advance(Duration::from_mins(10));
    assert_eq!(
        ask(api, request(&aged)).await,
        "401\nwww-authenticate: Bearer error=\"invalid_token\", \
         error_description=\"token has expired\""
    );
}

#[derive(Deserialize)]
struct Tenant {
    tenant: String,
}

#[tokio::test]
async fn custom_claims_are_read_as_a_type() {
    let issuer = issuer();
    let tenant = |Claims(claims): Claims<Tenant>| async move { claims.tenant };
    let api = Router::new().route("/hello", get(tenant)).layer(issuer.verifier().layer());
    let sign = |custom: serde_json::Value| {
        let mut claims = issuer.claims("ada");
        claims.custom = custom.as_object().expect("an object").clone();
        with_authorization(&[&format!("Bearer {}", issuer.sign(&claims))])
    };
    let good = sign(serde_json::json!({ "tenant": "acme", "more": [1] }));
    assert_eq!(ask(api.clone(), good).await, "200\nacme");
    for bad in [serde_json::json!({}), serde_json::json!({ "tenant": 1 })] {
        assert_eq!(
            ask(api.clone(), sign(bad)).await,
            "401\nwww-authenticate: Bearer error=\"invalid_token\", \
             error_description=\"token claims are not what this resource reads\""
        );
    }
}

#[tokio::test]
async fn a_handler_sees_everything_the_token_says() {
    let issuer = issuer();
    let claims = issuer.claims("ada");
    let verified: Verified = issuer.verifier().verify(&issuer.sign(&claims)).expect("good");
    assert_eq!(verified.token(), &claims);
    assert_eq!(verified.subject().as_str(), "ada");
    assert_eq!(verified.client_id().as_str(), "test-client");
    assert_eq!(verified.session_id(), claims.session_id);
}
