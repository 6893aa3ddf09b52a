//! The form of the file, and what its parts must agree on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use ipnet::IpNet;
use menshen_verifier::Policy;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::pattern::Case;
use super::problem::nearest;
use super::rule::Streams;
use super::telling::{Assertions, Telling};
use super::{
    Access, Authentication, Config, Cors, HostPattern, Limits, Lists, LoginAt, PathPattern,
    Problem, RateLimit, Redis, Requirements, RevocationSource, Rule, SessionLifetimes, StoreAt,
    Unauthenticated, Upstream, lifetime,
};
use crate::identity::HeaderNames;
use crate::target::Leniency;

/// Certificate and key of the reverse proxy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub private_key: PathBuf,
}

/// The Menshen that issues the tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its `iss`, letter by letter.
    pub issuer: String,
    /// The client that we are there, with the scope `gateway revocations:read`.
    pub client_id: String,
    /// File with the secret of that client; without it, `MENSHEN_GATEWAY_SECRET` holds it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// PEM file with a root certificate to trust beside the well-known ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Whether plain HTTP to another machine is permitted.
    #[serde(default)]
    pub plain_http: bool,
    /// Its `digest.realm`; `menshen` without it.
    #[serde(default = "menshen", deserialize_with = "realm")]
    pub digest_realm: String,
    /// Whom revocations come from.
    #[serde(default)]
    pub revocations: RevocationSource,
    /// How old revocations may be; 5 seconds without it.
    #[serde(default = "five_seconds", deserialize_with = "lifetime::duration")]
    pub max_staleness: Duration,
    /// How many checked tokens are remembered, at about 2 KiB each; 32,768 without it.
    #[serde(default = "cache_capacity")]
    pub cache_capacity: usize,
}

impl Provider {
    /// The provider in the same process.
    pub fn beside(issuer: String, client_id: String) -> Self {
        Self {
            issuer,
            client_id,
            client_secret_file: None,
            ca: None,
            plain_http: true,
            digest_realm: menshen(),
            max_staleness: five_seconds(),
            cache_capacity: cache_capacity(),
            revocations: RevocationSource::default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    listen: Option<SocketAddr>,
    #[serde(default)]
    tls: Option<Tls>,
    #[serde(default = "decisions")]
    decisions: SocketAddr,
    #[serde(default)]
    trusted_proxies: Vec<IpNet>,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    provider: Option<Provider>,
    #[serde(default)]
    redis: Option<Redis>,
    #[serde(default)]
    identity: HeaderNames,
    #[serde(default, rename = "jwt")]
    assertions: Option<Assertions>,
    #[serde(default)]
    trust_request_id: bool,
    #[serde(default)]
    paths: Leniency,
    #[serde(default, rename = "login")]
    logins: BTreeMap<String, LoginAt>,
    #[serde(default)]
    sessions: SessionLifetimes,
    #[serde(default)]
    store: StoreAt,
    #[serde(default)]
    limits: Limits,
    #[serde(default, rename = "upstream")]
    upstreams: BTreeMap<String, Upstream>,
    #[serde(default, rename = "rule")]
    rules: Vec<Spanned<RuleFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: Spanned<String>,
    hosts: Vec<HostPattern>,
    paths: Vec<PathPattern>,
    #[serde(default, deserialize_with = "methods")]
    methods: Vec<Method>,
    #[serde(default)]
    access: AccessFile,
    #[serde(default)]
    authenticate: BTreeSet<Authentication>,
    #[serde(default)]
    unauthenticated: Unauthenticated,
    #[serde(default)]
    login: Option<Spanned<String>>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    acr: Vec<String>,
    #[serde(default, deserialize_with = "lifetime::optional")]
    max_age: Option<Duration>,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    lists: Lists,
    #[serde(default, deserialize_with = "policy")]
    when_stale: Policy,
    #[serde(default)]
    rate_limit: Option<RateLimit>,
    #[serde(default)]
    cors: Option<Cors>,
    #[serde(default)]
    upstream: Option<Spanned<String>>,
    #[serde(default)]
    streams: Streams,
    #[serde(default)]
    identity: Option<Telling>,
    #[serde(default)]
    forward_credentials: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccessFile {
    #[default]
    Authenticated,
    Public,
    Deny,
}

pub(super) fn parse(name: &str, text: &str, beside: Option<&Provider>) -> Result<Config, Problem> {
    let mut file: File = toml::from_str(text)
        .map_err(|error| Problem::at(name, text, error.span(), error.message().to_owned()))?;
    file.provider = file.provider.or_else(|| beside.cloned());
    let problem = |span, what: String| Problem::at(name, text, Some(span), what);
    let source = file.provider.as_ref().map(|provider| provider.revocations);
    if source == Some(RevocationSource::Mirror) && file.redis.is_none() {
        let what = "revocations are to be read from the mirror; write [redis] with its `url`";
        return Err(Problem::at(name, text, None, what.to_owned()));
    }
    let mut names = BTreeSet::new();
    let mut rules = Vec::with_capacity(file.rules.len());
    for spanned in &file.rules {
        let rule = spanned.get_ref();
        if !names.insert(rule.name.get_ref().clone()) {
            let what = format!("two rules are called `{}`", rule.name.get_ref());
            return Err(problem(rule.name.span(), what));
        }
        let upstream = rule.upstream.as_ref();
        if let Some(unknown) = upstream.filter(|name| !file.upstreams.contains_key(name.get_ref()))
        {
            let what = missing("upstream", unknown.get_ref(), file.upstreams.keys());
            return Err(problem(unknown.span(), what));
        }
        if let Some(unknown) =
            rule.login.as_ref().filter(|l| !file.logins.contains_key(l.get_ref()))
        {
            let what = missing("login", unknown.get_ref(), file.logins.keys());
            return Err(problem(unknown.span(), what));
        }
        contradiction(rule, &file).map_or(Ok(()), |what| Err(problem(rule.name.span(), what)))?;
        let line = text[..rule.name.span().start].matches('\n').count() + 1;
        let case = if file.ignore_case { Case::Ignored } else { Case::Sensitive };
        let mut read = rule.read(line, case);
        let upstream = rule.upstream.as_ref().and_then(|name| file.upstreams.get(name.get_ref()));
        read.identity = rule.identity.or(upstream.map(|upstream| upstream.identity));
        read.audience = upstream.and_then(|upstream| upstream.audience.clone());
        if let Some(what) = untellable(&read, file.assertions.as_ref()) {
            return Err(problem(rule.name.span(), format!("rule `{}` {what}", read.name)));
        }
        rules.push(read);
    }
    Ok(Config {
        listen: file.listen,
        tls: file.tls,
        decisions: file.decisions,
        trusted_proxies: file.trusted_proxies,
        provider: file.provider,
        redis: file.redis,
        identity: file.identity,
        assertions: file.assertions,
        trust_request_id: file.trust_request_id,
        paths: file.paths,
        logins: file.logins,
        sessions: file.sessions,
        store: file.store,
        limits: file.limits,
        upstreams: file.upstreams.into_iter().map(|(name, of)| (name, Arc::new(of))).collect(),
        rules,
    })
}

/// Why a service behind cannot be told who asks as its rule says.
fn untellable(rule: &Rule, assertions: Option<&Assertions>) -> Option<&'static str> {
    match rule.identity {
        Some(Telling::Jwt) if assertions.is_none() => {
            Some("tells who asks by a JWT; write a [jwt] with the file of its key")
        }
        Some(Telling::AccessToken) if rule.forward_credentials => Some(
            "hands on the access token in place of the client's credentials, and those as well",
        ),
        _ => None,
    }
}

/// Says that a section is not there, and which one was perhaps meant.
fn missing<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let meant = nearest(name, &known);
    let hint = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("there is no [{kind}.{name}]{hint}")
}

/// What a rule says that cannot be meant.
fn contradiction(rule: &RuleFile, file: &File) -> Option<String> {
    let has_provider = file.provider.is_some();
    let is_elsewhere = |name: &Spanned<String>| {
        file.logins.get(name.get_ref()).is_some_and(|login| login.issuer.is_some())
    };
    // A login elsewhere brings no access token of ours, and so no audience.
    let by_sessions_elsewhere = rule.login.as_ref().is_some_and(is_elsewhere)
        && rule
            .authenticate
            .iter()
            .all(|method| *method == Authentication::Session || *method == Authentication::Ticket);
    let name = rule.name.get_ref();
    let says = |what: &str| Some(format!("rule `{name}` {what}"));
    if rule.hosts.is_empty() || rule.paths.is_empty() {
        return says("is about no host or no path, so it never applies");
    }
    if let Some(reason) = rule.cors.as_ref().and_then(Cors::contradiction) {
        return says(&reason);
    }
    if rule.rate_limit.is_some_and(|limit| limit.per.is_zero()) {
        return says("limits requests in no time at all");
    }
    let requires = !rule.authenticate.is_empty()
        || !rule.scopes.is_empty()
        || !rule.roles.is_empty()
        || !rule.acr.is_empty()
        || rule.max_age.is_some()
        || !rule.audiences.is_empty();
    match rule.access {
        AccessFile::Public if requires => says("is public, and requires something"),
        AccessFile::Deny if requires => says("lets nobody in, and requires something"),
        AccessFile::Authenticated if rule.authenticate.is_empty() => says(
            "names no way to authenticate; write `authenticate = [\"bearer\"]`, or `access = \"public\"`",
        ),
        AccessFile::Authenticated if by_sessions_elsewhere => None,
        AccessFile::Authenticated if !has_provider => says("needs a [provider]"),
        AccessFile::Authenticated if rule.audiences.is_empty() => says(
            "names no audience, so a token for any other API would be taken; write \
             `audiences = [\"https://api.example.com\"]`",
        ),
        AccessFile::Public | AccessFile::Deny | AccessFile::Authenticated => None,
    }
}

impl RuleFile {
    fn read(&self, line: usize, case: Case) -> Rule {
        let access = match self.access {
            AccessFile::Public => Access::Public,
            AccessFile::Deny => Access::Deny,
            AccessFile::Authenticated => Access::Authenticated(Requirements {
                authenticate: self.authenticate.clone(),
                unauthenticated: self.unauthenticated,
                login: self.login.as_ref().map(|name| name.get_ref().clone()),
                scopes: self.scopes.clone(),
                roles: self.roles.clone(),
                acr: self.acr.clone(),
                max_age: self.max_age,
                audiences: self.audiences.clone(),
                lists: self.lists,
                when_stale: self.when_stale,
            }),
        };
        Rule {
            name: self.name.get_ref().clone(),
            line,
            hosts: self.hosts.clone(),
            paths: self.paths.clone(),
            methods: self.methods.clone(),
            case,
            access,
            rate_limit: self.rate_limit,
            cors: self.cors.clone(),
            upstream: self.upstream.as_ref().map(|name| name.get_ref().clone()),
            streams: self.streams,
            identity: None,
            audience: None,
            forward_credentials: self.forward_credentials,
        }
    }
}

fn methods<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Method>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let parsed = names.iter().map(|name| match name.parse::<Method>() {
        Ok(method) if name.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(method),
        _ => Err(de::Error::custom(format!("`{name}` is no method; write `GET`, in capitals"))),
    });
    parsed.collect()
}

/// `introspect`, `refuse`, or `{ allow_for = "30s" }`.
fn policy<'de, D: Deserializer<'de>>(from: D) -> Result<Policy, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct AllowFor {
        #[serde(deserialize_with = "lifetime::duration")]
        allow_for: Duration,
    }
    let written = toml::Value::deserialize(from)?;
    match &written {
        toml::Value::String(text) if text == "introspect" => Ok(Policy::Introspect),
        toml::Value::String(text) if text == "refuse" => Ok(Policy::Refuse),
        toml::Value::Table(table) => match AllowFor::deserialize(table.clone()) {
            Ok(allow) => Ok(Policy::AllowFor(allow.allow_for)),
            Err(error) => Err(de::Error::custom(error.message())),
        },
        _ => Err(de::Error::custom(
            "write `\"introspect\"`, `\"refuse\"` or `{ allow_for = \"30s\" }`",
        )),
    }
}

const fn cache_capacity() -> usize {
    32_768
}

fn menshen() -> String {
    "menshen".to_owned()
}

/// What can stand between quotes as it is (RFC 7616 section 3.3).
fn realm<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | ':');
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text);
    }
    Err(de::Error::custom(format!("`{text}` is no realm; write `digest.realm` of the provider")))
}

const fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

const fn decisions() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9180)
}
