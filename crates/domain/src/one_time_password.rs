//! One-time passwords: those of an authenticator app (TOTP, RFC 6238), the recovery codes for the
//! day on which it is lost, and codes that are mailed.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use menshen_token::Timestamp;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::mac_key::{MacKey, MacKeys};
use crate::{Secret, SecretHash};

/// How long a code of an app is shown (RFC 6238 section 4.1); also in seconds.
pub const PERIOD: Duration = Duration::from_secs(PERIOD_SECONDS);
const PERIOD_SECONDS: u64 = 30;

/// How many digits a code of an app has.
pub const DIGITS: usize = 6;

/// How many digits a mailed code has: another number, so that nobody takes one for the other.
pub const MAILED_DIGITS: usize = 8;

/// How many steps a clock may be off, in either direction (RFC 6238 section 6).
const DRIFT: u64 = 1;

/// How many recovery codes are given at a time.
pub const RECOVERY_CODES: usize = 10;

/// What an app and we both know: 160 bits, as many as HMAC-SHA-1 gives (RFC 4226 section 4).
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; 20]>);

/// The number of a period since 1970 (RFC 6238 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotpStep(pub u64);

impl TotpStep {
    /// The step that `now` falls into.
    pub fn at(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_seconds()).unwrap_or_default() / PERIOD_SECONDS)
    }
}

impl TotpSecret {
    /// From 20 bytes, which the caller drew at random or unsealed.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// As people type it: 32 letters and digits (RFC 4648 section 6).
    pub fn to_base32(&self) -> Secret {
        Secret::new(base32(self.0.as_slice()))
    }

    /// As apps read it off a screen: an `otpauth` address.
    pub fn address(&self, issuer: &str, account: &str) -> Secret {
        let percent = |text: &str| {
            let plain = text.replace(':', " ");
            let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            encoded.replace('+', "%20")
        };
        let (issuer, account, secret) = (percent(issuer), percent(account), self.to_base32());
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1\
             &digits={DIGITS}&period={PERIOD_SECONDS}",
            secret.expose()
        ))
    }

    /// The step whose code this is: around `now`, and after the one whose code was accepted last.
    /// Takes equal time whichever it is.
    pub fn step_of(&self, code: &str, last: Option<TotpStep>, now: Timestamp) -> Option<TotpStep> {
        let TotpStep(current) = TotpStep::at(now);
        let steps = current.saturating_sub(DRIFT)..=current + DRIFT;
        steps.map(TotpStep).fold(None, |found, step| {
            let equal: bool = self.code(step).as_bytes().ct_eq(code.as_bytes()).into();
            let later = last.is_none_or(|last| step > last);
            found.or((equal && later).then_some(step))
        })
    }

    /// The code of a step (RFC 4226 section 5.3).
    fn code(&self, TotpStep(step): TotpStep) -> Zeroizing<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.as_slice());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes[bytes.len() - 1] & 0xf);
        let word = bytes[offset..offset + 4].try_into().expect("the offset is at most 15 of 20");
        let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000;
        Zeroizing::new(format!("{number:06}"))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

/// A code for the day on which the app is lost, from 10 bytes that the caller drew at random: 16
/// letters and digits in groups of four.
pub fn recovery_code(random: [u8; 10]) -> Secret {
    let text = Zeroizing::new(base32(&random).to_ascii_lowercase());
    let groups = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group));
    Secret::new(groups.collect::<Vec<_>>().join("-"))
}

/// The hash under which a recovery code is stored: 80 random bits need no salt. Capital letters,
/// spaces and hyphens do not count.
pub fn recovery_code_hash(typed: &str) -> SecretHash {
    SecretHash::of(plain(typed).to_ascii_lowercase().as_bytes())
}

/// A code to be mailed, from 8 bytes that the caller drew at random.
pub fn mailed_code(random: [u8; 8]) -> Secret {
    let number = u64::from_be_bytes(random) % 10_u64.pow(8);
    Secret::new(format!("{number:08}"))
}

/// What is kept of a mailed code. So few digits are soon found out from a plain hash: this one
/// needs a key that is not in the database. `about` is what the code is good for.
pub fn keep_mailed_code(keys: &MacKeys, about: &SecretHash, code: &Secret) -> SecretHash {
    let key = keys.current();
    let tag = SecretHash::of(&mailed_tag(key, about, code.expose()));
    format!("{}.{}", key.id(), tag.as_str()).parse().unwrap_or_else(|never| match never {})
}

/// Whether this is the mailed code that was kept.
pub fn is_mailed_code(keys: &MacKeys, about: &SecretHash, kept: &SecretHash, code: &str) -> bool {
    let genuine = || {
        let (key_id, tag) = kept.as_str().split_once('.')?;
        let key = keys.find(&key_id.parse().ok()?)?;
        let found = SecretHash::of(&mailed_tag(key, about, code));
        Some(bool::from(found.as_str().as_bytes().ct_eq(tag.as_bytes())))
    };
    genuine().unwrap_or(false)
}

fn mailed_tag(key: &MacKey, about: &SecretHash, code: &str) -> [u8; 32] {
    key.mac(&[b"mailed_code", about.as_str().as_bytes(), code.as_bytes()])
}

/// A code as somebody types it, told by its shape: nobody has to say which kind it is.
#[derive(Clone, Debug)]
pub enum OneTimePassword {
    /// Of an authenticator app.
    Totp(Secret),
    /// Of the list for emergencies.
    Recovery(Secret),
    /// Out of a mail.
    Mailed(Secret),
}

impl OneTimePassword {
    /// Reads what somebody typed. What can be none is taken for a recovery code, and fails as one.
    pub fn read(typed: &str) -> Self {
        let text = plain(typed);
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.len() {
            DIGITS if digits => Self::Totp(Secret::new(text)),
            MAILED_DIGITS if digits => Self::Mailed(Secret::new(text)),
            _ => Self::Recovery(Secret::new(text)),
        }
    }
}

/// Without what people put between the letters.
fn plain(typed: &str) -> String {
    typed.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect()
}

/// RFC 4648 section 6, without padding: what is written here are multiples of five bytes.
fn base32(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len() * 8 / 5);
    for chunk in bytes.chunks(5) {
        let word = chunk.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            let index = usize::try_from(word >> (place * 5) & 31).unwrap_or_default();
            text.push(char::from(alphabet[index]));
        }
    }
    text
}

#[cfg(test)]
mod tests;
