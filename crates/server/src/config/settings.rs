//! Every setting there is: its key, its default and what it does. The reference, the guide, the
//! environment names and the check for unknown keys are all read off this table.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// The key in the file, with dots between table and name; also the flag's name.
    pub(super) key: &'static str,
    /// What kind of value it takes.
    pub(super) kind: Kind,
    /// The default as it would be written in the file; empty when there is none.
    pub(super) default: &'static str,
    /// One paragraph for the operator.
    pub(super) doc: &'static str,
}

/// How a value is written in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of strings; in the environment separated by commas.
    List,
}

impl Setting {
    /// The environment variable of the setting.
    pub(super) fn environment(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }
}

/// What the names of our environment variables begin with.
pub(super) const PREFIX: &str = "MENSHEN_";

/// The setting of this key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

const fn text(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, kind: Kind::Text, default, doc }
}

const fn number(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, kind: Kind::Number, default, doc }
}

const fn switch(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, kind: Kind::Switch, default, doc }
}

const fn list(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, kind: Kind::List, default, doc }
}

/// Every setting, in the order of the reference.
pub(super) const SETTINGS: &[Setting] = &[
    text(
        "issuer",
        "",
        "Who we are: the `iss` of every token and the base of every endpoint, as clients and \
         resource servers reach it. Without it, the address we listen on. Never change it once \
         tokens are out there.",
    ),
    text(
        "listen",
        "127.0.0.1:8080",
        "Address and port to listen on. Plain HTTP is served on loopback addresses only, unless \
         `behind_proxy` says that somebody else speaks TLS.",
    ),
    text(
        "data",
        "menshen-data",
        "Folder for the key-encryption key and the embedded database. Created with access for \
         its owner alone.",
    ),
    switch(
        "behind_proxy",
        "false",
        "Whether a proxy in front of us speaks TLS, so that plain HTTP may be served on any \
         address. The issuer and `trusted_proxies` must then be given.",
    ),
    list(
        "trusted_proxies",
        "",
        "Networks of proxies whose `X-Forwarded-For` is believed, such as `10.0.0.1/32`. \
         Everybody else's is ignored. Needed with `behind_proxy`: otherwise all users come from \
         the proxy's address and share one throttle.",
    ),
    text("tls.certificate", "", "PEM file with the certificate chain. Turns TLS on."),
    text("tls.private_key", "", "PEM file with the private key of the certificate."),
    switch(
        "tls.client_certificates",
        "false",
        "Whether those who connect are asked for a certificate, for clients that authenticate by \
         `self_signed_tls_client_auth`. Browsers that have certificates then ask their users.",
    ),
    text(
        "store.url",
        "",
        "Where the truth is kept: `sqlite:///absolute/path.db` or `postgres://..`. Without it, \
         `menshen.db` in the data folder. Several nodes need PostgreSQL.",
    ),
    number("store.connections", "8", "Connections to the database, 1 to 500."),
    text(
        "access_token.max_lifetime",
        "12h",
        "The longest that any access token lives, whatever a client's policy says; 1m to 7d. \
         How long revocations are remembered follows from it. Raise it on every node at once.",
    ),
    text("code.lifetime", "60s", "How long an authorization code may be redeemed; 1s to 10m."),
    list(
        "throttle.exempt_networks",
        "",
        "Networks whose attempts to sign in are not counted and never have to wait: that of a test \
         bench, never one that strangers can call from.",
    ),
    text(
        "session.idle_lifetime",
        "7d",
        "How long a sign-in in a browser lasts without being used, by its person or by an app that \
         was signed in with it; 1m to 365d.",
    ),
    text(
        "session.absolute_lifetime",
        "30d",
        "How long a sign-in in a browser lasts at all; 5m to 3650d. Apps have limits of their own.",
    ),
    text(
        "pushed_request.lifetime",
        "10m",
        "How long a pushed authorization request (RFC 9126) may wait for its user to sign in; 10s \
         to 1h.",
    ),
    text("keys.rotate_every", "30d", "How long a signing key signs; 1h to 730d."),
    text(
        "keys.cached_for",
        "1h",
        "How long the JWK set may be cached, and so how long a new key is announced before it \
         signs; 1m to 1d, and shorter than `keys.rotate_every`.",
    ),
    number("password.memory", "19456", "Memory for hashing a password in KiB; 8 to 4194304."),
    number("password.passes", "2", "Passes over that memory; 1 to 100."),
    number("password.lanes", "1", "Lanes of that memory; 1 to 16."),
    number(
        "password.threads",
        "0",
        "Threads that hash, up to 256; 0 for one less than there are cores, so that other \
         requests stay fast while many people sign in.",
    ),
    text(
        "digest.realm",
        "menshen",
        "The realm of HTTP Digest at gateways, 1 to 60 characters. The keys of users are made for it: \
         when it is changed, whoever uses Digest has to have it turned on anew.",
    ),
    text(
        "dpop.window",
        "60s",
        "How far the `iat` of a DPoP proof may lie from our clock; 1s to 10m.",
    ),
    switch(
        "dpop.require_nonce",
        "false",
        "Whether a DPoP proof must carry a nonce that we gave, so that none can be made ahead of \
         time.",
    ),
    text(
        "registration.mode",
        "off",
        "Who may register clients at `/register` (RFC 7591): nobody (`off`), whoever has an access \
         token with scope `register`, which an operator's client gets for itself (`token`), or \
         everybody (`open`). Such clients are not first-party: users are asked for consent.",
    ),
    text(
        "registration.scope",
        "openid profile email address phone offline_access",
        "The scope values that such clients may ask for.",
    ),
    number(
        "registration.per_hour",
        "20",
        "How many clients may be registered from one address in an hour when everybody may; up \
         to 1000000, 0 for as many as they like.",
    ),
    list(
        "outbound.allowed_networks",
        "",
        "Networks that may be reached although they are not public, such as `10.1.0.0/16`, when \
         we fetch what a client's registration or request points to, or tell a client of a \
         logout. Whoever may register clients can then have us send requests there.",
    ),
    text(
        "outbound.ca",
        "",
        "PEM file with root certificates to trust in those requests and in mail servers, beside the \
         well-known ones.",
    ),
    text(
        "backchannel.retry_after",
        "1s",
        "How soon a back-channel logout that a client did not confirm is tried again; 10ms to 1h. \
         The pauses grow to 2, 5, 15, 60, 300 and 900 times as much and then to an hour at most, \
         for a day.",
    ),
    text(
        "feed.heartbeat",
        "1s",
        "How often the revocation feed gives a sign of life; 100ms to 2s. Verifiers count as \
         stale after a few of them are missing.",
    ),
    number(
        "session_events.streams",
        "10000",
        "How many apps may keep a stream of their session's events open on this node, by which they \
         hear at once that it has ended; 1 to 1000000. Each is a connection, and so a file that the \
         system must allow to be open.",
    ),
    text(
        "redis.url",
        "",
        "A Redis (7.0 or newer) or Valkey in which live revocations are mirrored as plain keys, for \
         filters in any language: `redis://user:password@host:6379/0`, or `rediss://..` for TLS. \
         Never the truth: losing it changes nothing here.",
    ),
    text(
        "redis.prefix",
        "menshen:",
        "What every key in it begins with; 1 to 64 letters, digits and `:._-{}`. In a Redis Cluster \
         `{menshen}:`, which keeps all keys in one place.",
    ),
    switch(
        "redis.sessions",
        "false",
        "Whether live sessions are mirrored too, for filters that admit only sessions that they \
         know to live.",
    ),
    text(
        "clean_up.every",
        "1m",
        "How often expired sessions, codes and revocations are looked for; 1s to 1d.",
    ),
    text(
        "smtp.url",
        "",
        "Mail server for links to choose a new password and to sign up: \
         `smtps://user:password@host:465`, or `smtp://user:password@host:587?tls=required` for \
         STARTTLS (`tls=opportunistic` goes on without it where it is not offered). What has a \
         meaning in a URL is percent-encoded in user and password. Without a mail server the pages \
         that need one are off; with a loopback issuer without TLS mail is written to the log.",
    ),
    text("smtp.from", "", "Whom the mail is from, such as `Tea House <login@tea.example>`."),
    switch(
        "sign_up.allowed",
        "false",
        "Whether people may create accounts by themselves, once they have confirmed their e-mail \
         address, which becomes their user name. Needs `smtp.url`.",
    ),
    text("pages.name", "Menshen", "What the pages call this place; 1 to 60 characters."),
    text(
        "pages.logo",
        "",
        "Logo on the pages: an https URL, or a file (.svg, .png, .jpg or .webp, up to 512 KiB) \
         that is read at the start. Without it, the mark of Menshen.",
    ),
    text(
        "pages.accent",
        "#a3271f",
        "Color of buttons and links, such as `#a3271f`. Where text in it could not be read, a \
         lighter or darker shade is taken.",
    ),
    text("pages.privacy_link", "", "Web address of the privacy policy, linked on every page."),
    text("pages.terms_link", "", "Web address of the terms, linked on every page."),
    text(
        "pages.support_link",
        "",
        "Where to get help: a web address, or `mailto:` and an address.",
    ),
    text("log.format", "text", "`text` for people, `json` for machines."),
    text(
        "log.level",
        "info",
        "`error`, `warn`, `info`, `debug` or `trace`, or directives such as \
         `info,menshen_server=debug`.",
    ),
];
