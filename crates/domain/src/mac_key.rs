//! The server keys behind refresh tokens and logout handles, and their rotation.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::hmac;

/// The name of a MAC key: 8 characters of `a-z2-7`, public.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MacKeyId(Arc<str>);

/// The text is not the name of a MAC key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a MAC key")]
pub struct InvalidMacKeyId;

impl MacKeyId {
    /// From 8 bytes, which the caller drew at random; five bits of each count.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        let letter =
            |byte: u8| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(byte % 32)]);
        Self(bytes.into_iter().map(letter).collect::<String>().into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MacKeyId {
    type Err = InvalidMacKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidMacKeyId> {
        let valid = text.len() == 8 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        if valid { Ok(Self(text.into())) } else { Err(InvalidMacKeyId) }
    }
}

impl fmt::Debug for MacKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKeyId({})", self.0)
    }
}

impl fmt::Display for MacKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One server key. Its bytes never leave it.
#[derive(Clone)]
pub struct MacKey {
    id: MacKeyId,
    key: hmac::Key,
}

impl MacKey {
    /// A key from 32 bytes, which the caller drew at random or unsealed.
    pub fn new(id: MacKeyId, bytes: &[u8; 32]) -> Self {
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    /// Its name.
    pub fn id(&self) -> &MacKeyId {
        &self.id
    }

    /// HMAC-SHA-256 over the parts, each preceded by its length so that no two lists of parts
    /// give the same input.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({}, ..)", self.id)
    }
}

/// The current key, and older ones that are still accepted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MacKeys {
    current: MacKey,
    older: Arc<[MacKey]>,
}

impl MacKeys {
    /// The keys, the current one first.
    pub fn new(current: MacKey, older: Vec<MacKey>) -> Self {
        Self { current, older: older.into() }
    }

    /// The key that new tokens are made with.
    pub fn current(&self) -> &MacKey {
        &self.current
    }

    /// The key of this name.
    pub fn find(&self, id: &MacKeyId) -> Option<&MacKey> {
        std::iter::once(&self.current).chain(&*self.older).find(|key| key.id == *id)
    }
}
