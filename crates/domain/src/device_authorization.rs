//! Devices that wait for somebody to let them in (RFC 8628): the code that people type, and the
//! table that judges one who asks whether they have.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use menshen_token::{ClientId, Scope, Thumbprint, Timestamp, UserId};

use crate::SecretHash;
use crate::session::Authentication;

/// How long a device waits.
pub const LIFETIME: Duration = Duration::from_mins(10);

/// How long it pauses before it asks again, until it is told to be slower.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// How much slower (RFC 8628 section 3.5).
const SLOWER_BY: Duration = Duration::from_secs(5);

/// How much too early one who asks may be: clocks and lines are not exact.
const SLACK: Duration = Duration::from_secs(1);

/// The letters of a code: no vowels, so that no words come about, and none that look alike
/// (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// How many letters.
const LENGTH: usize = 8;

/// The code that people type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

/// The text is not the code of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the code of a device")]
pub struct InvalidUserCode;

impl UserCode {
    /// From 16 bytes, which the caller drew at random.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut rest = u128::from_be_bytes(bytes);
        let mut letter = || {
            let index = usize::try_from(rest % 20).expect("below 20");
            rest /= 20;
            char::from(LETTERS[index])
        };
        Self((0..LENGTH).map(|_| letter()).collect())
    }

    /// The hash under which it is looked up.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

impl FromStr for UserCode {
    type Err = InvalidUserCode;

    /// As people type it: in small letters, with any or no separators.
    fn from_str(text: &str) -> Result<Self, InvalidUserCode> {
        let kept = text.chars().filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation());
        let code: String = kept.take(LENGTH + 1).map(|c| c.to_ascii_uppercase()).collect();
        let valid = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        if valid { Ok(Self(code)) } else { Err(InvalidUserCode) }
    }
}

/// A device that waits, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAuthorization {
    /// Of the code that the device keeps to itself.
    pub device_code_hash: SecretHash,
    /// Of the code that it shows.
    pub user_code_hash: SecretHash,
    /// The app on it.
    pub client_id: ClientId,
    /// What it asks for.
    pub scope: Scope,
    /// Whom its access tokens will be for.
    pub audience: Vec<String>,
    /// The key that it must prove possession of.
    pub confirmation: Option<Thumbprint>,
    /// Where it is.
    pub address: Option<String>,
    /// How long it has to pause.
    pub interval: Duration,
    /// When it last asked.
    pub polled_at: Option<Timestamp>,
    /// From then on nobody can let it in.
    pub expires_at: Timestamp,
    /// What has become of it.
    pub state: DeviceState,
}

/// What has become of a device that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has decided yet.
    Pending,
    /// Somebody lets it in.
    Allowed(Approval),
    /// Somebody does not want it in.
    Denied,
    /// It is in.
    Redeemed,
}

/// Who lets a device in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub user_id: UserId,
    /// Who they are to the app.
    pub subject: UserId,
    /// The user's [`crate::User::sign_in_epoch`] when they did.
    pub sign_in_epoch: u64,
    /// When and how they had signed in.
    pub authentication: Authentication,
}

/// What a device that asks is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceVerdict {
    /// It may come in.
    Open(Approval),
    /// Nobody has decided yet.
    Wait,
    /// The same, and it asks too often: it has to pause so long from now on.
    SlowDown(Duration),
    /// Somebody does not want it in.
    Denied,
    /// It took too long.
    Expired,
    /// It has come in already, or somebody with its code has.
    Spent,
}

impl DeviceAuthorization {
    /// Judges a device that asks at `now`.
    pub fn judge(&self, now: Timestamp) -> DeviceVerdict {
        match &self.state {
            DeviceState::Redeemed => DeviceVerdict::Spent,
            _ if now >= self.expires_at => DeviceVerdict::Expired,
            DeviceState::Denied => DeviceVerdict::Denied,
            DeviceState::Allowed(approval) => DeviceVerdict::Open(approval.clone()),
            DeviceState::Pending => {
                let early = self.polled_at.is_some_and(|at| now + SLACK < at + self.interval);
                if early {
                    DeviceVerdict::SlowDown(self.interval + SLOWER_BY)
                } else {
                    DeviceVerdict::Wait
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = UserCode::from_random([7; 16]);
        let shown = code.to_string();
        assert_eq!(shown.len(), 9);
        let plain = shown.replace('-', "");
        for typed in
            [shown.to_lowercase(), plain.clone(), format!(" {} . {} ", &plain[..3], &plain[3..])]
        {
            assert_eq!(typed.parse().as_ref(), Ok(&code), "{typed}");
        }
        for bad in ["", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-EFGH", "BCDF-GHJ1", "BCDF-GHJ\u{212a}"] {
            assert!(bad.parse::<UserCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn codes_use_all_their_letters() {
        let codes =
            (0..200_u128).map(|n| UserCode::from_random((n * (u128::MAX / 200)).to_be_bytes()));
        let used: std::collections::BTreeSet<char> =
            codes.flat_map(|c| c.0.chars().collect::<Vec<_>>()).collect();
        assert_eq!(used.len(), LETTERS.len());
    }

    fn waiting(state: DeviceState) -> DeviceAuthorization {
        DeviceAuthorization {
            device_code_hash: SecretHash::of(b"device"),
            user_code_hash: SecretHash::of(b"user"),
            client_id: "tv".parse().expect("an id"),
            scope: Scope::default(),
            audience: Vec::new(),
            confirmation: None,
            address: None,
            interval: INTERVAL,
            polled_at: Some(Timestamp::from_seconds(1_000)),
            expires_at: Timestamp::from_seconds(1_600),
            state,
        }
    }

    #[test]
    fn who_asks_too_early_has_to_be_slower() {
        let device = waiting(DeviceState::Pending);
        let at = |seconds| device.judge(Timestamp::from_seconds(seconds));
        assert_eq!(at(1_003), DeviceVerdict::SlowDown(Duration::from_secs(10)));
        assert_eq!(at(1_004), DeviceVerdict::Wait, "a second is nothing");
        assert_eq!(at(1_005), DeviceVerdict::Wait);
        assert_eq!(at(1_600), DeviceVerdict::Expired);
    }

    #[test]
    fn what_was_decided_counts_until_it_expires_and_what_is_spent_for_ever() {
        let (soon, late) = (Timestamp::from_seconds(1_001), Timestamp::from_seconds(1_600));
        let denied = waiting(DeviceState::Denied);
        assert_eq!(
            (denied.judge(soon), denied.judge(late)),
            (DeviceVerdict::Denied, DeviceVerdict::Expired)
        );
        let spent = waiting(DeviceState::Redeemed);
        assert_eq!(
            (spent.judge(soon), spent.judge(late)),
            (DeviceVerdict::Spent, DeviceVerdict::Spent)
        );
    }
}
