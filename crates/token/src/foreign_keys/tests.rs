//! Which key may check which signature.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::*;
use crate::base64url;

fn pair(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed")
}

fn jwk(number: u8, more: Value) -> Value {
    let mut jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(pair(number).public_key()),
    });
    if let (Some(jwk), Value::Object(more)) = (jwk.as_object_mut(), more) {
        jwk.extend(more);
    }
    jwk
}

fn set(keys: &[Value]) -> ForeignKeys {
    ForeignKeys::from_value(json!({ "keys": keys })).expect("a key set")
}

fn signed(number: u8, header: &Value) -> String {
    let input = format!("{}.{}", base64url::encode(header.to_string()), base64url::encode("{}"));
    let signature = pair(number).sign(input.as_bytes());
    format!("{input}.{}", base64url::encode(signature))
}

fn verdict(keys: &ForeignKeys, token: &str) -> Result<(), Flaw> {
    keys.verify(&Compact::parse(token, 4096)?, &[Algorithm::EdDSA, Algorithm::RS256])
}

#[test]
fn a_key_is_found_by_its_name_or_among_all_when_none_is_given() {
    let keys = set(&[jwk(1, json!({ "kid": "a" })), jwk(2, json!({})), jwk(3, json!({}))]);
    assert_eq!(verdict(&keys, &signed(1, &json!({ "alg": "EdDSA", "kid": "a" }))), Ok(()));
    for number in 1..=3 {
        assert_eq!(verdict(&keys, &signed(number, &json!({ "alg": "EdDSA" }))), Ok(()));
    }
    let named = json!({ "alg": "EdDSA", "kid": "a" });
    assert_eq!(verdict(&keys, &signed(2, &named)), Err(Flaw::BadSignature));
    let unknown = json!({ "alg": "EdDSA", "kid": "b" });
    assert_eq!(verdict(&keys, &signed(1, &unknown)), Err(Flaw::UnknownKey));
    assert_eq!(verdict(&keys, &signed(4, &json!({ "alg": "EdDSA" }))), Err(Flaw::BadSignature));
    assert_eq!(verdict(&set(&[]), &signed(1, &named)), Err(Flaw::UnknownKey));
}

#[test]
fn two_keys_of_one_name_are_both_tried() {
    let keys = set(&[jwk(1, json!({ "kid": "a" })), jwk(2, json!({ "kid": "a" }))]);
    assert_eq!(verdict(&keys, &signed(2, &json!({ "alg": "EdDSA", "kid": "a" }))), Ok(()));
}

#[test]
fn a_key_checks_only_what_it_is_for() {
    let token = signed(1, &json!({ "alg": "EdDSA" }));
    let useless = [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "ECDH-ES" }),
        json!({ "d": "AAAA" }),
        json!({ "kty": "oct", "k": "AAAA" }),
    ];
    for more in useless {
        assert_eq!(verdict(&set(&[jwk(1, more.clone())]), &token), Err(Flaw::UnknownKey), "{more}");
    }
    let good = json!({ "use": "sig", "key_ops": ["verify"], "alg": "EdDSA", "x5t": "unknown" });
    assert_eq!(verdict(&set(&[jwk(1, good)]), &token), Ok(()));
}

#[test]
fn an_algorithm_that_was_not_asked_for_is_refused_before_any_key_is_tried() {
    let keys = set(&[jwk(1, json!({}))]);
    for alg in ["none", "HS256", "ES256", "PS256", "eddsa"] {
        let token = signed(1, &json!({ "alg": alg }));
        assert_eq!(verdict(&keys, &token), Err(Flaw::UnsupportedAlgorithm), "{alg}");
    }
    assert_eq!(verdict(&keys, &signed(1, &json!({ "alg": "RS256" }))), Err(Flaw::UnknownKey));
}

#[test]
fn a_secret_checks_hs256_and_nothing_else() {
    let secret = b"a secret that both of us know very well";
    let hs256 = |header: Value| {
        let input =
            format!("{}.{}", base64url::encode(header.to_string()), base64url::encode("{}"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", base64url::encode(tag))
    };
    let verdict = |token: &str, secret: &[u8]| {
        Compact::parse(token, 4096).expect("three parts").verify_hs256(secret)
    };
    let good = hs256(json!({ "alg": "HS256" }));
    assert_eq!(verdict(&good, secret), Ok(()));
    assert_eq!(verdict(&good, b"another secret"), Err(Flaw::BadSignature));
    assert_eq!(verdict(&good, b""), Err(Flaw::BadSignature));
    for alg in ["none", "HS384", "EdDSA", "RS256"] {
        let token = hs256(json!({ "alg": alg }));
        assert_eq!(verdict(&token, secret), Err(Flaw::UnsupportedAlgorithm), "{alg}");
    }
    // Whoever knows a public key does not thereby hold a secret.
    let keys = set(&[jwk(1, json!({}))]);
    let token = Compact::parse(&good, 4096).expect("three parts");
    assert_eq!(keys.verify(&token, &Algorithm::ALL), Err(Flaw::UnsupportedAlgorithm));
}

#[test]
fn a_certificate_is_known_by_its_bytes_or_its_key() {
    let chain = json!({ "x5c": [STANDARD.encode("leaf"), STANDARD.encode("root")] });
    let keys = set(&[jwk(1, chain), json!({ "kty": "EC", "crv": "P-521", "x5c": ["AAAA"] })]);
    assert!(keys.holds_certificate(b"leaf"));
    assert!(keys.holds_certificate(&[0, 0, 0]));
    assert!(!keys.holds_certificate(b"root"));
    let thumbprint = |number| Jwk::ed25519(pair(number).public_key().as_ref()).thumbprint();
    assert!(keys.holds(&thumbprint(1)));
    assert!(!keys.holds(&thumbprint(2)));
    let encrypting = json!({ "use": "enc", "x5c": [STANDARD.encode("leaf")] });
    assert!(!set(&[jwk(1, encrypting)]).holds_certificate(b"leaf"));
}

#[test]
fn what_is_no_key_set_is_refused() {
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(ForeignKeys::from_json(bad.as_bytes()), Err(InvalidKey), "{bad}");
    }
    assert!(ForeignKeys::from_json(br#"{"keys":[1,null,{}]}"#).is_ok());
    let many = |count: usize| json!({ "keys": vec![json!({}); count] });
    assert!(ForeignKeys::from_value(many(MAX_KEYS)).is_ok());
    assert_eq!(ForeignKeys::from_value(many(MAX_KEYS + 1)), Err(InvalidKey));
}
