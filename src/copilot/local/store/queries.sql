-- Every query of the local engine. Format: a line `-- name: <name>`, lines of comment that describe it, then the SQL.

-- name: insert_application
INSERT INTO application (name, created_at) VALUES (:name, :created_at);

-- name: applications
SELECT name, created_at FROM application ORDER BY name;

-- name: delete_application
DELETE FROM application WHERE name = :name;

-- name: insert_environment
INSERT INTO environment (app, name, runtime, port, created_at) VALUES (:app, :name, :runtime, :port, :created_at);

-- name: environments
-- In the order they were created.
SELECT app, name, runtime, port, created_at FROM environment WHERE app = :app ORDER BY created_at, rowid;

-- name: all_environments
SELECT app, name, runtime, port, created_at FROM environment ORDER BY created_at, rowid;

-- name: delete_environment
DELETE FROM environment WHERE app = :app AND name = :name;

-- name: upsert_workload
INSERT INTO workload (app, name, type) VALUES (:app, :name, :type) ON CONFLICT (app, name) DO NOTHING;

-- name: workloads
SELECT app, name, type FROM workload WHERE app = :app ORDER BY name;

-- name: delete_workload
DELETE FROM workload WHERE app = :app AND name = :name;

-- name: insert_pipeline
INSERT INTO pipeline (app, name, definition, trigger, created_at, updated_at)
VALUES (:app, :name, :definition, :trigger, :now, :now);

-- name: update_pipeline
UPDATE pipeline SET definition = :definition, trigger = :trigger, updated_at = :now WHERE app = :app AND name = :name;

-- name: set_pipeline_head
UPDATE pipeline SET head = :head WHERE app = :app AND name = :name;

-- name: pipelines
SELECT app, name, definition, trigger, head, created_at, updated_at FROM pipeline WHERE app = :app ORDER BY name;

-- name: all_pipelines
SELECT app, name, definition, trigger, head, created_at, updated_at FROM pipeline ORDER BY app, name;

-- name: pipeline
SELECT app, name, definition, trigger, head, created_at, updated_at FROM pipeline WHERE app = :app AND name = :name;

-- name: delete_pipeline
DELETE FROM pipeline WHERE app = :app AND name = :name;

-- name: disabled_transitions
SELECT stage, reason FROM disabled_transition WHERE app = :app AND pipeline = :pipeline ORDER BY stage;

-- name: disable_transition
INSERT OR REPLACE INTO disabled_transition (app, pipeline, stage, reason) VALUES (:app, :pipeline, :stage, :reason);

-- name: enable_transition
DELETE FROM disabled_transition WHERE app = :app AND pipeline = :pipeline AND stage = :stage;

-- name: insert_execution
-- Its number is the next one of its pipeline.
INSERT INTO execution (app, pipeline, number, status, trigger, plan, repository, revision, rollback_of, rollback_to, started_at)
VALUES (
    :app, :pipeline, (SELECT coalesce(max(number), 0) + 1 FROM execution WHERE app = :app AND pipeline = :pipeline),
    'InProgress', :trigger, :plan, :repository, :revision, :rollback_of, :rollback_to, :started_at
);

-- name: update_execution
UPDATE execution SET status = :status, position = :position, abandon = :abandon, ended_at = :ended_at WHERE id = :id;

-- name: set_revision
UPDATE execution SET revision = :revision WHERE id = :id;

-- name: active_executions
-- Those that the scheduler has to go on with, oldest first.
SELECT * FROM execution WHERE ended_at IS NULL ORDER BY id;

-- name: executions
-- Newest first.
SELECT * FROM execution WHERE app = :app AND pipeline = :pipeline ORDER BY number DESC LIMIT :limit;

-- name: execution
SELECT * FROM execution WHERE app = :app AND pipeline = :pipeline AND number = :number;

-- name: execution_by_id
SELECT * FROM execution WHERE id = :id;

-- name: put_stage_run
INSERT INTO stage_run (execution, stage, status, retries, entered_at, ended_at)
VALUES (:execution, :stage, :status, :retries, :entered_at, :ended_at)
ON CONFLICT (execution, stage) DO UPDATE SET
    status = excluded.status, retries = excluded.retries, entered_at = excluded.entered_at, ended_at = excluded.ended_at;

-- name: stage_runs
SELECT * FROM stage_run WHERE execution = :execution;

-- name: newest_in_stage
-- The newest execution that has entered a stage of a pipeline.
SELECT max(e.number) AS number FROM execution e JOIN stage_run s ON s.execution = e.id
WHERE e.app = :app AND e.pipeline = :pipeline AND s.stage = :stage AND s.entered_at IS NOT NULL;

-- name: succeeded_in_stage
-- Executions that passed a stage, the last to do so first.
SELECT e.*, s.ended_at AS passed_at FROM execution e JOIN stage_run s ON s.execution = e.id
WHERE e.app = :app AND e.pipeline = :pipeline AND s.stage = :stage AND s.status = 'Succeeded'
ORDER BY s.ended_at DESC, e.id DESC;

-- name: insert_attempt
INSERT INTO attempt (execution, stage, action, number, status) VALUES (:execution, :stage, :action, :number, 'Pending');

-- name: start_attempt
UPDATE attempt SET status = 'InProgress', started_at = :now, expires_at = :expires_at WHERE id = :id;

-- name: finish_attempt
UPDATE attempt SET status = :status, ended_at = :now, result = :result WHERE id = :id;

-- name: count_rerun
UPDATE attempt SET reruns = reruns + 1 WHERE id = :id;

-- name: attempts
-- Every attempt of an execution, oldest first: the last of each action is its state.
SELECT * FROM attempt WHERE execution = :execution ORDER BY id;

-- name: put_artifact
INSERT OR REPLACE INTO artifact (execution, name, digest) VALUES (:execution, :name, :digest);

-- name: artifacts
SELECT name, digest FROM artifact WHERE execution = :execution;

-- name: copy_artifacts
INSERT INTO artifact (execution, name, digest) SELECT :execution, name, digest FROM artifact WHERE execution = :source;

-- name: insert_release
-- Asking twice for the same origin finds the first.
INSERT INTO release (app, environment, workload, description, origin, execution, status, created_at)
VALUES (:app, :environment, :workload, :description, :origin, :execution, 'Pending', :created_at)
ON CONFLICT (origin) DO NOTHING;

-- name: release_by_origin
SELECT * FROM release WHERE origin = :origin;

-- name: release
SELECT * FROM release WHERE id = :id;

-- name: current_release
SELECT * FROM release WHERE app = :app AND environment = :environment AND workload = :workload AND status = 'Current';

-- name: current_releases
SELECT * FROM release WHERE status = 'Current' ORDER BY app, environment, workload;

-- name: releases
-- Of one service in one environment, newest first.
SELECT * FROM release WHERE app = :app AND environment = :environment AND workload = :workload ORDER BY id DESC LIMIT :limit;

-- name: unsettled_releases
-- Those whose deployment was under way.
SELECT * FROM release WHERE status = 'Deploying' ORDER BY id;

-- name: set_release_status
UPDATE release SET status = :status WHERE id = :id;

-- name: make_current
-- One that was paused keeps the time of its deployment.
UPDATE release SET status = 'Current', deployed_at = coalesce(deployed_at, :now), paused_at = NULL WHERE id = :id;

-- name: pause_release
UPDATE release SET paused_at = :now WHERE id = :id;

-- name: supersede_releases
UPDATE release SET status = 'Superseded'
WHERE app = :app AND environment = :environment AND workload = :workload AND status = 'Current' AND id <> :id;

-- name: delete_releases
DELETE FROM release WHERE app = :app AND environment = :environment AND workload = :workload;

-- name: insert_task
INSERT INTO task (id, release, port, status, started_at) VALUES (:id, :release, :port, 'Starting', :started_at);

-- name: set_task_status
UPDATE task SET status = :status WHERE id = :id;

-- name: bury_task
UPDATE task SET status = 'Dead', last_exit = :reason, last_exit_at = :now WHERE id = :id;

-- name: restart_task
UPDATE task SET status = 'Starting', restarts = restarts + 1, started_at = :started_at, last_exit = :last_exit WHERE id = :id;

-- name: delete_task
DELETE FROM task WHERE id = :id;

-- name: insert_ended_task
-- What is known of a task that is about to be deleted.
INSERT OR REPLACE INTO ended_task (id, release, started_at, ended_at, restarts, reason)
SELECT id, release, started_at, :now, restarts, :reason FROM task WHERE id = :id;

-- name: prune_ended_tasks
-- Of the service that a release is of, only the newest are kept.
DELETE FROM ended_task WHERE id IN (
    SELECT e.id FROM ended_task e JOIN release r ON r.id = e.release, release mine
    WHERE mine.id = :release AND (r.app, r.environment, r.workload) = (mine.app, mine.environment, mine.workload)
    ORDER BY e.ended_at DESC, e.id LIMIT -1 OFFSET :keep
);

-- name: ended_tasks_of_service
SELECT e.* FROM ended_task e JOIN release r ON r.id = e.release
WHERE r.app = :app AND r.environment = :environment AND r.workload = :workload ORDER BY e.started_at, e.id;

-- name: tasks_of_release
SELECT * FROM task WHERE release = :release ORDER BY started_at, id;

-- name: tasks_of_service
SELECT t.* FROM task t JOIN release r ON r.id = t.release
WHERE r.app = :app AND r.environment = :environment AND r.workload = :workload ORDER BY t.started_at, t.id;

-- name: all_tasks
SELECT * FROM task ORDER BY started_at, id;

-- name: insert_deployment
INSERT INTO deployment (id, app, environment, workload, description, kind, release, status, started_at)
VALUES (:id, :app, :environment, :workload, :description, :kind, :release, 'InProgress', :started_at);

-- name: finish_deployment
UPDATE deployment SET status = :status, error = :error, details = :details WHERE id = :id;

-- name: deployment
SELECT * FROM deployment WHERE id = :id;

-- name: unfinished_deployments
SELECT * FROM deployment WHERE status = 'InProgress' ORDER BY started_at;

-- name: job_schedule
SELECT * FROM job_schedule WHERE app = :app AND environment = :environment AND workload = :workload;

-- name: put_job_schedule
INSERT OR REPLACE INTO job_schedule (app, environment, workload, expression, since, due_at)
VALUES (:app, :environment, :workload, :expression, :since, :due_at);

-- name: delete_job_schedule
DELETE FROM job_schedule WHERE app = :app AND environment = :environment AND workload = :workload;

-- name: insert_job_run
INSERT INTO job_run (app, environment, workload, release, trigger, status, due_at, started_at)
VALUES (:app, :environment, :workload, :release, :trigger, 'Running', :due_at, :now);

-- name: insert_missed_job_run
INSERT INTO job_run (app, environment, workload, release, trigger, status, due_at, started_at, ended_at, reason)
VALUES (:app, :environment, :workload, :release, 'schedule', 'Missed', :due_at, :now, :now, :reason);

-- name: set_job_run_retry
UPDATE job_run SET retry_at = :retry_at WHERE id = :id;

-- name: count_skipped_job_run
UPDATE job_run SET skipped = skipped + 1 WHERE id = :id;

-- name: finish_job_run
UPDATE job_run SET status = :status, ended_at = :now, retry_at = NULL, reason = :reason WHERE id = :id;

-- name: job_run
SELECT * FROM job_run WHERE id = :id;

-- name: active_job_runs
SELECT * FROM job_run WHERE ended_at IS NULL ORDER BY id;

-- name: active_job_run
-- There is at most one.
SELECT * FROM job_run WHERE app = :app AND environment = :environment AND workload = :workload AND ended_at IS NULL;

-- name: job_runs
-- Of one job in one environment, newest first.
SELECT * FROM job_run WHERE app = :app AND environment = :environment AND workload = :workload ORDER BY id DESC LIMIT :limit;

-- name: delete_job_run
DELETE FROM job_run WHERE id = :id;

-- name: insert_job_attempt
INSERT INTO job_attempt (run, number, task) VALUES (:run, :number, :task);

-- name: start_job_attempt
UPDATE job_attempt SET started_at = :now WHERE task = :task;

-- name: time_out_job_attempt
UPDATE job_attempt SET timed_out = 1 WHERE task = :task;

-- name: finish_job_attempt
UPDATE job_attempt SET ended_at = :now, reason = :reason WHERE task = :task;

-- name: job_attempts
SELECT * FROM job_attempt WHERE run = :run ORDER BY number;

-- name: unfinished_job_attempts
SELECT * FROM job_attempt WHERE ended_at IS NULL;

-- name: needed_releases
-- Those that serve or are about to, or that a task or run needs, and of each service the last that were deployed.
SELECT id, description, origin FROM (
    SELECT *, row_number() OVER (
        PARTITION BY app, environment, workload, deployed_at IS NULL ORDER BY id DESC
    ) AS place FROM release
)
WHERE status IN ('Pending', 'Deploying', 'Current') OR (deployed_at IS NOT NULL AND place <= :keep)
    OR id IN (SELECT release FROM task) OR id IN (SELECT release FROM job_run WHERE ended_at IS NULL)
    OR id IN (SELECT release FROM deployment WHERE status = 'InProgress');

-- name: prune_releases
-- `needed` is a JSON list of ids. Of each service the newest stay known, whatever became of them.
DELETE FROM release WHERE created_at < :before AND id NOT IN (SELECT value FROM json_each(:needed)) AND id NOT IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY app, environment, workload ORDER BY id DESC) AS place FROM release
    ) WHERE place <= :keep
);

-- name: executions_of_releases
-- The executions whose attempts asked for releases (`origins` is a JSON list), and those that they went back to.
WITH asked AS (
    SELECT e.* FROM execution e JOIN attempt a ON a.execution = e.id
    WHERE 'attempt:' || a.id IN (SELECT value FROM json_each(:origins))
)
SELECT id FROM asked
UNION SELECT e.id FROM execution e JOIN asked ON (e.app, e.pipeline, e.number) = (asked.app, asked.pipeline, asked.rollback_to);

-- name: prune_executions
-- `needed` is a JSON list of ids. The newest of each pipeline are kept, and those that have not ended.
DELETE FROM execution WHERE ended_at < :before AND id NOT IN (SELECT value FROM json_each(:needed)) AND number <= (
    SELECT max(number) FROM execution newest WHERE (newest.app, newest.pipeline) = (execution.app, execution.pipeline)
) - :keep;

-- name: prune_deployments
-- Of each service in each environment, the newest are kept.
DELETE FROM deployment WHERE status <> 'InProgress' AND started_at < :before AND id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY app, environment, workload ORDER BY started_at DESC, id) AS place
        FROM deployment
    ) WHERE place > :keep
);

-- name: all_artifacts
SELECT DISTINCT name, digest FROM artifact;

-- name: log_names
-- The names, without their endings, of all logs that are of something known.
SELECT 'attempt-' || id AS name FROM attempt
UNION SELECT 'deploy-' || id FROM deployment
UNION SELECT 'task-' || id FROM task
UNION SELECT 'task-' || id FROM ended_task
UNION SELECT 'task-' || task FROM job_attempt;

-- name: deployments_in_progress
SELECT description FROM deployment WHERE status = 'InProgress';
