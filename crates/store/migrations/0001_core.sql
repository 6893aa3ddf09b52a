-- One text for SQLite and PostgreSQL: TEXT and BIGINT only; instants are Unix milliseconds.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    claims TEXT NOT NULL,
    password_hash TEXT,
    tokens_not_before_ms BIGINT NOT NULL,
    sign_in_epoch BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    disabled_at_ms BIGINT
);

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash TEXT,
    policy TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    disabled_at_ms BIGINT
);

CREATE TABLE authorization_codes (
    hash TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    scope TEXT NOT NULL,
    challenge TEXT,
    confirmation TEXT,
    device_name TEXT,
    device_platform TEXT,
    device_address TEXT,
    amr TEXT NOT NULL,
    auth_time_ms BIGINT NOT NULL,
    -- The user's, when the password was looked at.
    sign_in_epoch BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    -- The session that redeeming it opened; a second redemption ends that session.
    session_id TEXT
);
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at_ms);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    client_id TEXT NOT NULL REFERENCES clients (id),
    device_name TEXT,
    device_platform TEXT,
    device_address TEXT,
    amr TEXT NOT NULL,
    auth_time_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_seen_at_ms BIGINT NOT NULL,
    absolute_expires_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    ended_reason TEXT
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (absolute_expires_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX sessions_by_end ON sessions (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

-- A rotation changes no indexed column, so that it writes one row and nothing else.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id),
    client_id TEXT NOT NULL REFERENCES clients (id),
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
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
CREATE INDEX grants_by_sweep ON grants (sweep_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX grants_by_session ON grants (session_id);
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_client ON grants (client_id);

-- The position of the log. A row, not a sequence: sequences commit out of order, and a reader
-- that has passed N would never see N-1.
CREATE TABLE revocation_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    compacted_through BIGINT NOT NULL
);
INSERT INTO revocation_head (id, seq, compacted_through) VALUES (1, 0, 0);

CREATE TABLE revocations (
    seq BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    value TEXT,
    before_ms BIGINT,
    reason TEXT NOT NULL,
    appended_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX revocations_by_rule ON revocations (kind, value);
CREATE INDEX revocations_by_expiry ON revocations (expires_at_ms);

CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed_private TEXT NOT NULL,
    announced_at_ms BIGINT NOT NULL,
    activated_at_ms BIGINT,
    retired_at_ms BIGINT,
    removed_at_ms BIGINT
);

CREATE TABLE mac_keys (
    id TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- Things that may happen once: DPoP proofs, nonces, tickets.
CREATE TABLE consumed (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX consumed_by_expiry ON consumed (expires_at_ms);

CREATE TABLE login_attempts (
    bucket TEXT PRIMARY KEY,
    empty_at_ms BIGINT NOT NULL,
    last_at_ms BIGINT NOT NULL
);
CREATE INDEX login_attempts_by_age ON login_attempts (last_at_ms);

-- Where a user has signed in from before.
CREATE TABLE familiar_addresses (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    last_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, address)
);
CREATE INDEX familiar_addresses_by_age ON familiar_addresses (last_at_ms);

-- What the verifiers connected to other nodes have acknowledged.
CREATE TABLE feed_streams (
    id TEXT PRIMARY KEY,
    verifier TEXT NOT NULL,
    acknowledged_seq BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL
);
