//! Sealing of private keys at rest: AES-256-GCM under a key from outside the database.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The key-encryption key. Lives outside the database, in a file or a secret store.
pub struct KeyEncryptionKey(LessSafeKey);

/// The text is not something that this key sealed under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be unsealed: another key-encryption key, or damaged")]
pub struct CannotUnseal;

impl KeyEncryptionKey {
    /// From 32 bytes, which the caller drew at random or read.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key");
        Self(LessSafeKey::new(key))
    }

    /// Seals bytes under a name, with 12 bytes of nonce, which the caller drew at random.
    pub fn seal(&self, name: &str, nonce: [u8; 12], plain: &[u8]) -> String {
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut sealed,
            )
            .expect("a key is far shorter than what AES-GCM can seal");
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed under the same name.
    ///
    /// # Errors
    ///
    /// [`CannotUnseal`] when key, name or text are not those of the sealing.
    pub fn unseal(&self, name: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, CannotUnseal> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| CannotUnseal)?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or(CannotUnseal)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(name.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| CannotUnseal)?
            .len();
        sealed.truncate(length);
        Ok(sealed)
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyEncryptionKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_name_open_what_was_sealed() {
        let key = KeyEncryptionKey::new(&[1; 32]);
        let sealed = key.seal("a", [2; 12], b"secret");
        assert_eq!(key.unseal("a", &sealed).expect("opens").as_slice(), b"secret");
        assert_eq!(key.unseal("b", &sealed), Err(CannotUnseal));
        assert_eq!(KeyEncryptionKey::new(&[3; 32]).unseal("a", &sealed), Err(CannotUnseal));
        assert_eq!(key.unseal("a", &sealed[..20]), Err(CannotUnseal));
    }
}
