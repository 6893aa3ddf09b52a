//! Who may listen, how many at a time, and in which of the two forms.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::listener::Listener;
use super::look::look;
use super::{PATH, server_sent, web_socket};
use crate::app::App;
use crate::error::ApiError;
use crate::feed::{NoRoom, WatchLimits};
use crate::sender;

/// Streams of one session: a phone needs one, a browser one for each tab that does not share it.
const OF_SESSION: usize = 8;

/// Streams of all sessions of one user: eight that are full, or one each of more devices than a person
/// has. Without it, who signs in again and again takes the streams of everybody on this node.
const OF_USER: usize = 64;

pub(crate) async fn get(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let caller = sender::authenticate(&app, &parts.method, PATH, &parts.headers).await?;
    let token = Arc::new(caller.token);
    if token.session_id.is_none() && token.grant_id.is_none() {
        return Err(ApiError::Invalid("the access token belongs to no session".to_owned()));
    }
    let form = Form::read(&mut parts, &app).await?;
    let node = usize::try_from(app.config.session_event_streams).unwrap_or(usize::MAX);
    let limits = WatchLimits { session: OF_SESSION, user: OF_USER, node };
    // The place first, then the question: what ends from now on is heard, and what has ended is
    // found.
    let watch = app.feed.watch(&token, limits)?;
    let standing = look(&app, &token).await?;
    let listener = Listener::new(app, token, watch, standing);
    Ok(match form {
        Form::ServerSent => server_sent::answer(listener),
        Form::WebSocket(upgrade) => web_socket::answer(*upgrade, listener),
    })
}

impl From<NoRoom> for ApiError {
    fn from(no_room: NoRoom) -> Self {
        match no_room {
            NoRoom::Session | NoRoom::User => Self::TooManyStreams,
            NoRoom::Node => Self::NoStreamLeft,
        }
    }
}

/// How the app listens.
enum Form {
    ServerSent,
    WebSocket(Box<WebSocketUpgrade>),
}

impl Form {
    async fn read(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if asks_for_web_socket(&parts.headers) {
            let upgrade = WebSocketUpgrade::from_request_parts(parts, app).await;
            let refused =
                |_| ApiError::Invalid("this is no opening handshake of a WebSocket".to_owned());
            return upgrade.map_err(refused).map(|upgrade| Self::WebSocket(Box::new(upgrade)));
        }
        if takes_events(&parts.headers) {
            Ok(Self::ServerSent)
        } else {
            Err(ApiError::NotAcceptable)
        }
    }
}

fn asks_for_web_socket(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::UPGRADE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|name| name.trim().eq_ignore_ascii_case("websocket"))
}

/// Whether `text/event-stream` is among what is accepted (RFC 9110 section 12.5.1); without the
/// header, everything is.
fn takes_events(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
    if lines.peek().is_none() {
        return true;
    }
    let ranges = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let mut media = ranges.filter_map(|range| range.split(';').next()).map(str::trim);
    media.any(|media| {
        ["text/event-stream", "text/*", "*/*"].iter().any(|one| media.eq_ignore_ascii_case(one))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn events_are_for_those_who_take_them() {
        let takes = |lines: &[&'static str]| {
            let header = |line: &&'static str| (header::ACCEPT, HeaderValue::from_static(line));
            takes_events(&lines.iter().map(header).collect())
        };
        assert!(takes(&[]) && takes(&["*/*"]) && takes(&["text/event-stream"]));
        assert!(takes(&["application/json", "Text/Event-Stream;q=0.5"]) && takes(&["text/*"]));
        assert!(!takes(&[""]) && !takes(&["application/json"]) && !takes(&["text/html, image/*"]));
    }

    #[test]
    fn a_handshake_names_what_it_asks_for() {
        let asks = |line: &'static str| {
            let header = (header::UPGRADE, HeaderValue::from_static(line));
            asks_for_web_socket(&HeaderMap::from_iter([header]))
        };
        assert!(asks("websocket") && asks("h2c, WebSocket"));
        assert!(!asks("h2c") && !asks("") && !asks("websocket2"));
    }
}
