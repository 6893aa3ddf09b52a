//! The settings of the mirror in Redis.

use menshen_domain::Secret;
use redis::IntoConnectionInfo as _;

use super::ConfigError;
use super::resolve::Reader;
use super::value::switch;

/// Where revocations are mirrored for filters that read Redis.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://..` or `rediss://..`.
    pub url: Secret,
    /// What every key begins with.
    pub prefix: String,
    /// Whether live sessions are mirrored too.
    pub sessions: bool,
}

pub(super) fn redis(from: &Reader<'_>) -> Result<Option<RedisSettings>, ConfigError> {
    let prefix = from.read("redis.prefix", prefix)?;
    let sessions = from.read("redis.sessions", switch)?;
    match from.read_given("redis.url", url)? {
        Some(url) => Ok(Some(RedisSettings { url, prefix, sessions })),
        None if sessions => Err(from.invalid("redis.sessions", "given with `redis.url`")),
        None => Ok(None),
    }
}

fn url(text: &str) -> Result<Secret, String> {
    let known = ["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme));
    // The rest of a `rediss` URL can ask for certificates to go unchecked.
    match text.into_connection_info() {
        Ok(_) if known && !text.contains('#') => Ok(Secret::new(text.to_owned())),
        _ => {
            Err("`redis://host:6379` or `rediss://..`, with `user:password@` before the host and \
                  the number of a database behind it if need be"
                .to_owned())
        }
    }
}

/// None of these characters means anything in the patterns of Redis.
fn prefix(text: &str) -> Result<String, String> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b":._-{}".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(sound) {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 letters, digits and `:._-{}`".to_owned())
    }
}
