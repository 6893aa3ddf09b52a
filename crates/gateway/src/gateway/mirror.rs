//! Revocations and live sessions as they stand in Redis: one round trip for each token, by section 2
//! of `docs/mirror.md`. What cannot be asked or is not known to be complete is no answer.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use menshen_token::{AccessToken, Revocation, Timestamp};
use menshen_verifier::{Found, Revocations, Verified, Verifier};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use tokio::sync::watch;

use crate::config::{Config, Lists, Redis, RevocationSource};
use crate::doors::proxy::LiveStreams;

/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the age of the rules is looked at when no request does.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a session may take to appear.
const YOUNG: Duration = Duration::from_secs(10);

/// The mirror, read.
#[derive(Clone)]
pub(crate) struct Mirror {
    redis: ConnectionManager,
    prefix: String,
}

/// One question to the mirror, which remembers what it found about the session.
pub(crate) struct Question<'m> {
    mirror: &'m Mirror,
    lists: Lists,
    now: Timestamp,
    session: OnceLock<SessionState>,
}

/// What the mirror knows about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// It lives.
    Lives,
    /// It has ended.
    Ended,
    /// It may be too new to be there.
    TooYoung,
    /// Nobody knows.
    Unknown,
}

/// Clock, age, names, cut-offs, session and its marker.
type Answer = (
    (i64, i64),
    Option<i64>,
    bool,
    bool,
    bool,
    bool,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    bool,
    bool,
);

impl Mirror {
    /// Where revocations are read by these rules, when they do not come by the feed.
    pub(crate) fn of(config: &Config) -> RedisResult<Option<Self>> {
        let source = config.provider.as_ref().map(|provider| provider.revocations);
        match (source, &config.redis) {
            (Some(RevocationSource::Mirror), Some(redis)) => Self::open(redis).map(Some),
            _ => Ok(None),
        }
    }

    /// Connects when it is first asked, and again whenever it must.
    fn open(settings: &Redis) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(0);
        let client = Client::open(settings.url.expose())?;
        let redis = client.get_connection_manager_lazy(config)?;
        Ok(Self { redis, prefix: settings.prefix.clone() })
    }

    /// Keeps the verifier's idea of its readiness current while no request asks, and ends what is
    /// under way when its token is dead.
    pub(crate) async fn watch(
        self,
        verifier: Verifier,
        streams: Arc<LiveStreams>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut failing = false;
        loop {
            match self.age().await {
                Ok(age) => {
                    verifier.note_age(age);
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(error = %error, "cannot read the mirror in Redis");
                    }
                    failing = true;
                }
            }
            self.end_dead(&streams).await;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// A question at an instant.
    pub(crate) fn question(&self, lists: Lists, now: Timestamp) -> Question<'_> {
        Question { mirror: self, lists, now, session: OnceLock::new() }
    }

    /// Looks every token up that has a stream open.
    async fn end_dead(&self, streams: &LiveStreams) {
        let mut dead = HashSet::new();
        for token in streams.tokens() {
            let token = token.token();
            let found = self.question(Lists::Denylist, token.issued_at).naming(token).await;
            if found.rules.iter().any(|rule| rule.kills(token)) {
                dead.insert(token.jti);
            }
        }
        let is_dead = |token: &Verified| dead.contains(&token.token().jti);
        streams.end(|identity| identity.verified.as_ref().is_some_and(is_dead));
    }

    async fn age(&self) -> RedisResult<Option<Duration>> {
        let mut ask = redis::pipe();
        ask.atomic().cmd("TIME").get(format!("{}mirror:as_of", self.prefix));
        let (time, as_of) = ask.query_async(&mut self.redis.clone()).await?;
        Ok(age(time, as_of))
    }

    async fn ask(&self, token: &AccessToken) -> RedisResult<Answer> {
        let key = |name: &str, value: &str| format!("{}{name}:{value}", self.prefix);
        // No session or grant has this name.
        let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
        let session = id(token.session_id.map(|id| id.to_string()));
        let grant = id(token.grant_id.map(|id| id.to_string()));
        let mut ask = redis::pipe();
        ask.atomic();
        ask.cmd("TIME").get(key("mirror", "as_of"));
        ask.exists(key("revoked:jti", &token.jti.to_string()));
        ask.exists(key("revoked:sid", &session)).exists(key("revoked:grant", &grant));
        ask.exists(key("revoked:kid", token.key_id.as_str()));
        ask.get(key("revoked:sub_before", token.subject.as_str()));
        ask.get(key("revoked:client_before", token.client_id.as_str()));
        ask.get(key("revoked", "all_before"));
        ask.exists(key("session", &session)).exists(key("mirror", "sessions"));
        ask.query_async(&mut self.redis.clone()).await
    }
}

impl Question<'_> {
    /// What was found about the session of the token.
    pub(crate) fn session(&self) -> SessionState {
        self.session.get().copied().unwrap_or(SessionState::Unknown)
    }
}

impl Revocations for Question<'_> {
    async fn naming(&self, token: &AccessToken) -> Found {
        let answer = match self.mirror.ask(token).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(error = %error, "cannot read the mirror in Redis");
                return Found::default();
            }
        };
        let (time, as_of, jti, sid, grant, kid, sub, client, all, lives, sessions) = answer;
        if self.lists == Lists::Allowlist {
            let old = token.issued_at + YOUNG < self.now;
            let state = match (lives, sessions && token.session_id.is_some()) {
                (true, _) => SessionState::Lives,
                (false, true) if old => SessionState::Ended,
                (false, true) => SessionState::TooYoung,
                (false, false) => SessionState::Unknown,
            };
            let _ = self.session.set(state);
        }
        let cut = |before: Option<i64>| before.map(Timestamp::from_millis);
        let rules = [
            jti.then_some(Revocation::Token(token.jti)),
            token.session_id.filter(|_| sid).map(Revocation::Session),
            token.grant_id.filter(|_| grant).map(Revocation::Grant),
            kid.then(|| Revocation::Key(token.key_id.clone())),
            cut(sub).map(|before| Revocation::UserBefore(token.subject.clone(), before)),
            cut(client).map(|before| Revocation::ClientBefore(token.client_id.clone(), before)),
            cut(all).map(Revocation::AllBefore),
        ];
        Found { rules: rules.into_iter().flatten().collect(), age: age(time, as_of) }
    }
}

/// How long ago everything was there, by the clock of Redis alone.
fn age((seconds, micros): (i64, i64), as_of: Option<i64>) -> Option<Duration> {
    let now = seconds.saturating_mul(1_000) + micros / 1_000;
    let age = now.saturating_sub(as_of?);
    Some(Duration::from_millis(u64::try_from(age).unwrap_or(0)))
}
