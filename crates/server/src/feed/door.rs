//! `GET /feed`: who may follow, from where, and in which of the two forms.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use menshen_token::Seq;

use super::{poll, stream};
use crate::app::App;
use crate::error::ApiError;
use crate::sender;

pub(crate) async fn get(
    State(app): State<App>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = sender::authenticate(&app, &method, "/feed", &headers).await?;
    caller.require("revocations:read")?;
    let question = Question::read(query.as_deref().unwrap_or(""), &headers)?;
    match preferred(&headers) {
        Form::Events => {
            let verifier = question.verifier.unwrap_or_else(|| caller.token.client_id.to_string());
            Ok(stream::open(&app, caller.token, question.after, verifier).await?)
        }
        Form::Document => poll::answer(&app, question.after).await,
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// The position to go on from; without it everything is asked for.
    after: Option<Seq>,
    /// Who asks, for metrics.
    verifier: Option<String>,
}

impl Question {
    /// A resume point that cannot be read is refused: whoever sent it believes to hold
    /// something that it may not hold.
    fn read(query: &str, headers: &HeaderMap) -> Result<Self, ApiError> {
        let invalid = |what: &str| ApiError::Invalid(what.to_owned());
        let (mut after, mut verifier) = (None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "after" => &mut after,
                "verifier" => &mut verifier,
                _ => return Err(invalid("the parameters are `after` and `verifier`")),
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(invalid("a parameter is given twice"));
            }
        }
        let mut resumed = headers.get_all("last-event-id").iter();
        if let Some(id) = resumed.next() {
            let id = id.to_str().map_err(|_| invalid("`Last-Event-ID` is no position"))?;
            // A browser's event source repeats its URL and adds the header: the header is newer.
            after = Some(id.to_owned());
        }
        if resumed.next().is_some() {
            return Err(invalid("`Last-Event-ID` is given twice"));
        }
        if verifier.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(invalid(
                "`verifier` is 1 to 64 letters, digits, dots, dashes, underscores",
            ));
        }
        let after = match after {
            Some(text) => {
                Some(position(&text).ok_or_else(|| invalid("the position is no number"))?)
            }
            None => None,
        };
        Ok(Self { after, verifier })
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn position(text: &str) -> Option<Seq> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Seq)
}

enum Form {
    Events,
    Document,
}

/// Events, unless the caller names JSON and does not name events.
fn preferred(headers: &HeaderMap) -> Form {
    let accept = headers.get_all(header::ACCEPT);
    let names = |media: &str| {
        accept.iter().any(|value| value.to_str().is_ok_and(|value| value.contains(media)))
    };
    if names("application/json") && !names("text/event-stream") {
        Form::Document
    } else {
        Form::Events
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn read(query: &str, resumed: &[&'static str]) -> Option<(Option<u64>, Option<String>)> {
        let header = |value: &&'static str| {
            (HeaderName::from_static("last-event-id"), HeaderValue::from_static(value))
        };
        let headers = resumed.iter().map(header).collect();
        let question = Question::read(query, &headers).ok()?;
        Some((question.after.map(|seq| seq.0), question.verifier))
    }

    #[test]
    fn the_header_is_newer_than_the_url() {
        assert_eq!(read("", &[]), Some((None, None)));
        assert_eq!(read("after=7&verifier=api-1", &[]), Some((Some(7), Some("api-1".to_owned()))));
        assert_eq!(read("after=7", &["9"]), Some((Some(9), None)));
    }

    #[test]
    fn a_resume_point_that_cannot_be_read_is_refused() {
        for query in ["after=", "after=-1", "after=+1", "after=x", "after=1&after=1", "from=1"] {
            assert_eq!(read(query, &[]), None, "{query}");
        }
        for resumed in [&["x"][..], &[""], &["1", "1"], &["18446744073709551616"]] {
            assert_eq!(read("", resumed), None, "{resumed:?}");
        }
    }

    #[test]
    fn a_verifier_has_a_name_that_fits_a_metric() {
        let long = format!("verifier={}", "x".repeat(65));
        for query in ["verifier=", "verifier=a%20b", "verifier=a%22", long.as_str()] {
            assert_eq!(read(query, &[]), None, "{query}");
        }
        assert!(read(&long[..long.len() - 1], &[]).is_some());
    }

    #[test]
    fn events_are_for_everybody_who_does_not_ask_for_json_alone() {
        let form = |accept: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            matches!(preferred(&headers), Form::Document)
        };
        assert!(form("application/json") && form("application/json, */*;q=0.1"));
        assert!(!form("text/event-stream") && !form("*/*"));
        assert!(!form("application/json, text/event-stream"));
    }
}
