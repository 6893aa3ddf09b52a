-- OpenID Connect: sessions that a browser holds, consents, pushed requests, devices, mailed links,
-- opaque access tokens, and logouts on their way to those who want to know.

ALTER TABLE clients ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
-- Where it wants to be told that a session has ended: that of its metadata, for joins.
ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT;
-- Only of clients whose assertions are made with it; sealed with the key-encryption key.
ALTER TABLE clients ADD COLUMN sealed_secret TEXT;
-- Of a client that registered itself: what lets it look at and change its registration.
ALTER TABLE clients ADD COLUMN registration_token_hash TEXT;

-- Codes live for a minute: whoever is signing in while this runs begins anew.
DROP TABLE authorization_codes;
CREATE TABLE authorization_codes (
    hash TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    -- The session that it joins; without one, redeeming it opens a session.
    session_id TEXT,
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    redirect_uri TEXT,
    challenge TEXT,
    confirmation TEXT,
    -- What the ID token must say.
    openid TEXT NOT NULL,
    device_name TEXT,
    device_platform TEXT,
    device_address TEXT,
    amr TEXT NOT NULL,
    acr TEXT,
    auth_time_ms BIGINT NOT NULL,
    -- The user's, when the password was looked at.
    sign_in_epoch BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    -- The grant that redeeming it opened; a second redemption ends it.
    grant_id TEXT
);
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at_ms);

-- SQLite cannot drop a NOT NULL, so both tables are made anew. Grants go first: dropping sessions
-- would take them along.
CREATE TABLE new_sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    -- The app that opened it; a session that a browser holds belongs to none.
    client_id TEXT REFERENCES clients (id),
    -- Of the cookie by which a browser holds it; another one after each sign-in.
    cookie_hash TEXT UNIQUE,
    device_name TEXT,
    device_platform TEXT,
    device_address TEXT,
    amr TEXT NOT NULL,
    acr TEXT,
    auth_time_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_seen_at_ms BIGINT NOT NULL,
    -- How long a session that a browser holds may lie unused, and when to look whether it has.
    idle_lifetime_ms BIGINT,
    sweep_at_ms BIGINT,
    absolute_expires_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    ended_reason TEXT
);
INSERT INTO new_sessions (id, user_id, client_id, device_name, device_platform, device_address,
    amr, auth_time_ms, created_at_ms, last_seen_at_ms, absolute_expires_at_ms, ended_at_ms,
    ended_reason)
SELECT id, user_id, client_id, device_name, device_platform, device_address, amr, auth_time_ms,
    created_at_ms, last_seen_at_ms, absolute_expires_at_ms, ended_at_ms, ended_reason
FROM sessions;

CREATE TABLE new_grants (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES new_sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id),
    client_id TEXT NOT NULL REFERENCES clients (id),
    -- Who the user is to this client: their id, or a pairwise subject.
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    -- How and when the user had signed in, and which claims the client asked for by name.
    amr TEXT NOT NULL,
    acr TEXT,
    auth_time_ms BIGINT NOT NULL,
    claims TEXT NOT NULL,
    seed TEXT NOT NULL,
    mac_key_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at_ms BIGINT NOT NULL,
    retry_key_hash TEXT,
    confirmation TEXT,
    idle_expires_at_ms BIGINT NOT NULL,
    absolute_expires_at_ms BIGINT NOT NULL,
    outlives_session_since_ms BIGINT,
    issued_at_ms BIGINT NOT NULL,
    access_expires_at_ms BIGINT NOT NULL,
    -- When to look whether it has expired. Use moves the idle expiry but not this, which is
    -- indexed; a look that comes too early moves it.
    sweep_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    ended_reason TEXT
);
INSERT INTO new_grants (id, session_id, user_id, client_id, subject, scope, audience, amr, acr,
    auth_time_ms, claims, seed, mac_key_id, generation, rotated_at_ms, retry_key_hash,
    confirmation, idle_expires_at_ms, absolute_expires_at_ms, outlives_session_since_ms,
    issued_at_ms, access_expires_at_ms, sweep_at_ms, ended_at_ms, ended_reason)
SELECT grants.id, session_id, grants.user_id, grants.client_id, grants.user_id, scope, audience,
    sessions.amr, NULL, sessions.auth_time_ms, '{}', seed, mac_key_id, generation, rotated_at_ms,
    retry_key_hash, confirmation, idle_expires_at_ms, grants.absolute_expires_at_ms,
    outlives_session_since_ms, issued_at_ms, access_expires_at_ms, sweep_at_ms,
    grants.ended_at_ms, grants.ended_reason
FROM grants JOIN sessions ON sessions.id = grants.session_id;

DROP TABLE grants;
DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;
ALTER TABLE new_grants RENAME TO grants;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (absolute_expires_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX sessions_by_sweep ON sessions (sweep_at_ms)
    WHERE ended_at_ms IS NULL AND sweep_at_ms IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE INDEX grants_by_sweep ON grants (sweep_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX grants_by_session ON grants (session_id);
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_client ON grants (client_id);

-- Which apps a session has signed in to. Longer-lived than a grant: an app that takes its ID token
-- and never comes back still wants to be told of the logout.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id),
    subject TEXT NOT NULL,
    signed_in_at_ms BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_by_client ON session_clients (client_id);
INSERT INTO session_clients (session_id, client_id, subject, signed_in_at_ms)
SELECT session_id, client_id, min(subject), min(rotated_at_ms) FROM grants
GROUP BY session_id, client_id;

-- Back-channel logouts (OpenID Connect Back-Channel Logout 1.0) that are queued, delivered or given
-- up. No reference to the session: it may be cleaned up while its last delivery is still tried.
CREATE TABLE logout_deliveries (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- queued, delivered, abandoned
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    -- When it is due; while it is being tried, when somebody else may try.
    due_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT,
    last_problem TEXT
);
CREATE INDEX logout_deliveries_due ON logout_deliveries (client_id, due_at_ms)
    WHERE state = 'queued';
CREATE INDEX logout_deliveries_by_age ON logout_deliveries (created_at_ms, id);
CREATE INDEX logout_deliveries_by_session ON logout_deliveries (session_id);
CREATE INDEX logout_deliveries_by_end ON logout_deliveries (finished_at_ms)
    WHERE finished_at_ms IS NOT NULL;

-- What a user has allowed an app, until it is withdrawn.
CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id),
    scope TEXT NOT NULL,
    given_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

-- Who a user is to clients that must not compare notes (OpenID Connect Core 1.0 section 8.1).
CREATE TABLE pairwise_subjects (
    sector TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    subject TEXT NOT NULL UNIQUE,
    PRIMARY KEY (sector, user_id)
);

-- Authorization requests that were pushed (RFC 9126); gone once answered by a code.
CREATE TABLE pushed_requests (
    hash TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    parameters TEXT NOT NULL,
    confirmation TEXT,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX pushed_requests_by_expiry ON pushed_requests (expires_at_ms);

-- Devices that wait for somebody to let them in (RFC 8628).
CREATE TABLE device_authorizations (
    device_code_hash TEXT PRIMARY KEY,
    user_code_hash TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL REFERENCES clients (id),
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    confirmation TEXT,
    device_address TEXT,
    -- pending, allowed, denied, redeemed
    state TEXT NOT NULL,
    -- Who let it in, and how they had signed in.
    user_id TEXT REFERENCES users (id),
    subject TEXT,
    sign_in_epoch BIGINT,
    amr TEXT,
    acr TEXT,
    auth_time_ms BIGINT,
    interval_seconds BIGINT NOT NULL,
    polled_at_ms BIGINT,
    expires_at_ms BIGINT NOT NULL,
    grant_id TEXT
);
CREATE INDEX device_authorizations_by_expiry ON device_authorizations (expires_at_ms);

-- Links that were mailed, to sign up or to choose a new password; gone once used.
CREATE TABLE mailed_links (
    hash TEXT PRIMARY KEY,
    -- sign_up, reset_password
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    sign_in_epoch BIGINT,
    -- Where to go on afterwards.
    next TEXT,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX mailed_links_by_expiry ON mailed_links (expires_at_ms);
CREATE INDEX mailed_links_by_address ON mailed_links (address, purpose);

-- What stands behind opaque access tokens: the claims that a JWT would carry.
CREATE TABLE opaque_tokens (
    hash TEXT PRIMARY KEY,
    claims TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX opaque_tokens_by_expiry ON opaque_tokens (expires_at_ms);

-- What may be done so often and no more: registering a client, guessing a code on a device.
CREATE TABLE quotas (
    bucket TEXT PRIMARY KEY,
    empty_at_ms BIGINT NOT NULL
);
CREATE INDEX quotas_by_expiry ON quotas (empty_at_ms);

-- Grants that another client than their own holds tokens of (RFC 8693), and how long: whatever ends
-- their client has to name them as well.
CREATE TABLE exchanged_grants (
    grant_id TEXT PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX exchanged_grants_by_expiry ON exchanged_grants (expires_at_ms);
