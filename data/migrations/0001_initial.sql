-- Times are UTC in ISO 8601 with microseconds and a fixed width, so that text order is time order.

CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    source_key TEXT NOT NULL UNIQUE,  -- the same event seen twice makes one request
    conversation TEXT NOT NULL,
    front_end TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    prompt TEXT NOT NULL,
    turns TEXT NOT NULL CHECK (json_valid(turns)),
    variant TEXT NOT NULL,
    sampling TEXT NOT NULL CHECK (json_valid(sampling)),
    in_history INTEGER NOT NULL CHECK (in_history IN (0, 1)),
    state TEXT NOT NULL
        CHECK (state IN ('waiting', 'running', 'finished', 'stopped', 'expired', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    error TEXT,
    CHECK ((ended_at IS NULL) = (state IN ('waiting', 'running'))),
    CHECK (state <> 'running' OR started_at IS NOT NULL)
) STRICT;

CREATE INDEX requests_unfinished ON requests (id) WHERE state IN ('waiting', 'running');
CREATE INDEX requests_conversation ON requests (conversation, id);
CREATE INDEX requests_user ON requests (user_id);

CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL UNIQUE REFERENCES requests (id),
    text TEXT NOT NULL,
    variant TEXT NOT NULL,
    adapter_hash TEXT,
    model_id TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER CHECK (prompt_tokens >= 0),
    completion_tokens INTEGER CHECK (completion_tokens >= 0),
    queue_ms INTEGER NOT NULL CHECK (queue_ms >= 0),
    first_token_ms INTEGER CHECK (first_token_ms >= 0),
    total_ms INTEGER NOT NULL CHECK (total_ms >= 0),
    created_at TEXT NOT NULL
) STRICT;

CREATE INDEX answers_variant ON answers (variant, created_at);

CREATE TABLE answer_messages (
    front_end TEXT NOT NULL,
    message_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    answer_id INTEGER NOT NULL REFERENCES answers (id),
    position INTEGER NOT NULL CHECK (position >= 0),  -- long answers take several messages
    PRIMARY KEY (front_end, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_messages_answer ON answer_messages (answer_id, position);

CREATE TABLE ratings (
    id INTEGER PRIMARY KEY,
    answer_id INTEGER NOT NULL REFERENCES answers (id),
    user_id TEXT,  -- NULL once the person asked to be forgotten: the count stays
    kind TEXT NOT NULL CHECK (kind IN ('good', 'bad', 'funny', 'robotic')),
    created_at TEXT NOT NULL,
    UNIQUE (answer_id, user_id, kind)
) STRICT;

CREATE UNIQUE INDEX ratings_one_verdict ON ratings (answer_id, user_id)
    WHERE kind IN ('good', 'bad');
CREATE INDEX ratings_user ON ratings (user_id);

CREATE TABLE settings (
    scope TEXT NOT NULL CHECK (scope IN ('global', 'conversation', 'user', 'channel')),
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (scope, scope_id, key)
) STRICT, WITHOUT ROWID;
