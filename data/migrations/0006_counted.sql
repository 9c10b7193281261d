-- Whether a request counts among what the person asked lately. A proxy bot's copy of a question that
-- was asked before it was posted again does not: the question itself counts, though it is withdrawn.

ALTER TABLE requests
    ADD COLUMN is_counted INTEGER NOT NULL DEFAULT 1 CHECK (is_counted IN (0, 1));
