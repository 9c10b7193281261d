-- The exports made, so that a person who asks to be forgotten is told which of them hold their words.

CREATE TABLE exports (
    id TEXT PRIMARY KEY,  -- stands in every line of the file, too
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    permission TEXT,  -- the reference of Discord's permission that was recorded then
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE export_ratings (
    id INTEGER PRIMARY KEY,
    export_id TEXT NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
    answer_id INTEGER NOT NULL REFERENCES answers (id),
    user_id TEXT,  -- who rated; NULL once that person was forgotten
    forgotten_at TEXT  -- when the asker or the rater was forgotten, first
) STRICT;

CREATE INDEX export_ratings_export ON export_ratings (export_id);
CREATE INDEX export_ratings_answer ON export_ratings (answer_id);
CREATE INDEX export_ratings_user ON export_ratings (user_id);
