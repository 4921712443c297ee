-- When a job is due next in an environment. The rhythm outlives releases as long as its expression does.
CREATE TABLE job_schedule (
    app         TEXT NOT NULL,
    environment TEXT NOT NULL,
    workload    TEXT NOT NULL,
    expression  TEXT NOT NULL,
    since       REAL NOT NULL,              -- when it began to count
    due_at      REAL,                       -- NULL: never
    PRIMARY KEY (app, environment, workload),
    FOREIGN KEY (app, environment) REFERENCES environment (app, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- A run of a job's release, or the note that one was missed.
CREATE TABLE job_run (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    app         TEXT NOT NULL,
    environment TEXT NOT NULL,
    workload    TEXT NOT NULL,
    release     INTEGER NOT NULL,           -- the id of one; it may be forgotten before the run is
    trigger     TEXT NOT NULL,              -- schedule, manual
    status      TEXT NOT NULL,              -- Running, Succeeded, Failed, TimedOut, Missed
    due_at      REAL,                       -- when the schedule wanted it
    started_at  REAL NOT NULL,
    ended_at    REAL,
    retry_at    REAL,                       -- while it waits for its next attempt: when that begins
    skipped     INTEGER NOT NULL DEFAULT 0, -- due times that passed while it ran
    reason      TEXT,                       -- how it ended, or why it did not take place
    FOREIGN KEY (app, environment) REFERENCES environment (app, name) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX job_run_active ON job_run (app, environment, workload) WHERE ended_at IS NULL;

CREATE TABLE job_attempt (
    run         INTEGER NOT NULL REFERENCES job_run (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,           -- counts from 1
    task        TEXT NOT NULL UNIQUE,       -- written down before the task is started
    started_at  REAL,                       -- NULL until the task is known to have been started
    ended_at    REAL,
    timed_out   INTEGER NOT NULL DEFAULT 0, -- 1: it was told to stop
    reason      TEXT,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
