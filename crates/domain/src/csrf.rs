//! What a form of ours carries so that no other page can send it: a MAC over the secret of the
//! browser that the form was shown in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::Secret;
use crate::mac_key::{MacKey, MacKeys};

/// What forms shown in a browser carry.
pub fn derive(keys: &MacKeys, browser: &Secret) -> String {
    let key = keys.current();
    format!("{}.{}", key.id(), URL_SAFE_NO_PAD.encode(tag(key, browser)))
}

/// Whether a form that carries this text was shown in this browser.
pub fn holds(keys: &MacKeys, browser: &Secret, text: &str) -> bool {
    let genuine = || {
        let (key_id, found) = text.split_once('.')?;
        let key = keys.find(&key_id.parse().ok()?)?;
        let found = URL_SAFE_NO_PAD.decode(found).ok()?;
        Some(bool::from(found.ct_eq(&tag(key, browser))))
    };
    genuine().unwrap_or(false)
}

fn tag(key: &MacKey, browser: &Secret) -> [u8; 32] {
    key.mac(&[b"csrf", browser.expose().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac_key::MacKeyId;

    #[test]
    fn a_form_belongs_to_the_browser_it_was_shown_in() {
        let key = |byte| MacKey::new(MacKeyId::from_bytes([byte; 8]), &[byte; 32]);
        let keys = MacKeys::new(key(1), Vec::new());
        let (mine, yours) = (Secret::from_random([3; 32]), Secret::from_random([4; 32]));
        let text = derive(&keys, &mine);
        assert!(holds(&keys, &mine, &text));
        assert!(!holds(&keys, &yours, &text));
        assert!(holds(&MacKeys::new(key(2), vec![key(1)]), &mine, &text), "keys may move on");
        for bad in ["", ".", "aaaaaaaa", &text[..text.len() - 1]] {
            assert!(!holds(&keys, &mine, bad), "{bad}");
        }
    }
}
