-- What stands in front of APIs: copies of which sessions live, further ways to authenticate.

-- For those who copy which sessions live: the ones that began a moment ago.
CREATE INDEX sessions_by_start ON sessions (created_at_ms) WHERE ended_at_ms IS NULL;

-- When the last token was made that a user got without a session, and when it expires: whatever
-- ends all that a user has reaches these as well.
CREATE TABLE sessionless_tokens (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    issued_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX sessionless_tokens_by_expiry ON sessionless_tokens (expires_at_ms);

-- What HTTP Digest is judged by, of users for whom that is on: the hash of user name, realm and
-- password, sealed with the key-encryption key.
CREATE TABLE digest_keys (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    realm TEXT NOT NULL,
    sealed TEXT NOT NULL
);

-- One-time passwords of an authenticator app (RFC 6238), of users who have them on.
CREATE TABLE one_time_passwords (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed_secret TEXT NOT NULL,
    -- The period whose code was accepted last: neither it nor an earlier one is accepted again.
    last_step BIGINT NOT NULL,
    turned_on_at_ms BIGINT NOT NULL
);

-- For the day on which the app is lost; gone once used.
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES one_time_passwords (user_id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Sign-ins that stopped half way: the password was right, a code is still wanted. Gone once it was
-- given.
CREATE TABLE half_sign_ins (
    hash TEXT PRIMARY KEY,
    -- The browser, or the app with its keys, that goes on with it.
    bound_to TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's, when the password was looked at.
    sign_in_epoch BIGINT NOT NULL,
    -- The session in a browser that it raises; without one, it opens one.
    session_id TEXT,
    auth_time_ms BIGINT NOT NULL,
    -- How many codes were tried.
    tries BIGINT NOT NULL,
    mailed_code_hash TEXT,
    mailed_expires_at_ms BIGINT,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX half_sign_ins_by_expiry ON half_sign_ins (expires_at_ms);

-- Logins that browsers have begun at a gateway; gone once they come back.
CREATE TABLE gateway_logins (
    -- Of `state`.
    hash TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX gateway_logins_by_expiry ON gateway_logins (expires_at_ms);

-- Sessions that browsers hold at a gateway. Nobody's here: the user may be another provider's.
CREATE TABLE gateway_sessions (
    -- Of the cookie.
    hash TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT,
    -- The tokens.
    sealed TEXT NOT NULL,
    -- How often the tokens were exchanged, and until when one node has taken that on.
    generation BIGINT NOT NULL,
    leased_until_ms BIGINT,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX gateway_sessions_by_expiry ON gateway_sessions (expires_at_ms);
CREATE INDEX gateway_sessions_by_subject ON gateway_sessions (issuer, subject);
CREATE INDEX gateway_sessions_by_sid ON gateway_sessions (issuer, sid);

-- Tickets that open one thing once; gone once they did, or with their session.
CREATE TABLE gateway_tickets (
    hash TEXT PRIMARY KEY,
    -- Hash of method, host and target.
    request TEXT NOT NULL,
    session TEXT REFERENCES gateway_sessions (hash) ON DELETE CASCADE,
    sealed TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX gateway_tickets_by_expiry ON gateway_tickets (expires_at_ms);
CREATE INDEX gateway_tickets_by_session ON gateway_tickets (session);
