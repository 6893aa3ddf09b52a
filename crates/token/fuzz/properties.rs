//! What must hold for any bytes whatever. Shared by the fuzz targets and the plain test
//! `malformed_input`.

use std::time::Duration;

use menshen_token::{
    AccessToken, Expectations, Frame, KeySet, Poll, RevocationSet, Timestamp, dpop, verify,
};
use serde_json::Value;

/// The keys of the vectors, and every signed part that they have vouched for.
pub(crate) struct Genuine {
    keys: KeySet,
    expected: Expectations,
    now: Timestamp,
    signed: Vec<String>,
}

impl Genuine {
    /// Reads `vectors/tokens.json`.
    pub(crate) fn from_vectors() -> Self {
        let vectors: Value = serde_json::from_str(include_str!("../../../vectors/tokens.json"))
            .expect("well-formed vectors");
        let text = |member: &str| vectors[member].as_str().expect("text").to_owned();
        Self {
            keys: KeySet::from_json(vectors["jwks"].to_string().as_bytes()).expect("a JWK set"),
            expected: Expectations {
                issuer: text("issuer"),
                audience: Some(vec![text("audience")]),
                leeway: Duration::from_secs(5),
            },
            now: Timestamp::from_millis(vectors["now_ms"].as_i64().expect("an instant")),
            signed: seeds("tokens", "cases")
                .iter()
                .filter(|case| case["outcome"] == "accepted")
                .filter_map(|case| Some(case["token"].as_str()?.rsplit_once('.')?.0.to_owned()))
                .collect(),
        }
    }

    /// Nothing is accepted but what was signed; what is read can be written and read again.
    pub(crate) fn check_token(&self, data: &[u8]) {
        let key_id = "k".parse().expect("a key id");
        if let Ok(token) = AccessToken::from_payload(key_id, data) {
            let again = AccessToken::from_payload(token.key_id.clone(), &token.to_payload())
                .expect("what was read can be written and read");
            assert_eq!((&again.jti, &again.subject), (&token.jti, &token.subject));
            assert_eq!((again.issued_at, &again.scope), (token.issued_at, &token.scope));
            assert_eq!(again.confirmation, token.confirmation);
        }
        let _ = KeySet::from_json(data);
        let Ok(text) = std::str::from_utf8(data) else { return };
        let _ = dpop::Proof::parse(text);
        if verify(text, &self.keys, &self.expected, self.now).is_ok() {
            let (signed, _) = text.rsplit_once('.').expect("an accepted token has three parts");
            assert!(self.signed.iter().any(|genuine| genuine == signed), "forged: {text}");
        }
    }
}

/// What is understood means the same when it is written and read again.
pub(crate) fn check_frame(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _: Result<Poll, _> = serde_json::from_str(text);
    let (event, data) = text.split_once('\n').unwrap_or(("append", text));
    let Ok(frame) = Frame::parse(event, data) else { return };
    let written = frame.data();
    assert!(!written.contains('\n'), "a line break would end the event");
    assert_eq!(Frame::parse(frame.event(), &written).as_ref(), Ok(&frame));
    if let Frame::Snapshot { entries, .. } | Frame::Append { entries } = &frame {
        let mut rules = RevocationSet::default();
        rules.extend(entries, Timestamp::from_millis(0));
        rules.prune(Timestamp::from_millis(1));
        assert!(rules.len() <= entries.len());
    }
}

/// The cases of one list of one file of vectors.
pub(crate) fn seeds(file: &str, list: &str) -> Vec<Value> {
    let text = match file {
        "tokens" => include_str!("../../../vectors/tokens.json"),
        _ => include_str!("../../../vectors/frames.json"),
    };
    let vectors: Value = serde_json::from_str(text).expect("well-formed vectors");
    vectors[list].as_array().expect("a list").clone()
}
