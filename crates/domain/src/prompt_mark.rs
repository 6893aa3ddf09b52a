//! What an authorization request carries through the sign-in page: since when it is being answered,
//! and whether somebody has chosen the account. Without it, a request that wants a fresh sign-in
//! would want another one each time it comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::Timestamp;
use subtle::ConstantTimeEq;

use crate::SecretHash;
use crate::mac_key::{MacKey, MacKeys};

/// Where an authorization request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptMark {
    /// When it first came.
    pub begun_at: Timestamp,
    /// Whether somebody has said which account to go on with.
    pub account_chosen: AccountChosen,
}

/// Whether somebody has said which account to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChosen {
    /// Not yet.
    No,
    /// The one that is signed in.
    Yes,
}

impl PromptMark {
    /// As text, good for one request only, which `request` is the hash of.
    pub fn derive(self, keys: &MacKeys, request: &SecretHash) -> String {
        let key = keys.current();
        let chosen = match self.account_chosen {
            AccountChosen::No => "n",
            AccountChosen::Yes => "y",
        };
        let said = format!("{chosen}.{}", self.begun_at.as_millis());
        let tag = URL_SAFE_NO_PAD.encode(&tag(key, &said, request)[..16]);
        format!("{}.{said}.{tag}", key.id())
    }

    /// Reads what [`PromptMark::derive`] wrote for the same request.
    pub fn parse(keys: &MacKeys, request: &SecretHash, text: &str) -> Option<Self> {
        let (key_id, rest) = text.split_once('.')?;
        let (said, found) = rest.rsplit_once('.')?;
        let key = keys.find(&key_id.parse().ok()?)?;
        let found = URL_SAFE_NO_PAD.decode(found).ok()?;
        if !bool::from(found.ct_eq(&tag(key, said, request)[..16])) {
            return None;
        }
        let (chosen, millis) = said.split_once('.')?;
        let account_chosen = if chosen == "y" { AccountChosen::Yes } else { AccountChosen::No };
        Some(Self { begun_at: Timestamp::from_millis(millis.parse().ok()?), account_chosen })
    }
}

fn tag(key: &MacKey, said: &str, request: &SecretHash) -> [u8; 32] {
    key.mac(&[b"prompt_mark", said.as_bytes(), request.as_str().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac_key::MacKeyId;

    #[test]
    fn a_mark_is_good_for_its_own_request() {
        let key = MacKey::new(MacKeyId::from_bytes([1; 8]), &[2; 32]);
        let keys = MacKeys::new(key, Vec::new());
        let mark = PromptMark {
            begun_at: Timestamp::from_seconds(1_000),
            account_chosen: AccountChosen::Yes,
        };
        let (own, other) = (SecretHash::of(b"a"), SecretHash::of(b"b"));
        let text = mark.derive(&keys, &own);
        assert_eq!(PromptMark::parse(&keys, &own, &text), Some(mark));
        assert_eq!(PromptMark::parse(&keys, &other, &text), None);
        let later = text.replace(".1000000.", ".9000000.");
        assert_eq!(PromptMark::parse(&keys, &own, &later), None);
    }
}
