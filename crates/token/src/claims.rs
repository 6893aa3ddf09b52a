//! What a JWT of somebody else says (RFC 7519): an assertion, a request object. Each claim once,
//! and nothing judged that every kind of token judges in its own way.

use serde_json::{Map, Value};

use crate::{Flaw, MAX_LEEWAY, Timestamp, strict_json};

/// The claims of a JWT, none of them twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// [`Flaw::Malformed`] when it is not one JSON object, or repeats a member at any depth.
    pub fn parse(payload: &[u8]) -> Result<Self, Flaw> {
        strict_json::parse_object(payload).map(Self).ok_or(Flaw::Malformed)
    }

    /// A claim, whatever it is.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a text if it is there.
    ///
    /// # Errors
    ///
    /// [`Flaw::Malformed`] when it is something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Flaw> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Flaw::Malformed),
        }
    }

    /// A claim that is an instant if it is there: seconds since the Unix epoch, rounded down
    /// when they have a fraction (RFC 7519 section 2).
    ///
    /// # Errors
    ///
    /// [`Flaw::Malformed`] when it is something else.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>, Flaw> {
        self.0.get(name).map(|value| numeric_date(value).ok_or(Flaw::Malformed)).transpose()
    }

    /// For whom it is meant; nobody when it does not say.
    ///
    /// # Errors
    ///
    /// [`Flaw::Malformed`] when `aud` is neither a text nor a list of texts.
    pub fn audience(&self) -> Result<Vec<&str>, Flaw> {
        match self.0.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(many)) => {
                many.iter().map(|one| one.as_str().ok_or(Flaw::Malformed)).collect()
            }
            Some(_) => Err(Flaw::Malformed),
        }
    }

    /// Judges `exp`, `nbf` and `iat`, those that are there. Expiry gets no leeway; another
    /// clock may run ahead of ours by half of [`MAX_LEEWAY`], and so is never refused for the
    /// 10 seconds, nor believed for the 60, that FAPI 2.0 names (section 5.3.2.1).
    ///
    /// # Errors
    ///
    /// [`Flaw::Malformed`], [`Flaw::Expired`] or [`Flaw::NotYetValid`].
    pub fn judge_time(&self, now: Timestamp) -> Result<(), Flaw> {
        if self.instant("exp")?.is_some_and(|expires_at| now >= expires_at) {
            return Err(Flaw::Expired);
        }
        let latest = now + MAX_LEEWAY / 2;
        for claim in ["nbf", "iat"] {
            if self.instant(claim)?.is_some_and(|instant| instant > latest) {
                return Err(Flaw::NotYetValid);
            }
        }
        Ok(())
    }

    /// The members, to be taken over.
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }
}

/// Seconds since the Unix epoch, rounded down.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, which is meant")]
pub(crate) fn numeric_date(value: &Value) -> Option<Timestamp> {
    value.as_f64().map(|seconds| Timestamp::from_seconds(seconds.floor() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn claims(text: &str) -> Claims {
        Claims::parse(text.as_bytes()).expect("claims")
    }

    #[test]
    fn a_claim_is_of_its_kind_or_the_token_is_malformed() {
        let claims = claims(r#"{"iss":"a","exp":1.9,"nbf":-1,"sub":1,"iat":"now","aud":{}}"#);
        assert_eq!(claims.text("iss"), Ok(Some("a")));
        assert_eq!(claims.text("jti"), Ok(None));
        assert_eq!(claims.text("sub"), Err(Flaw::Malformed));
        assert_eq!(claims.instant("exp"), Ok(Some(Timestamp::from_seconds(1))));
        assert_eq!(claims.instant("nbf"), Ok(Some(Timestamp::from_seconds(-1))));
        assert_eq!(claims.instant("iat"), Err(Flaw::Malformed));
        assert_eq!(claims.audience(), Err(Flaw::Malformed));
    }

    #[test]
    fn no_claim_is_given_twice() {
        for bad in [r#"{"sub":"a","sub":"b"}"#, r#"{"a":{"b":1,"b":2}}"#, "[]", "\"a\"", "{}{}"] {
            assert_eq!(Claims::parse(bad.as_bytes()), Err(Flaw::Malformed), "{bad}");
        }
    }

    #[test]
    fn an_audience_is_one_or_many() {
        assert_eq!(claims("{}").audience(), Ok(vec![]));
        assert_eq!(claims(r#"{"aud":"a"}"#).audience(), Ok(vec!["a"]));
        assert_eq!(claims(r#"{"aud":["a","b"]}"#).audience(), Ok(vec!["a", "b"]));
        assert_eq!(claims(r#"{"aud":["a",1]}"#).audience(), Err(Flaw::Malformed));
        assert_eq!(claims(r#"{"aud":null}"#).audience(), Err(Flaw::Malformed));
    }

    #[test]
    fn another_clock_may_run_a_little_ahead_but_nothing_outlives_its_end() {
        let judged = |name: &str, offset: i64| {
            let at = NOW.as_seconds() + offset;
            claims(&format!("{{\"{name}\":{at}}}")).judge_time(NOW)
        };
        assert_eq!(claims("{}").judge_time(NOW), Ok(()));
        for name in ["nbf", "iat"] {
            assert_eq!(judged(name, -1_000_000), Ok(()));
            assert_eq!(judged(name, 10), Ok(()));
            assert_eq!(judged(name, 60), Err(Flaw::NotYetValid));
        }
        assert_eq!(judged("exp", 1), Ok(()));
        assert_eq!(judged("exp", 0), Err(Flaw::Expired));
        assert_eq!(judged("exp", -300), Err(Flaw::Expired));
    }
}
