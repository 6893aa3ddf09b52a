//! One login of one user on one device.

use std::time::Duration;

use menshen_token::{ClientId, Reason, SessionId, Timestamp, UserId};

/// One login of one user on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `sid` in tokens.
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// The client that opened it; `None` for one that a browser holds, which is for all of them.
    pub client_id: Option<ClientId>,
    /// Where.
    pub device: Device,
    /// When and how the user last proved who they are.
    pub authentication: Authentication,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used: the latest refresh of any of its grants.
    pub last_seen_at: Timestamp,
    /// How long it may lie unused, when a browser holds it; the others die with their grants.
    pub idle_lifetime: Option<Duration>,
    /// When it dies of age.
    pub absolute_expires_at: Timestamp,
    /// When and why it ended; `None` while it lives.
    pub ended: Option<Ended>,
}

impl Session {
    /// Which lifetime is over at `now`, if one is.
    pub fn expired(&self, now: Timestamp) -> Option<Reason> {
        if now >= self.absolute_expires_at {
            return Some(Reason::AbsoluteTimeout);
        }
        let idle = self.idle_lifetime.is_some_and(|idle| now >= self.last_seen_at + idle);
        idle.then_some(Reason::IdleTimeout)
    }
}

/// When and how somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// When.
    pub time: Timestamp,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// How much that is worth, by a name that clients know.
    pub acr: Option<String>,
}

impl Authentication {
    /// By a password.
    pub fn by_password(time: Timestamp) -> Self {
        let acr = Some(Acr::Password.as_str().to_owned());
        Self { time, amr: vec!["pwd".to_owned()], acr }
    }

    /// By a password and a one-time password; `time` is when the password was given.
    pub fn by_password_and_code(time: Timestamp) -> Self {
        let acr = Some(Acr::Mfa.as_str().to_owned());
        Self { time, amr: vec!["pwd".to_owned(), "otp".to_owned()], acr }
    }

    /// The same for a client that insists on one of these values and would not know a better one:
    /// whoever has given more than a password has also given that.
    #[must_use]
    pub fn stated_as(mut self, insisted_on: &[String]) -> Self {
        let names = |acr: &str| insisted_on.iter().any(|name| name == acr);
        let fits = insisted_on.is_empty() || self.acr.as_deref().is_some_and(names);
        if !fits && names(Acr::Password.as_str()) {
            self.acr = Some(Acr::Password.as_str().to_owned());
        }
        self
    }

    /// Whether it is worth at least this. One of an unknown worth is taken for a password.
    pub fn reaches(&self, least: Acr) -> bool {
        self.acr.as_deref().and_then(Acr::of).unwrap_or(Acr::Password) >= least
    }
}

/// What a sign-in is worth, by the names that clients know; the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acr {
    /// A password alone.
    #[default]
    Password,
    /// A password and a one-time password.
    Mfa,
}

impl Acr {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Password, Self::Mfa];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "urn:menshen:acr:password",
            Self::Mfa => "urn:menshen:acr:mfa",
        }
    }

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == name)
    }

    /// The least of those named that we know; `None` when we know none.
    pub fn least_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        names.into_iter().filter_map(Self::of).min()
    }
}

/// When and why something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// What the app told us about the device, and where it called from. For people to recognize,
/// never for decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// "Ada's phone". At most 100 characters.
    pub name: Option<String>,
    /// "ios", "android", "web". At most 50 characters.
    pub platform: Option<String>,
    /// The address it signed in from.
    pub address: Option<String>,
}

impl Device {
    /// Shortens what the app said to what is kept, without control characters.
    pub fn new(name: Option<&str>, platform: Option<&str>, address: Option<String>) -> Self {
        Self { name: tidy(name, 100), platform: tidy(platform, 50), address }
    }
}

fn tidy(text: Option<&str>, longest: usize) -> Option<String> {
    let visible = text?.chars().filter(|c| !c.is_control());
    let tidied: String = visible.take(longest).collect::<String>().trim().to_owned();
    (!tidied.is_empty()).then_some(tidied)
}
