//! A handle that can end one session and do nothing else.
//!
//! A client keeps it for a logout made offline, so that nothing that gives access stays on the
//! phone. It is derived, never stored: `mlh_<mac key id>.<session id>.<tag>`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::SessionId;
use subtle::ConstantTimeEq;

use crate::Secret;
use crate::mac_key::{MacKey, MacKeys};

const PREFIX: &str = "mlh_";

/// The handle of a session.
pub fn derive(keys: &MacKeys, session_id: SessionId) -> Secret {
    let key = keys.current();
    let tag = URL_SAFE_NO_PAD.encode(tag(key, session_id));
    Secret::new(format!("{PREFIX}{}.{session_id}.{tag}", key.id()))
}

/// The session that a handle can end; `None` for a text that we did not derive.
pub fn parse(keys: &MacKeys, handle: &str) -> Option<SessionId> {
    let mut parts = handle.strip_prefix(PREFIX)?.split('.');
    let (key_id, session_id, found) = (parts.next()?, parts.next()?, parts.next()?);
    let key = keys.find(&key_id.parse().ok()?)?;
    let session_id = session_id.parse().ok()?;
    let found = URL_SAFE_NO_PAD.decode(found).ok()?;
    let genuine = bool::from(found.ct_eq(&tag(key, session_id)));
    (genuine && parts.next().is_none()).then_some(session_id)
}

fn tag(key: &MacKey, session_id: SessionId) -> [u8; 32] {
    key.mac(&[b"logout_handle", session_id.to_string().as_bytes()])
}
