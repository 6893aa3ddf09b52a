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
