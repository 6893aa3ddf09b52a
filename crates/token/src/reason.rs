//! Why something ended: a closed list, shown to the user, the operator and the client.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $sentence:literal;)+) => {
        /// Why a session, a grant or a token ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code, on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// One sentence for the person whose session it was.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),+ }
            }
        }
    };
}

reasons! {
    /// The user signed out in the app.
    Logout = "logout", "You signed out.";
    /// The user signed out of every device.
    LogoutEverywhere = "logout_everywhere", "You signed out everywhere.";
    /// The user ended this session from another of their devices.
    RemoteLogout = "remote_logout", "You signed this device out from another device.";
    /// A client revoked a token (RFC 7009).
    TokenRevoked = "token_revoked", "The app gave its access back.";
    /// The password was changed.
    PasswordChanged = "password_changed", "Your password was changed.";
    /// An operator disabled the user.
    UserDisabled = "user_disabled", "Your account was disabled.";
    /// An operator disabled the client.
    ClientDisabled = "client_disabled", "This app is no longer allowed.";
    /// An operator ended it.
    Admin = "admin", "An administrator signed you out.";
    /// A superseded refresh token was presented by somebody else.
    RefreshTokenReuse = "refresh_token_reuse",
        "Somebody used an old copy of this device's sign-in, so it was ended for your safety.";
    /// An authorization code was presented twice.
    AuthorizationCodeReuse = "authorization_code_reuse",
        "The sign-in was used twice, so it was ended for your safety.";
    /// A new sign-in ended this one, by the single-device policy.
    SignedInElsewhere = "signed_in_elsewhere", "You signed in on another device.";
    /// The user had as many sessions as allowed; this was the one longest unused.
    SessionLimit = "session_limit", "You signed in on too many devices.";
    /// Somebody signed in with another account in the same browser.
    AccountSwitched = "account_switched", "Another account signed in here.";
    /// The user took back what they had allowed the app.
    ConsentWithdrawn = "consent_withdrawn", "You took this app's access back.";
    /// Not used for longer than allowed.
    IdleTimeout = "idle_timeout", "You were signed out because the app was not used for a while.";
    /// As old as a session may become.
    AbsoluteTimeout = "absolute_timeout", "It was time to sign in again.";
    /// Roles or claims changed: tokens that say the old ones are dead, the session lives.
    ClaimsChanged = "claims_changed", "Your permissions changed.";
    /// A signing key was revoked.
    KeyRevoked = "key_revoked", "A signing key was withdrawn.";
    /// Every token issued before an instant was revoked.
    AllRevoked = "all_revoked", "All sign-ins were renewed for safety.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The code is not one of [`Reason::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown reason")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(code: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == code).ok_or(UnknownReason)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
