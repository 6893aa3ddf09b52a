//! What may be registered, as tables.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

fn metadata(members: &Value) -> ClientMetadata {
    serde_json::from_value(members.clone()).expect("metadata")
}

fn checked(members: &Value, policy: &ClientPolicy) -> Checked {
    metadata(members).check(policy)
}

fn found(members: &Value) -> Option<InvalidMetadata> {
    checked(members, &ClientPolicy::default()).err()
}

fn legacy() -> ClientPolicy {
    ClientPolicy { legacy_grants: true, ..ClientPolicy::default() }
}

#[test]
fn a_client_that_says_nothing_is_sound() {
    assert_eq!(found(&json!({})), None);
}

#[test]
fn browsers_are_sent_to_safe_places_only() {
    let long = format!("https://app.example/{}", "x".repeat(2048));
    let mut table = String::new();
    for uri in [
        "https://app.example/cb",
        "https://app.example/cb?a=b",
        "https://app.example:8443/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "http://localhost:3000/cb",
        "com.example.app:/cb",
        "com.example.app://cb",
        "http://app.example/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "https://user@app.example/cb",
        "https://@app.example/cb",
        "https://user:pass@app.example/cb",
        "https://app.example/cb#fragment",
        "https://app.example/cb#",
        "https://app.example/a b",
        "https://app.example/\u{e9}",
        "https://app.example/\u{0}",
        "https://app.example\\@evil.example/cb",
        " https://app.example/cb",
        "https://app.example/cb\n",
        "https:app.example/cb",
        "https:///app.example",
        "https://",
        "https://%61pp.example/cb",
        "http://0x7f.1/cb",
        "http://127.1/cb",
        "//app.example/cb",
        "/cb",
        "app.example/cb",
        "",
        "javascript:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "about:blank",
        "vbscript:x",
        "mailto:a@app.example",
        "myapp:/cb",
        "ftp://app.example/cb",
        "ws://app.example/cb",
        long.as_str(),
    ] {
        let verdict = match found(&json!({ "redirect_uris": [uri] })) {
            None => "taken",
            Some(InvalidMetadata::Redirect("redirect_uris")) => "refused",
            Some(other) => panic!("{uri}: {other}"),
        };
        let shown: String = uri.chars().take(60).collect();
        let _ = writeln!(table, "{verdict} {shown:?}");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_web_app_is_sent_to_the_web() {
    for uri in ["http://localhost/cb", "com.example.app:/cb"] {
        let members = json!({ "application_type": "web", "redirect_uris": [uri] });
        assert_eq!(found(&members), Some(InvalidMetadata::WebRedirect("redirect_uris")));
        let native = json!({ "application_type": "native", "redirect_uris": [uri] });
        assert_eq!(found(&native), None);
    }
}

#[test]
fn nothing_is_fetched_from_unsafe_places() {
    let single = ["jwks_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri"];
    let single = single.into_iter().chain(["initiate_login_uri", "backchannel_logout_uri"]);
    for member in single {
        for uri in ["http://app.example/x", "com.example.app:/x", "https://a@app.example/x"] {
            let found = found(&json!({ member: uri }));
            assert_eq!(found, Some(InvalidMetadata::Address(member)), "{uri}");
        }
        assert_eq!(found(&json!({ member: "https://app.example/x" })), None);
        assert_eq!(found(&json!({ member: "http://127.0.0.1:9/x" })), None);
    }
    let hashed = json!({ "request_uris": ["https://app.example/request#its-hash"] });
    assert_eq!(found(&hashed), None);
    let plain = json!({ "request_uris": ["ftp://app.example/request"] });
    assert_eq!(found(&plain), Some(InvalidMetadata::Address("request_uris")));
    let sector = json!({ "sector_identifier_uri": "http://127.0.0.1/sector" });
    assert_eq!(found(&sector), Some(InvalidMetadata::Sector));
}

#[test]
fn front_channel_logouts_go_where_sign_ins_come_from() {
    let members = |uri: &str| {
        json!({
            "redirect_uris": ["https://app.example/cb"],
            "frontchannel_logout_uri": uri,
        })
    };
    assert_eq!(found(&members("https://app.example/out?x")), None);
    for elsewhere in ["https://other.example/out", "https://app.example:8443/out"] {
        assert_eq!(found(&members(elsewhere)), Some(InvalidMetadata::ForeignFrontChannel));
    }
}

#[test]
fn what_is_signed_can_be_checked() {
    use InvalidMetadata::{AssertionAlgorithm, KeySet, NoKeys, PrivateKey, TwoKeySets};
    let uri = "https://app.example/keys";
    let public = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] });
    let private = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" }] });
    let symmetric = json!({ "keys": [{ "kty": "oct", "k": "AQAB" }] });
    let method = |name: &str| json!({ "token_endpoint_auth_method": name });
    for (members, expected) in [
        (json!({ "jwks": public, "jwks_uri": uri }), Some(TwoKeySets)),
        (json!({ "jwks": public }), None),
        (json!({ "jwks": private }), Some(PrivateKey)),
        (json!({ "jwks": symmetric }), Some(PrivateKey)),
        (json!({ "jwks": { "keys": "none" } }), Some(KeySet)),
        (json!({ "jwks": [] }), Some(KeySet)),
        (method("private_key_jwt"), Some(NoKeys("token_endpoint_auth_method"))),
        (method("self_signed_tls_client_auth"), Some(NoKeys("token_endpoint_auth_method"))),
        (method("client_secret_jwt"), None),
        (
            json!({ "require_signed_request_object": true }),
            Some(NoKeys("require_signed_request_object")),
        ),
        (json!({ "token_endpoint_auth_signing_alg": "none" }), Some(AssertionAlgorithm)),
        (json!({ "token_endpoint_auth_signing_alg": "HS256" }), Some(AssertionAlgorithm)),
        (json!({ "token_endpoint_auth_signing_alg": "PS256" }), None),
    ] {
        assert_eq!(found(&members), expected, "{members}");
    }
}

#[test]
fn flows_fit_together_and_old_ones_need_a_switch() {
    use InvalidMetadata::{FlowsDiffer, GrantType, Legacy, NotConfidential, ResponseType};
    let flows = |responses: &[&str], grants: &[&str]| json!({ "response_types": responses, "grant_types": grants });
    let code = "authorization_code";
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    for (members, expected) in [
        (flows(&["code"], &[code]), None),
        (flows(&["code"], &[code, "refresh_token"]), None),
        (flows(&["code"], &[]), None),
        (flows(&[], &[device]), None),
        (flows(&[], &["client_credentials"]), None),
        (flows(&["code"], &["client_credentials"]), Some(FlowsDiffer)),
        (flows(&["id_token"], &["implicit"]), Some(Legacy)),
        (flows(&[], &["password"]), Some(Legacy)),
        (flows(&["code"], &["magic"]), Some(GrantType)),
        (flows(&["none"], &[]), Some(ResponseType)),
        (flows(&["code code"], &[]), Some(ResponseType)),
        (flows(&[""], &[]), Some(ResponseType)),
    ] {
        assert_eq!(found(&members), expected, "{members}");
    }
    for (members, expected) in [
        (flows(&["id_token token"], &["implicit"]), None),
        (flows(&["id_token code"], &["implicit", code]), None),
        (flows(&["id_token code"], &["implicit"]), Some(FlowsDiffer)),
        (flows(&["id_token code"], &[code]), Some(FlowsDiffer)),
        (flows(&[], &["password"]), None),
    ] {
        assert_eq!(checked(&members, &legacy()).err(), expected, "{members}");
    }
    let public = json!({
        "token_endpoint_auth_method": "none", "grant_types": ["client_credentials"],
    });
    assert_eq!(found(&public), Some(NotConfidential));
}

#[test]
fn pairwise_subjects_have_one_sector_and_keep_away_from_our_own_endpoints() {
    let pairwise = |uris: &[&str]| json!({ "subject_type": "pairwise", "redirect_uris": uris });
    assert_eq!(found(&pairwise(&["https://a.example/1", "https://a.example/2"])), None);
    let two = pairwise(&["https://a.example/1", "https://b.example/2"]);
    assert_eq!(found(&two), Some(InvalidMetadata::Sectors));
    let mut named = two.clone();
    named["sector_identifier_uri"] = "https://a.example/sector".into();
    assert_eq!(found(&named), None);
    for own in OWN_SCOPES {
        let scope = format!("openid {own}").parse().expect("a scope");
        let policy = ClientPolicy { scope, ..ClientPolicy::default() };
        let checked = checked(&pairwise(&["https://a.example/1"]), &policy);
        assert_eq!(checked, Err(InvalidMetadata::PairwiseScope(own)));
    }
}

#[test]
fn the_fapi_profile_asks_for_more() {
    let policy =
        ClientPolicy { security_profile: SecurityProfile::Fapi2, ..ClientPolicy::default() };
    let mut members = json!({});
    assert_eq!(checked(&members, &policy), Err(InvalidMetadata::ProfileMethod));
    members["token_endpoint_auth_method"] = "private_key_jwt".into();
    members["jwks_uri"] = "https://app.example/keys".into();
    assert_eq!(checked(&members, &policy), Ok(()));
    members["id_token_signed_response_alg"] = "ES256".into();
    assert_eq!(checked(&members, &policy), Ok(()));
    members["id_token_signed_response_alg"] = "RS256".into();
    assert_eq!(checked(&members, &policy), Err(InvalidMetadata::ProfileAlgorithm));
}

#[test]
fn nothing_grows_without_bound() {
    let many: Vec<String> = (0..33).map(|n| format!("https://app.example/{n}")).collect();
    for member in ["redirect_uris", "post_logout_redirect_uris", "request_uris"] {
        assert_eq!(found(&json!({ member: many })), Some(InvalidMetadata::TooMany(member)));
        assert_eq!(found(&json!({ member: many[1..] })), None);
    }
    let long = "x".repeat(256);
    for (member, value) in [
        ("contacts", json!([long])),
        ("software_id", json!(long)),
        ("software_version", json!("a\nb")),
        ("default_acr_values", json!([""])),
    ] {
        assert_eq!(found(&json!({ member: value })), Some(InvalidMetadata::Text(member)));
    }
    assert_eq!(
        found(&json!({ "application_type": "other" })),
        Some(InvalidMetadata::ApplicationType)
    );
}
