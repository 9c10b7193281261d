-- From this version on a request's turns say whose their parts are: `said` lists for each part of a
-- turn the person's id, or null, and its length in characters. Turns of old have no parts.

-- How much a person asked lately.
DROP INDEX requests_user;
CREATE INDEX requests_user ON requests (user_id, created_at);

-- The same of people who were forgotten within the hour: a limit shall not end with /forget.
CREATE TABLE forgotten_asks (
    person TEXT NOT NULL,  -- a keyed hash
    asked_at TEXT NOT NULL
) STRICT;

-- Personas saved under a name, of a server or of one person.
CREATE TABLE personas (
    scope TEXT NOT NULL CHECK (scope IN ('guild', 'user')),
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,  -- the name without regard to case
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    saved_by TEXT,  -- NULL once that person was forgotten
    saved_at TEXT NOT NULL,
    PRIMARY KEY (scope, scope_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX personas_saved_by ON personas (saved_by);

-- What Discord was told is asked of Discord itself now.
DELETE FROM settings WHERE key = 'discord_commands';
