-- What people left on the messages of an answer. Ratings follow from it: a person may react on
-- several messages of one answer, in several skin tones, and take back only some of that.

CREATE TABLE reactions (
    front_end TEXT NOT NULL,
    message_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    emoji TEXT NOT NULL,  -- as it came, skin tone and all: taking it back names it like that
    is_super INTEGER NOT NULL CHECK (is_super IN (0, 1)),
    kind TEXT NOT NULL CHECK (kind IN ('good', 'bad', 'funny', 'robotic')),
    turn INTEGER NOT NULL,  -- counts up per person and answer; equal where the order is unknown
    created_at TEXT NOT NULL,
    PRIMARY KEY (front_end, message_id, user_id, emoji, is_super),
    FOREIGN KEY (front_end, message_id)
        REFERENCES answer_messages (front_end, message_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX reactions_user ON reactions (user_id);

-- Whether the person who asked is the one who rates; stays known when that person is forgotten.
ALTER TABLE ratings ADD COLUMN by_asker INTEGER NOT NULL DEFAULT 0 CHECK (by_asker IN (0, 1));

UPDATE ratings SET by_asker = 1 WHERE user_id = (
    SELECT requests.user_id FROM answers JOIN requests ON requests.id = answers.request_id
    WHERE answers.id = ratings.answer_id
);

-- A server can be set up, too.
CREATE TABLE settings_of_version_2 (
    scope TEXT NOT NULL
        CHECK (scope IN ('global', 'conversation', 'user', 'channel', 'guild')),
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (scope, scope_id, key)
) STRICT, WITHOUT ROWID;

INSERT INTO settings_of_version_2 (scope, scope_id, key, value)
    SELECT scope, scope_id, key, value FROM settings;
DROP TABLE settings;
ALTER TABLE settings_of_version_2 RENAME TO settings;
