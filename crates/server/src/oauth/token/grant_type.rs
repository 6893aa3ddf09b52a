//! What may be asked for at the token endpoint, and by whom.

use menshen_domain::Client;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 8628.
    DeviceCode,
    /// RFC 8693.
    TokenExchange,
    /// RFC 7523 section 2.1.
    JwtBearer,
    /// RFC 6749 section 4.3, which OAuth 2.1 dropped.
    Password,
    /// HTTP Basic, as it comes to a gateway (RFC 6749 section 4.5).
    Basic,
    /// HTTP Digest, likewise.
    Digest,
}

impl GrantType {
    const ALL: [Self; 9] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::TokenExchange,
        Self::JwtBearer,
        Self::Password,
        Self::Basic,
        Self::Digest,
    ];

    /// The name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::Password => "password",
            Self::Basic => "urn:menshen:params:oauth:grant-type:basic",
            Self::Digest => "urn:menshen:params:oauth:grant-type:digest",
        }
    }

    /// The one of this name.
    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether a client may ask for it. What lets somebody in without a page of ours that shows the
    /// way back, or with a password in the app's hands, is for clients that say they need it.
    pub(crate) fn is_for(self, client: &Client) -> bool {
        let (metadata, policy) = (&client.metadata, &client.policy);
        match self {
            Self::DeviceCode => metadata.lists_grant_type(self.as_str()),
            Self::Password => policy.legacy_grants && metadata.lists_grant_type(self.as_str()),
            Self::JwtBearer => {
                !policy.trusted_issuers.is_empty() && metadata.allows_grant_type(self.as_str())
            }
            Self::Basic | Self::Digest => {
                client.is_gateway() && metadata.allows_grant_type(self.as_str())
            }
            _ => metadata.allows_grant_type(self.as_str()),
        }
    }

    /// All but those for old clients, as metadata lists them; `implicit` stands for what the
    /// authorization endpoint gives at once.
    pub(crate) fn names() -> Vec<&'static str> {
        let names = Self::ALL.into_iter().filter(|known| *known != Self::Password);
        names.map(Self::as_str).chain(["implicit"]).collect()
    }
}
