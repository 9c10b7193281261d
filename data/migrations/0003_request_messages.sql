-- The messages that show a request before its last word is out: where a bot that was killed goes on.

CREATE TABLE request_messages (
    request_id INTEGER NOT NULL REFERENCES requests (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    front_end TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (request_id, position)
) STRICT, WITHOUT ROWID;
