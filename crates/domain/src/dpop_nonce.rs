//! The nonce that a DPoP proof may be asked to carry (RFC 9449 section 8): a MAC over a slot of
//! time, so that no node has to remember what it gave.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::Timestamp;

use crate::mac_key::MacKeys;

/// How long one nonce is given; it is accepted for up to as long again.
pub const SLOT: Duration = Duration::from_mins(2);

/// The nonces accepted at an instant; the first is the one to give.
pub fn accepted(keys: &MacKeys, now: Timestamp) -> [String; 2] {
    [nonce(keys, now), nonce(keys, now - SLOT)]
}

fn nonce(keys: &MacKeys, now: Timestamp) -> String {
    let slot = now.since(Timestamp::default()).as_millis() / SLOT.as_millis();
    let tag = keys.current().mac(&[b"dpop_nonce", &slot.to_be_bytes()]);
    URL_SAFE_NO_PAD.encode(&tag[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac_key::{MacKey, MacKeyId};

    #[test]
    fn a_nonce_is_accepted_in_its_own_slot_and_the_next() {
        let keys = MacKeys::new(MacKey::new(MacKeyId::from_bytes([1; 8]), &[2; 32]), Vec::new());
        let given_at = Timestamp::from_seconds(1_000_000_000);
        let [given, _] = accepted(&keys, given_at);
        assert!(accepted(&keys, given_at + SLOT).contains(&given));
        assert!(!accepted(&keys, given_at + SLOT * 2).contains(&given));
        assert!(!accepted(&keys, given_at - SLOT).contains(&given));
    }
}
