-- What stands in front of APIs: copies of which sessions live, further ways to authenticate.

-- For those who copy which sessions live: the ones that began a moment ago.
CREATE INDEX sessions_by_start ON sessions (created_at_ms) WHERE ended_at_ms IS NULL;
