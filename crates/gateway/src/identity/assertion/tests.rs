//! JWTs that services behind can check, and the file of the key.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_token::Algorithm;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::SystemEntropy;
use crate::config::Authentication;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn settings(key: PathBuf) -> Assertions {
    Assertions { key, issuer: "edge".to_owned(), lifetime: Duration::from_mins(1) }
}

fn signer() -> (Signer, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = Signer::open(&settings(folder.path().join("key.pem"))).expect("a key");
    (signer, folder)
}

fn ada() -> Identity {
    Identity {
        by: Authentication::Bearer,
        subject: "ada".to_owned(),
        client_id: "shop-app".to_owned(),
        session_id: Some("s1".to_owned()),
        scope: "orders:read".parse().expect("a scope"),
        roles: vec!["staff".to_owned()],
        acr: Some("urn:menshen:acr:mfa".to_owned()),
        authenticated_at: Some(NOW - Duration::from_mins(5)),
        expires_at: NOW + Duration::from_mins(10),
        access_token: Some("secret".to_owned()),
        verified: None,
        kept: None,
    }
}

fn claims(signer: &Signer, jwt: &HeaderValue) -> Value {
    let text = jwt.to_str().expect("text");
    let compact = jws::Compact::parse(text, 4_096).expect("a JWT");
    let id = compact.header.key_id.clone().expect("a key id");
    let keys = signer.keys();
    compact.verify(keys.find(&id).expect("the key")).expect("a signature that fits");
    assert!(compact.header.is_type("JWT"));
    serde_json::from_slice(&compact.payload).expect("JSON")
}

#[test]
fn a_service_behind_reads_who_asks_and_checks_it() {
    let (signer, _folder) = signer();
    let jwt = signer.assert(&ada(), "orders", NOW, &SystemEntropy);
    assert!(jwt.is_sensitive());
    let mut said = claims(&signer, &jwt);
    assert_eq!(said["jti"].take().as_str().map(str::len), Some(32));
    insta::assert_snapshot!(said, @r#"{"acr":"urn:menshen:acr:mfa","aud":"orders","auth_time":1799999700,"client_id":"shop-app","exp":1800000060,"iat":1800000000,"iss":"edge","jti":null,"roles":["staff"],"scope":"orders:read","sid":"s1","sub":"ada"}"#);
}

#[test]
fn one_that_was_signed_serves_for_half_its_life() {
    let (signer, _folder) = signer();
    let at = |seconds| signer.assert(&ada(), "orders", NOW + seconds, &SystemEntropy);
    let first = at(Duration::ZERO);
    assert_eq!(first, at(Duration::from_millis(29_999)));
    let second = at(Duration::from_secs(30));
    assert_ne!(first, second);
    assert_eq!(claims(&signer, &second)["exp"], 1_800_000_090);
}

#[test]
fn none_outlives_the_token_it_was_made_from() {
    let (signer, _folder) = signer();
    let identity = Identity { expires_at: NOW + Duration::from_secs(7), ..ada() };
    let jwt = signer.assert(&identity, "orders", NOW, &SystemEntropy);
    assert_eq!(claims(&signer, &jwt)["exp"], 1_800_000_007);
}

#[test]
fn nobody_gets_what_was_signed_about_somebody_else() {
    let (signer, _folder) = signer();
    let first = signer.assert(&ada(), "orders", NOW, &SystemEntropy);
    let others = [
        Identity { subject: "bob".to_owned(), ..ada() },
        Identity { client_id: "other".to_owned(), ..ada() },
        Identity { session_id: None, ..ada() },
        Identity { scope: "orders:write".parse().expect("a scope"), ..ada() },
        Identity { roles: Vec::new(), ..ada() },
        Identity { acr: None, ..ada() },
        Identity { authenticated_at: None, ..ada() },
    ];
    for other in others {
        let jwt = signer.assert(&other, "orders", NOW, &SystemEntropy);
        assert_ne!(jwt, first);
        assert_eq!(claims(&signer, &jwt)["sub"], other.subject);
    }
    assert_ne!(signer.assert(&ada(), "lines", NOW, &SystemEntropy), first);
}

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key.pem");
    let first = Signer::open(&settings(path.clone())).expect("made");
    let again = Signer::open(&settings(path.clone())).expect("read");
    assert_eq!(first.key_id, again.key_id);
    assert_eq!(first.key.algorithm(), Algorithm::ES256);
    let mode = path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    let public = serde_json::to_string(&first.keys()).expect("JSON");
    assert!(public.contains("\"kid\"") && !public.contains("\"d\""), "{public}");
    std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
    assert!(matches!(Signer::open(&settings(path)), Err(KeyError::Readable)));
}

#[test]
fn a_key_of_the_operator_is_taken_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key.pem");
    let write = |text: &str| {
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
    };
    let pkcs8 = Ed25519KeyPair::generate().expect("a key").to_pkcs8v1().expect("a form");
    let pem = STANDARD.encode(pkcs8.as_ref());
    write(&format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"));
    let signer = Signer::open(&settings(path.clone())).expect("read");
    assert_eq!(signer.key.algorithm(), Algorithm::EdDSA);
    claims(&signer, &signer.assert(&ada(), "orders", NOW, &SystemEntropy));
    for text in ["", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        write(text);
        assert!(matches!(Signer::open(&settings(path.clone())), Err(KeyError::Form)), "{text}");
    }
}
