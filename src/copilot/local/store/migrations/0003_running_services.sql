-- Operations on running services: pausing, rolling back, and what is known of tasks that have ended.

ALTER TABLE release ADD COLUMN paused_at REAL;    -- while its tasks are stopped on purpose: since when

ALTER TABLE task ADD COLUMN last_exit_at REAL;    -- when it last ended by itself

-- Tasks that are gone; their logs are still there. The newest of each service are kept.
CREATE TABLE ended_task (
    id          TEXT PRIMARY KEY,
    release     INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    started_at  REAL NOT NULL,
    ended_at    REAL NOT NULL,
    restarts    INTEGER NOT NULL,
    reason      TEXT NOT NULL                     -- why it ended, for a person
) STRICT;

CREATE INDEX ended_task_of_release ON ended_task (release);

-- What a deployment does: a new release (deploy), an earlier one again as a new one (rollback), a paused one (resume).
ALTER TABLE deployment ADD COLUMN kind TEXT NOT NULL DEFAULT 'deploy';
ALTER TABLE deployment ADD COLUMN release INTEGER; -- of a rollback or resume: which
