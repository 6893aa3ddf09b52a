//! `id_token_hint`: an ID token that we gave out, as it comes back. It may be long expired: it says
//! who was meant, and opens nothing.

use menshen_token::jws::Compact;
use menshen_token::{ClientId, MAX_TOKEN_BYTES, SessionId};
use serde_json::{Map, Value};

use super::token::id_token::TOKEN_TYPE;
use crate::app::App;

/// What an ID token of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdTokenHint {
    /// `aud`: the client that it was made for.
    pub(crate) client_id: ClientId,
    /// `sub`: who signed in, as that client knows them.
    pub(crate) subject: String,
    /// `sid`: in which session.
    pub(crate) session_id: Option<SessionId>,
}

/// Reads an ID token; `None` for one that we have not signed.
pub(crate) fn read(app: &App, token: &str) -> Option<IdTokenHint> {
    let compact = Compact::parse(token, MAX_TOKEN_BYTES).ok()?;
    if !compact.header.is_type(TOKEN_TYPE) {
        return None;
    }
    let keys = app.keyring.public();
    compact.verify(keys.find(compact.header.key_id.as_ref()?)?).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&compact.payload).ok()?;
    let text = |name: &str| claims.get(name)?.as_str();
    if text("iss")? != app.config.issuer() {
        return None;
    }
    Some(IdTokenHint {
        client_id: text("aud")?.parse().ok()?,
        subject: text("sub")?.to_owned(),
        session_id: text("sid").and_then(|sid| sid.parse().ok()),
    })
}
