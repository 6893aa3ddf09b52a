//! Where revocations may be read instead of from the provider's feed.

use std::fmt;

use redis::IntoConnectionInfo as _;
use serde::{Deserialize, Deserializer, de};

/// Whom revocations come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationSource {
    /// The provider's feed, kept in memory.
    #[default]
    Feed,
    /// Its mirror in Redis, asked for each request.
    Mirror,
}

/// The Redis with the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://..` or `rediss://..`.
    pub url: RedisUrl,
    /// What every key begins with: the provider's `redis.prefix`.
    #[serde(default = "usual_prefix")]
    pub prefix: String,
}

/// An address that may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The address, to connect to.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(..)")
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let known = ["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme));
        // The rest of a `rediss` URL can ask for certificates to go unchecked.
        if known && !text.contains('#') && text.as_str().into_connection_info().is_ok() {
            Ok(Self(text))
        } else {
            Err(de::Error::custom("write `redis://host:6379/0`, or `rediss://..` for TLS"))
        }
    }
}

fn usual_prefix() -> String {
    "menshen:".to_owned()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, RevocationSource};

    const PROVIDER: &str = "[provider]\nissuer = \"https://id.example\"\nclient_id = \"edge\"\n";

    fn parse(rest: &str) -> Result<Config, String> {
        let text = format!("{PROVIDER}{rest}");
        Config::parse("gateway.toml", &text).map_err(|problem| problem.to_string())
    }

    #[test]
    fn the_mirror_is_read_where_it_is_said_to_be() {
        let config = parse("").expect("sound");
        let source = |config: &Config| config.provider.as_ref().map(|it| it.revocations);
        assert_eq!(source(&config), Some(RevocationSource::Feed));
        let nowhere = parse("revocations = \"mirror\"\n").expect_err("no Redis");
        assert!(nowhere.contains("write [redis] with its `url`"), "{nowhere}");
        let url = "redis://edge:s3cret@redis.example:6379/2";
        let config = parse(&format!("revocations = \"mirror\"\n[redis]\nurl = \"{url}\"\n"));
        let config = config.expect("sound");
        let redis = config.redis.as_ref().expect("given");
        assert_eq!((redis.url.expose(), redis.prefix.as_str()), (url, "menshen:"));
        assert!(!format!("{config:?}").contains("s3cret"));
        for bad in
            ["http://redis.example", "redis.example:6379", "rediss://redis.example/#insecure"]
        {
            let problem = parse(&format!("[redis]\nurl = \"{bad}\"\n")).expect_err(bad);
            assert!(problem.contains("write `redis://host:6379/0`"), "{problem}");
        }
    }
}
