//! One rule: which requests it is about, and what they must show.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use http::{HeaderName, Method};
use menshen_verifier::Policy;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::pattern::Case;
use super::{HostPattern, PathPattern, Telling, lifetime};
use crate::host::Host;
use crate::target::Target;

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the operator calls it, in logs, metrics and explanations.
    pub name: String,
    /// The line of the file that it begins on.
    pub line: usize,
    /// The hosts it is about.
    pub hosts: Vec<HostPattern>,
    /// The paths it is about.
    pub paths: Vec<PathPattern>,
    /// The methods it is about; empty for all. `GET` includes `HEAD`.
    pub methods: Vec<Method>,
    /// Whether paths are compared letter by letter.
    pub case: Case,
    /// Who may.
    pub access: Access,
    /// How many requests are let through.
    pub rate_limit: Option<RateLimit>,
    /// Which scripts of other sites may read the answers.
    pub cors: Option<Cors>,
    /// The service that the reverse proxy hands the request to.
    pub upstream: Option<String>,
    /// What becomes of a stream or WebSocket whose session ends.
    pub streams: Streams,
    /// In which form the service behind is told who asks; `None` is [`Telling::Headers`].
    pub identity: Option<Telling>,
    /// `aud` of the JWTs for the service behind; its name, or the host of the request without it.
    pub audience: Option<String>,
    /// Whether the client's own credentials go to the service behind.
    pub forward_credentials: bool,
}

/// Who may.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody, without showing anything.
    Public,
    /// Nobody.
    Deny,
    /// Whoever shows what is required.
    Authenticated(Requirements),
}

/// What a request must show.
#[derive(Clone, Debug)]
pub struct Requirements {
    /// The ways to authenticate that are taken.
    pub authenticate: BTreeSet<Authentication>,
    /// What whoever shows nothing is told.
    pub unauthenticated: Unauthenticated,
    /// Where browsers sign in: the name of a login; the provider itself without it.
    pub login: Option<String>,
    /// Scope values, all of which are needed.
    pub scopes: Vec<String>,
    /// Roles, one of which is needed; empty for none.
    pub roles: Vec<String>,
    /// Values of `acr`, one of which is needed; empty for any (RFC 9470).
    pub acr: Vec<String>,
    /// How long ago the user may have signed in (RFC 9470).
    pub max_age: Option<Duration>,
    /// Audiences, one of which the token must be meant for.
    pub audiences: Vec<String>,
    /// Whether a token must not be revoked, or its session be known to live.
    pub lists: Lists,
    /// What to do while the revocations are older than allowed.
    pub when_stale: Policy,
}

/// A way to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// A JWT access token (RFC 6750), bound to a key (RFC 9449) or not.
    Bearer,
    /// An opaque access token, exchanged for the JWT.
    ReferenceToken,
    /// The cookie of a session that the gateway keeps.
    Session,
    /// User name and password with each request (RFC 7617).
    Basic,
    /// A digest with each request (RFC 7616, SHA-256).
    Digest,
    /// A one-time ticket in the query.
    Ticket,
}

impl Authentication {
    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::ReferenceToken => "reference_token",
            Self::Session => "session",
            Self::Basic => "basic",
            Self::Digest => "digest",
            Self::Ticket => "ticket",
        }
    }
}

/// What whoever shows nothing is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unauthenticated {
    /// 401 with challenges.
    #[default]
    Challenge,
    /// A browser that navigates is sent to sign in; everything else gets 401.
    Login,
}

/// How a token is known to be alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lists {
    /// No revocation kills it.
    #[default]
    Denylist,
    /// Beyond that its session is known to live.
    Allowlist,
}

/// What becomes of a stream or WebSocket whose session ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// It is closed.
    #[default]
    Close,
    /// It may go on until one side closes it.
    Keep,
}

/// How many requests are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many at once, and over time.
    pub requests: NonZeroU32,
    /// In which time.
    #[serde(deserialize_with = "lifetime::duration")]
    pub per: Duration,
    /// Who shares a limit.
    #[serde(default)]
    pub by: RateBy,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateBy {
    /// Each address has its own.
    #[default]
    Address,
    /// Each subject has its own; on public routes, each address.
    Subject,
}

/// Which scripts of other sites may read the answers (Fetch standard, CORS protocol).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins as browsers send them, such as `https://app.example.com`; `*` for every one.
    pub origins: Vec<String>,
    /// Request headers that scripts may set.
    #[serde(default, deserialize_with = "header_names")]
    pub headers: Vec<HeaderName>,
    /// Answer headers that scripts may read.
    #[serde(default, deserialize_with = "header_names")]
    pub expose: Vec<HeaderName>,
    /// Whether cookies may come along; never together with origin `*`.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember this.
    #[serde(default, deserialize_with = "lifetime::optional")]
    pub max_age: Option<Duration>,
}

impl Cors {
    /// What is said that cannot be meant.
    pub(super) fn contradiction(&self) -> Option<String> {
        let wide = |origin: &&String| matches!(origin.as_str(), "*" | "null");
        if self.credentials && self.origins.iter().any(|origin| wide(&origin)) {
            return Some("lets scripts of every site send cookies: name the origins".to_owned());
        }
        let as_sent = |origin: &str| {
            url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin)
        };
        let wrong = self.origins.iter().find(|origin| !wide(origin) && !as_sent(origin))?;
        Some(format!(
            "names the origin `{wrong}`, which no browser sends; write `https://app.example.com`"
        ))
    }
}

impl Rule {
    /// Why the rule is not about a request; `None` when it is.
    pub fn misses(&self, host: &Host, target: &Target, method: &Method) -> Option<Miss> {
        if !self.hosts.iter().any(|pattern| pattern.fits(host)) {
            Some(Miss::Host)
        } else if !self.paths.iter().any(|pattern| pattern.fits(target, self.case)) {
            Some(Miss::Path)
        } else if self.allows_method(method) {
            None
        } else {
            Some(Miss::Method)
        }
    }

    fn allows_method(&self, method: &Method) -> bool {
        let takes = |method: &Method| self.methods.contains(method);
        self.methods.is_empty() || takes(method) || (method == Method::HEAD && takes(&Method::GET))
    }
}

/// What kept a rule from being about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Another host.
    Host,
    /// Another path.
    Path,
    /// Another method.
    Method,
}

fn header_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<HeaderName>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let parsed = names.iter().map(|name| {
        name.parse().map_err(|_| de::Error::custom(format!("`{name}` is no name of a header")))
    });
    parsed.collect()
}
