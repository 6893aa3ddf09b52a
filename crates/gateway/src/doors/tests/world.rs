//! A provider, and what its users and others hold.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use menshen_token::{AccessToken, Clock as _, Revocation};
use menshen_verifier::testing::TestIssuer;

use crate::config::Config;
use crate::{Entropy, Facts, Gateway, Scheme};

/// What a request shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credentials {
    None,
    /// Everything that a rule here can ask for.
    Good,
    WithoutScope,
    WithoutRole,
    WithoutFactor,
    SignedInLongAgo,
    Expired,
    OtherAudience,
    OtherIssuer,
    Revoked,
    Garbage,
    Basic,
    /// Two lines, both good.
    Twice,
    /// Two lines in one, as a proxy on the way may have made them.
    Joined,
}

impl Credentials {
    pub(super) const ALL: [Self; 14] = [
        Self::Good,
        Self::None,
        Self::WithoutScope,
        Self::WithoutRole,
        Self::WithoutFactor,
        Self::SignedInLongAgo,
        Self::Expired,
        Self::OtherAudience,
        Self::OtherIssuer,
        Self::Revoked,
        Self::Garbage,
        Self::Basic,
        Self::Twice,
        Self::Joined,
    ];
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) issuer: TestIssuer,
    stranger: TestIssuer,
    revoked: String,
}

/// Every request has the same number.
#[derive(Debug)]
struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

impl World {
    pub(super) fn new() -> Self {
        let issuer = TestIssuer::new("https://id.example", "https://api.example");
        let stranger = TestIssuer::new("https://id.example", "https://api.example");
        let doomed = claims(&issuer);
        let revoked = issuer.sign(&doomed);
        issuer.revoke(Revocation::Session(doomed.session_id.expect("a session")));
        Self { issuer, stranger, revoked }
    }

    pub(super) fn gateway(&self, rules: &str) -> Gateway {
        let provider = "[provider]\nissuer = \"https://id.example\"\nclient_id = \"edge\"\n";
        let config = Config::parse("gateway.toml", &format!("{provider}{rules}"));
        let config = config.unwrap_or_else(|problem| panic!("{problem}"));
        Gateway::new(config, Some(self.issuer.verifier()), self.issuer.clock(), Arc::new(Sevens))
    }

    pub(super) fn facts(
        &self,
        method: &str,
        host: &str,
        target: &str,
        credentials: Credentials,
        headers: &[(&'static str, &str)],
    ) -> Facts {
        let mut facts = Facts {
            method: method.parse().expect("a method"),
            scheme: Scheme::Https,
            host: host.to_owned(),
            target: target.to_owned(),
            headers: http::HeaderMap::new(),
            address: "203.0.113.9".parse().expect("an address"),
        };
        let mut add = |name: HeaderName, value: &str| {
            facts.headers.append(name, HeaderValue::from_str(value).expect("a value"));
        };
        for line in self.lines(credentials) {
            add(header::AUTHORIZATION, &line);
        }
        for (name, value) in headers {
            add(name.parse().expect("a name"), value);
        }
        facts
    }

    fn lines(&self, credentials: Credentials) -> Vec<String> {
        let bearer = |token: String| vec![format!("Bearer {token}")];
        let now = self.issuer.clock().now();
        let good = claims(&self.issuer);
        let sign = |claims: AccessToken| bearer(self.issuer.sign(&claims));
        match credentials {
            Credentials::None => Vec::new(),
            Credentials::Good => sign(good),
            Credentials::WithoutScope => {
                sign(AccessToken { scope: menshen_token::Scope::default(), ..good })
            }
            Credentials::WithoutRole => sign(AccessToken { roles: Vec::new(), ..good }),
            Credentials::WithoutFactor => sign(AccessToken { acr: None, ..good }),
            Credentials::SignedInLongAgo => {
                let long_ago = Some(now - Duration::from_hours(1));
                sign(AccessToken { auth_time: long_ago, ..good })
            }
            Credentials::Expired => {
                let (issued_at, expires_at) =
                    (now - Duration::from_hours(1), now - Duration::from_mins(30));
                sign(AccessToken { issued_at, expires_at, ..good })
            }
            Credentials::OtherAudience => {
                sign(AccessToken { audience: vec!["https://other.example".to_owned()], ..good })
            }
            Credentials::OtherIssuer => bearer(self.stranger.sign(&claims(&self.stranger))),
            Credentials::Revoked => bearer(self.revoked.clone()),
            Credentials::Garbage => bearer("garbage".to_owned()),
            Credentials::Basic => vec!["Basic YWRhOnB3".to_owned()],
            Credentials::Twice => [sign(good), vec!["Basic YWRhOnB3".to_owned()]].concat(),
            Credentials::Joined => vec![format!("{}, Basic YWRhOnB3", sign(good).join(""))],
        }
    }
}

fn claims(issuer: &TestIssuer) -> AccessToken {
    AccessToken {
        scope: "orders:read".parse().expect("a scope"),
        roles: vec!["staff".to_owned()],
        acr: Some("urn:menshen:acr:mfa".to_owned()),
        auth_time: Some(issuer.clock().now()),
        ..issuer.claims("ada")
    }
}
