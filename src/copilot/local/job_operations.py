"""Operations of the local engine on jobs."""

from __future__ import annotations

from collections.abc import Mapping

from copilot.engine import Job, JobAttempt, JobRun, JobState, LocalEnvironment, TaskLog
from copilot.errors import NotFoundError
from copilot.local.deployer import Deployer
from copilot.local.direct import DirectDeployments
from copilot.local.jobs import JOB, Jobs
from copilot.local.runtime import Runtime
from copilot.local.services import ServiceOperations
from copilot.local.store import Store
from copilot.local.store.jobs import JobKey, RunRecord


class JobOperations(ServiceOperations):
    """The part of `copilot.engine.Engine` that is about workloads, jobs included."""

    def __init__(
        self, store: Store, runtimes: Mapping[str, Runtime], deployer: Deployer, direct: DirectDeployments, jobs: Jobs
    ) -> None:
        super().__init__(store, runtimes, deployer, direct)
        self._jobs = jobs

    def delete_workload(self, app: str, name: str, environment: str | None = None) -> None:
        """See `LocalEngine`."""
        if self._store.catalog.workload(app, name).type == JOB:
            for each in self._store.catalog.environments(app):
                if environment in (None, each.name):
                    self._direct.cancel(app, environment=each.name, workload=name)
                    self._jobs.remove(app, each.name, name)
        super().delete_workload(app, name, environment)

    def jobs(self, app: str) -> list[Job]:
        """See `LocalEngine`."""
        names = [w.name for w in self._store.catalog.workloads(app) if w.type == JOB]
        environments = self._store.catalog.environments(app)
        return [
            Job(app=app, name=name, type=JOB, environments=tuple(self._state(name, e) for e in environments)) for name in names
        ]

    def start_job(self, app: str, name: str, environment: str) -> JobRun:
        """See `LocalEngine`."""
        return self._run(self._jobs.run_now(self._job(app, name, environment)))

    def job_runs(self, app: str, name: str, environment: str, limit: int = 20) -> list[JobRun]:
        """See `LocalEngine`."""
        return [self._run(record) for record in self._store.jobs.history(self._job(app, name, environment), limit)]

    def job_run(self, id: int) -> JobRun:  # noqa: A002 - the protocol's name
        """See `LocalEngine`."""
        return self._run(self._record(id))

    def job_log(self, id: int, attempt: int, cursor: str = "") -> TaskLog:  # noqa: A002 - the protocol's name
        """See `LocalEngine`."""
        key = self._record(id).key
        found = next((a for a in self._store.jobs.attempts(id) if a.number == attempt), None)
        if found is None:
            raise NotFoundError(f"run {id} of job `{key.workload}` has no attempt {attempt}")
        part = self._runtime(key.app, key.environment, key.workload).log(found.task, cursor)
        complete = not part.text
        return TaskLog(text=part.text, cursor=part.cursor, complete=complete, finished=complete and found.ended_at is not None)

    def _job(self, app: str, name: str, environment: str) -> JobKey:
        workload = self._store.catalog.workload(app, name)
        if workload.type != JOB:
            raise NotFoundError(f"`{name}` of application `{app}` is a {workload.type}, not a {JOB}")
        self._store.catalog.environment(app, environment)
        return JobKey(app, environment, name)

    def _record(self, run_id: int) -> RunRecord:
        record = self._store.jobs.run(run_id)
        if record is None:
            raise NotFoundError(f"there is no run {run_id}", hint="See `copilot job ls`")
        return record

    def _state(self, name: str, environment: LocalEnvironment) -> JobState:
        key = JobKey(environment.app, environment.name, name)
        release = self._store.releases.current(key.app, key.environment, name)
        newest = self._store.jobs.history(key, limit=1)
        return JobState(
            environment=environment.name,
            release=release.id if release else None,
            image=release.description.image if release else None,
            revision=release.description.revision if release else None,
            deployed_at=release.deployed_at if release else None,
            schedule=release.description.schedule if release else None,
            next_run_at=self._jobs.next_run_at(key, release) if release else None,
            last_run=self._run(newest[0]) if newest else None,
        )

    def _run(self, record: RunRecord) -> JobRun:
        return JobRun(
            id=record.id,
            **vars(record.key),
            release=record.release,
            trigger=record.trigger,
            status=record.status,
            due_at=record.due_at,
            started_at=record.started_at,
            ended_at=record.ended_at,
            retry_at=record.retry_at,
            skipped=record.skipped,
            reason=record.reason,
            attempts=tuple(
                JobAttempt(number=a.number, task=a.task, started_at=a.started_at, ended_at=a.ended_at, reason=a.reason)
                for a in self._store.jobs.attempts(record.id)
            ),
        )
