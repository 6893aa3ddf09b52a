//! Each requirement, met and not met.

use std::time::Duration;

use super::*;
use crate::config::{Authentication, Config};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_123);

fn required(more: &str) -> Requirements {
    let text = format!(
        "[provider]\nissuer = \"https://id.example\"\nclient_id = \"edge\"\n[[rule]]\nname = \"r\"\n\
         hosts = [\"*\"]\npaths = [\"/**\"]\nauthenticate = [\"bearer\"]\naudiences = [\"a\"]\n{more}\n"
    );
    let mut config = Config::parse("gateway.toml", &text).expect("a sound file");
    match config.rules.remove(0).access {
        crate::config::Access::Authenticated(required) => required,
        other => panic!("requirements, not {other:?}"),
    }
}

fn ada() -> Identity {
    Identity {
        by: Authentication::Bearer,
        subject: "ada".to_owned(),
        client_id: "shop-app".to_owned(),
        session_id: None,
        scope: "orders:read orders:write".parse().expect("a scope"),
        roles: vec!["staff".to_owned()],
        acr: Some("urn:menshen:acr:mfa".to_owned()),
        authenticated_at: Some(NOW - Duration::from_mins(5)),
        expires_at: NOW + Duration::from_mins(10),
        access_token: None,
        verified: None,
        kept: None,
    }
}

fn refused(more: &str, identity: &Identity) -> Refusal {
    met(&required(more), identity, NOW).expect_err("refused")
}

fn challenge_of(refusal: &Refusal) -> String {
    refusal.headers()["www-authenticate"].to_str().expect("text").to_owned()
}

#[test]
fn every_scope_is_needed() {
    for more in ["", "scopes = []", "scopes = [\"orders:read\", \"orders:write\"]"] {
        met(&required(more), &ada(), NOW).expect("met");
    }
    let refusal = refused("scopes = [\"orders:read\", \"orders:delete\"]", &ada());
    assert_eq!(refusal.status(), 403);
    let challenge = challenge_of(&refusal);
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("orders:read orders:delete"), "{challenge}");
    refused("scopes = [\"orders\"]", &ada());
}

#[test]
fn one_role_is_needed() {
    met(&required("roles = [\"owner\", \"staff\"]"), &ada(), NOW).expect("met");
    let refusal = refused("roles = [\"owner\", \"admin\"]", &ada());
    assert_eq!(refusal.status(), 403);
    assert_eq!(refusal.to_string(), "token lacks the role owner or admin");
    let nobody = Identity { roles: Vec::new(), ..ada() };
    refused("roles = [\"staff\"]", &nobody);
}

#[test]
fn one_way_to_sign_in_is_needed() {
    let required_ways = "acr = [\"urn:menshen:acr:mfa\", \"phr\"]";
    met(&required(required_ways), &ada(), NOW).expect("met");
    for acr in [None, Some("urn:menshen:acr:password".to_owned()), Some(String::new())] {
        let weak = Identity { acr, ..ada() };
        let refusal = refused(required_ways, &weak);
        assert_eq!(refusal.status(), 401);
        assert_eq!(
            challenge_of(&refusal),
            "Bearer error=\"insufficient_user_authentication\", error_description=\"the user must \
             sign in again, or in a stronger way\", acr_values=\"urn:menshen:acr:mfa phr\""
        );
    }
}

#[test]
fn a_sign_in_is_recent_to_the_millisecond() {
    let required = required("max_age = \"5m\"");
    let signed_in = |ago: Duration| Identity { authenticated_at: Some(NOW - ago), ..ada() };
    let limit = Duration::from_mins(5);
    met(&required, &signed_in(limit), NOW).expect("as old as it may be");
    let late = signed_in(limit + Duration::from_millis(1));
    let refusal = met(&required, &late, NOW).expect_err("a millisecond more");
    let challenge = challenge_of(&refusal);
    assert!(challenge.ends_with("max_age=\"300\""), "{challenge}");
    let unknown = Identity { authenticated_at: None, ..ada() };
    met(&required, &unknown, NOW).expect_err("nobody signed in");
}

#[test]
fn a_stronger_and_a_newer_sign_in_are_asked_for_at_once() {
    let weak = Identity { acr: None, ..ada() };
    let challenge = challenge_of(&refused("acr = [\"phr\"]\nmax_age = \"90s\"", &weak));
    assert!(challenge.ends_with("acr_values=\"phr\", max_age=\"90\""), "{challenge}");
}

#[test]
fn what_no_sign_in_can_mend_is_said_first() {
    let weak = Identity { acr: None, ..ada() };
    let refusal = refused("roles = [\"owner\"]\nacr = [\"phr\"]", &weak);
    assert_eq!(refusal.code(), "forbidden");
}
