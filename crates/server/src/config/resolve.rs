//! From texts to values, and the rules between settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use menshen_domain::Secret;
use menshen_domain::credential::HashingCost;
use url::Url;

use super::brand::brand;
use super::layers::{Given, Layered};
use super::mail::{mail, sign_up_allowed};
use super::redis::redis;
use super::registration::registration;
use super::{Config, ConfigError, LogFormat, Tls, settings, value};
use crate::outbound::OutboundSettings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

pub(super) fn resolve(layered: &Layered) -> Result<Config, ConfigError> {
    let from = Reader { layered };
    let tls = tls(&from)?;
    let (listen, behind_proxy, trusted_proxies) = entrance(&from, tls.is_some())?;
    let data = from.read("data", absolute)?;
    let (rotate_every, cached_for) = key_times(&from)?;
    let issuer = issuer(&from, listen, tls.is_some())?;
    let mail = mail(&from, &issuer)?;
    Ok(Config {
        issuer,
        listen,
        tls,
        behind_proxy,
        trusted_proxies,
        store_url: from.read_given("store.url", store_url)?.unwrap_or_else(|| embedded(&data)),
        data,
        store_connections: from.number("store.connections", 1..=500)?,
        access_token_ceiling: from.duration("access_token.max_lifetime", MINUTE..=7 * DAY)?,
        code_lifetime: from.duration("code.lifetime", SECOND..=10 * MINUTE)?,
        throttle_exempt_networks: from.read("throttle.exempt_networks", networks)?,
        session_idle_lifetime: from.duration("session.idle_lifetime", MINUTE..=365 * DAY)?,
        session_absolute_lifetime: from
            .duration("session.absolute_lifetime", 5 * MINUTE..=3650 * DAY)?,
        pushed_request_lifetime: from.duration("pushed_request.lifetime", 10 * SECOND..=HOUR)?,
        keys_rotate_every: rotate_every,
        keys_cached_for: cached_for,
        hashing_cost: hashing_cost(&from)?,
        hashing_threads: match from.number("password.threads", 0..=256)? {
            0 => default_threads(),
            threads => threads as usize,
        },
        digest_realm: from.read("digest.realm", realm)?,
        dpop_window: from.duration("dpop.window", SECOND..=10 * MINUTE)?,
        dpop_nonce_required: from.read("dpop.require_nonce", value::switch)?,
        outbound: outbound(&from)?,
        backchannel_retry_after: from.duration("backchannel.retry_after", SECOND / 100..=HOUR)?,
        registration: registration(&from)?,
        session_event_streams: from.number("session_events.streams", 1..=1_000_000)?,
        feed_heartbeat: from.duration("feed.heartbeat", SECOND / 10..=2 * SECOND)?,
        redis: redis(&from)?,
        clean_up_every: from.duration("clean_up.every", SECOND..=DAY)?,
        sign_up_allowed: sign_up_allowed(&from, &mail)?,
        mail,
        brand: brand(&from)?,
        log_format: from.read("log.format", log_format)?,
        log_level: from.read("log.level", log_level)?,
    })
}

/// Where we listen, and who may stand before us: tokens do not travel in the clear.
fn entrance(
    from: &Reader<'_>,
    has_tls: bool,
) -> Result<(SocketAddr, bool, Vec<IpNet>), ConfigError> {
    let listen = from.read("listen", socket_address)?;
    let behind_proxy = from.read("behind_proxy", value::switch)?;
    if !has_tls && !behind_proxy && !listen.ip().is_loopback() {
        return Err(from.invalid(
            "listen",
            "a loopback address, unless `tls.certificate` is given or `behind_proxy` is true: \
             tokens do not travel in the clear",
        ));
    }
    let trusted_proxies = from.read("trusted_proxies", networks)?;
    if behind_proxy && trusted_proxies.is_empty() {
        return Err(from.invalid(
            "trusted_proxies",
            "given when `behind_proxy` is true, such as `trusted_proxies = [\"10.0.0.1/32\"]`: \
             otherwise all users come from the proxy's address and share one throttle",
        ));
    }
    Ok((listen, behind_proxy, trusted_proxies))
}

/// How long a key signs, and how long its set may be cached.
fn key_times(from: &Reader<'_>) -> Result<(Duration, Duration), ConfigError> {
    let rotate_every = from.duration("keys.rotate_every", HOUR..=730 * DAY)?;
    let cached_for = from.duration("keys.cached_for", MINUTE..=DAY)?;
    if cached_for >= rotate_every {
        return Err(from.invalid("keys.cached_for", "shorter than `keys.rotate_every`"));
    }
    Ok((rotate_every, cached_for))
}

/// Reads settings: what was given, or the default.
pub(super) struct Reader<'a> {
    layered: &'a Layered,
}

impl Reader<'_> {
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let setting = settings::find(key).expect("every key asked for is in the table");
        let text = self.given(key).unwrap_or(setting.default);
        parse(text).map_err(|expected| self.invalid(key, &expected))
    }

    /// Nothing when nothing was given: for settings whose default is not a text.
    pub(super) fn read_given<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        if self.given(key).is_some() { self.read(key, parse).map(Some) } else { Ok(None) }
    }

    /// An empty text gives nothing: that is how an environment variable is taken back.
    fn given(&self, key: &'static str) -> Option<&str> {
        self.layered.get(key).map(|given| given.text.as_str()).filter(|text| !text.is_empty())
    }

    fn duration(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Result<Duration, ConfigError> {
        self.read(key, |text| value::duration_within(text, &range))
    }

    pub(super) fn number(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, ConfigError> {
        self.read(key, |text| value::number_within(text, &range))
    }

    pub(super) fn invalid(&self, key: &'static str, expected: &str) -> ConfigError {
        let given: Option<&Given> = self.layered.get(key);
        let place = given.map_or_else(|| "defaults".to_owned(), |given| given.place.clone());
        ConfigError::Invalid { place, key, expected: expected.to_owned() }
    }
}

/// What can stand between quotes as it is (RFC 7616 section 3.3).
fn realm(text: &str) -> Result<String, String> {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !['"', '\\', ':'].contains(&c);
    let valid = (1..=60).contains(&text.len()) && text.chars().all(plain);
    if valid {
        Ok(text.to_owned())
    } else {
        Err("1 to 60 characters of ASCII without quotes, backslashes and colons".to_owned())
    }
}

fn tls(from: &Reader<'_>) -> Result<Option<Tls>, ConfigError> {
    let certificate = from.read_given("tls.certificate", absolute)?;
    let private_key = from.read_given("tls.private_key", absolute)?;
    let client_certificates = from.read("tls.client_certificates", value::switch)?;
    match (certificate, private_key) {
        (Some(certificate), Some(private_key)) => {
            Ok(Some(Tls { certificate, private_key, client_certificates }))
        }
        (None, None) if client_certificates => {
            Err(from.invalid("tls.client_certificates", "given with `tls.certificate`"))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(from.invalid("tls.private_key", "given with `tls.certificate`")),
        (None, Some(_)) => Err(from.invalid("tls.certificate", "given with `tls.private_key`")),
    }
}

fn outbound(from: &Reader<'_>) -> Result<OutboundSettings, ConfigError> {
    Ok(OutboundSettings {
        allowed_networks: from.read("outbound.allowed_networks", networks)?,
        ca: from.read_given("outbound.ca", absolute)?,
    })
}

fn issuer(from: &Reader<'_>, listen: SocketAddr, tls: bool) -> Result<Url, ConfigError> {
    if let Some(issuer) = from.read_given("issuer", issuer_url)? {
        return Ok(issuer);
    }
    if listen.ip().is_unspecified() {
        return Err(from.invalid("issuer", "given when listening on every address"));
    }
    let scheme = if tls { "https" } else { "http" };
    Ok(format!("{scheme}://{listen}").parse().expect("a socket address makes a URL"))
}

/// RFC 8414 section 2: no query, no fragment. `http` is for loopback only, since metadata, keys
/// and tokens travel under it.
fn issuer_url(text: &str) -> Result<Url, String> {
    let expected = "an https URL without query, fragment and credentials; http only for loopback";
    let url: Url = text.parse().map_err(|_| expected.to_owned())?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if scheme_fits && bare && url.has_host() { Ok(url) } else { Err(expected.to_owned()) }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port, such as `127.0.0.1:8080`".to_owned())
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|_| "a path".to_owned())
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |part: &str| {
        let alone = || part.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
        part.parse().ok().or_else(alone)
    };
    value::list(text)
        .map(|part| network(part).ok_or_else(|| "networks such as `10.0.0.0/8`".to_owned()))
        .collect()
}

fn store_url(text: &str) -> Result<Secret, String> {
    let known = ["sqlite:///", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| text.starts_with(scheme)) {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err("`sqlite:///absolute/path.db` or `postgres://..`".to_owned())
    }
}

fn embedded(data: &Path) -> Secret {
    Secret::new(format!("sqlite://{}", data.join("menshen.db").display()))
}

fn hashing_cost(from: &Reader<'_>) -> Result<HashingCost, ConfigError> {
    let cost = HashingCost {
        memory_kib: from.number("password.memory", 8..=4 * 1024 * 1024)?,
        passes: from.number("password.passes", 1..=100)?,
        lanes: from.number("password.lanes", 1..=16)?,
    };
    if cost.memory_kib < 8 * cost.lanes {
        return Err(from.invalid("password.memory", "at least 8 KiB for each of the lanes"));
    }
    Ok(cost)
}

fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).max(1)
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("`text` or `json`".to_owned()),
    }
}

fn log_level(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a level or directives such as `info,menshen_server=debug`".to_owned()),
    }
}
