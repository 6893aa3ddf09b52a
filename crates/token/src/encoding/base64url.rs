//! Canonical, unpadded base64url (RFC 7515 section 2): one text for one value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes; padding, foreign characters and non-zero trailing bits are refused, so that two
/// different texts never mean the same bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes exactly so many bytes, or nothing.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // Only as many characters as N bytes take, so that a longer text fails and does not panic.
    let fits = text.len() == (N * 8).div_ceil(6);
    let written = fits.then(|| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok())??;
    (written == N).then_some(bytes)
}
