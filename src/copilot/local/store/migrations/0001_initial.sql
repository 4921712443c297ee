-- The whole state of the local engine, but for logs, artifacts, images and secrets, which are files.
-- Times are seconds since the epoch; JSON columns hold the values of copilot.engine and copilot.release.

CREATE TABLE application (
    name        TEXT PRIMARY KEY,
    created_at  REAL NOT NULL
) STRICT;

CREATE TABLE environment (
    app         TEXT NOT NULL REFERENCES application (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    runtime     TEXT NOT NULL,
    port        INTEGER NOT NULL UNIQUE,
    created_at  REAL NOT NULL,
    PRIMARY KEY (app, name)
) STRICT;

CREATE TABLE workload (
    app         TEXT NOT NULL REFERENCES application (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    type        TEXT NOT NULL,
    PRIMARY KEY (app, name)
) STRICT;

CREATE TABLE pipeline (
    app         TEXT NOT NULL REFERENCES application (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    definition  TEXT NOT NULL,              -- JSON: PipelineDefinition
    trigger     TEXT NOT NULL,              -- in words: how a push is noticed
    head        TEXT NOT NULL DEFAULT '',   -- the newest commit of the branch that was seen
    created_at  REAL NOT NULL,
    updated_at  REAL NOT NULL,
    PRIMARY KEY (app, name)
) STRICT;

CREATE TABLE disabled_transition (
    app         TEXT NOT NULL,
    pipeline    TEXT NOT NULL,
    stage       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (app, pipeline, stage),
    FOREIGN KEY (app, pipeline) REFERENCES pipeline (app, name) ON DELETE CASCADE
) STRICT;

CREATE TABLE execution (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    app         TEXT NOT NULL,
    pipeline    TEXT NOT NULL,
    number      INTEGER NOT NULL,           -- counts from 1 in its pipeline
    status      TEXT NOT NULL,
    trigger     TEXT NOT NULL,
    plan        TEXT NOT NULL,              -- JSON: Plan, as it was when the execution started
    repository  TEXT NOT NULL,
    position    INTEGER NOT NULL DEFAULT 0, -- index of the stage it is in, or waits to enter
    abandon     INTEGER,                    -- while stopping: 1 abandons in-progress actions, 0 lets them finish
    revision    TEXT,                       -- JSON: Revision, once known
    rollback_of TEXT,                       -- the stage that a rollback brings back
    started_at  REAL NOT NULL,
    ended_at    REAL,
    UNIQUE (app, pipeline, number),
    FOREIGN KEY (app, pipeline) REFERENCES pipeline (app, name) ON DELETE CASCADE
) STRICT;

CREATE INDEX execution_active ON execution (id) WHERE ended_at IS NULL;

CREATE TABLE stage_run (
    execution   INTEGER NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    stage       TEXT NOT NULL,
    status      TEXT NOT NULL,
    retries     INTEGER NOT NULL DEFAULT 0, -- automatic retries used
    entered_at  REAL,
    ended_at    REAL,
    PRIMARY KEY (execution, stage)
) STRICT, WITHOUT ROWID;

-- One row for each try of an action. The newest attempt is the action's state.
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    execution   INTEGER NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    stage       TEXT NOT NULL,
    action      TEXT NOT NULL,
    number      INTEGER NOT NULL,           -- counts from 1
    status      TEXT NOT NULL,
    started_at  REAL,
    ended_at    REAL,
    expires_at  REAL,                       -- of an approval
    reruns      INTEGER NOT NULL DEFAULT 0, -- how often a lost build was started again
    result      TEXT,                       -- JSON: ActionResult, once it ended
    UNIQUE (execution, stage, action, number)
) STRICT;

-- The artifacts that an execution's actions have put out so far; a rollback starts with those of its target.
CREATE TABLE artifact (
    execution   INTEGER NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    PRIMARY KEY (execution, name)
) STRICT, WITHOUT ROWID;

-- Immutable but for its status: Pending, Deploying, Current, Superseded or Failed.
CREATE TABLE release (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    app         TEXT NOT NULL,
    environment TEXT NOT NULL,
    workload    TEXT NOT NULL,
    description TEXT NOT NULL,              -- JSON: ReleaseDescription
    origin      TEXT NOT NULL UNIQUE,       -- what asked for it, so that asking again finds it: attempt:<id>, deploy:<id>
    execution   INTEGER,                    -- number of the execution, if a pipeline deployed it
    status      TEXT NOT NULL,
    created_at  REAL NOT NULL,
    deployed_at REAL,
    FOREIGN KEY (app, environment) REFERENCES environment (app, name) ON DELETE CASCADE
) STRICT;

CREATE INDEX release_of_service ON release (app, environment, workload, id);

-- A running copy of a release. Written before its process starts; deleted when the process is gone and not wanted any more.
CREATE TABLE task (
    id          TEXT PRIMARY KEY,
    release     INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    port        INTEGER,
    status      TEXT NOT NULL,              -- Starting, Healthy, Unhealthy, Stopping, Dead
    started_at  REAL NOT NULL,
    restarts    INTEGER NOT NULL DEFAULT 0,
    last_exit   TEXT
) STRICT;

CREATE TABLE deployment (
    id          TEXT PRIMARY KEY,
    app         TEXT NOT NULL,
    environment TEXT NOT NULL,
    workload    TEXT NOT NULL,
    description TEXT NOT NULL,              -- JSON: ReleaseDescription
    status      TEXT NOT NULL,
    error       TEXT,
    details     TEXT NOT NULL DEFAULT '[]',
    started_at  REAL NOT NULL,
    FOREIGN KEY (app, environment) REFERENCES environment (app, name) ON DELETE CASCADE
) STRICT;
