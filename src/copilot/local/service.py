"""The local engine: implements `copilot.engine.Engine` inside the server process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from copilot.engine import (
    Application,
    Environment,
    ExecutionDetail,
    ExecutionSummary,
    LocalEnvironment,
    LogChunk,
    PipelineChange,
    PipelineDefinition,
    PipelineDetail,
    PipelineSummary,
    Promotion,
)
from copilot.errors import ConflictError, CopilotError, EngineUnavailableError, NotFoundError, UnsupportedError
from copilot.local import ports, views
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRunner
from copilot.local.crew import Worker
from copilot.local.deployer import Deployer
from copilot.local.direct import DirectDeployments
from copilot.local.docker.runtime import DockerRuntime
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home
from copilot.local.host.runtime import HostRuntime
from copilot.local.job_operations import JobOperations
from copilot.local.jobs import Jobs
from copilot.local.logs import read_log
from copilot.local.program import install_program
from copilot.local.promotions import Promotions
from copilot.local.retention import Retention
from copilot.local.runtime import Runtime
from copilot.local.scheduler import Scheduler
from copilot.local.secrets import SecretStore, open_secrets
from copilot.local.store import Store
from copilot.local.supervisor import Supervisor
from copilot.local.triggers import Triggers
from copilot.local.workers.build import BuildWorker
from copilot.local.workers.deploy import DeployWorker
from copilot.local.workers.source import Sources, SourceWorker
from copilot.release.execution import RetryMode
from copilot.release.plan import DeployAction, Stage

FRONT_DOOR_PORTS = range(8080, 65536)
"""Where the port of an environment is looked for when `env init` is not told."""
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class LocalService(JobOperations):
    """The engine's operations, on top of the store, the scheduler and the runtime.

    Args:
        home: Where everything is kept.
        store: The state.
        secrets: Where secrets are kept.
    """

    def __init__(self, home: Home, store: Store, secrets: SecretStore) -> None:
        self._home = home
        self._store = store
        self._secrets = secrets
        self._docker = DockerRuntime(home)
        self._runtimes: Mapping[str, Runtime] = {"host": HostRuntime(home), "docker": self._docker}
        self._front_door = Caddy(home)
        self._deployer = Deployer(store, self._runtimes, self._front_door, secrets.get)
        self._supervisor = Supervisor(store, self._front_door, self._deployer)
        artifacts = ArtifactStore(home.artifacts)
        self._sources = Sources(home, secrets)
        builds = self._builds = BuildWorker(store, home, artifacts, BuildRunner(home, artifacts), secrets.get)
        workers: dict[str, Worker] = {
            "source": SourceWorker(self._sources, artifacts),
            "build": builds,
            "project": builds,
            "commands": builds,
            "deploy": DeployWorker(store, artifacts, self._deployer),
        }
        self._retention = Retention(home, store, artifacts)
        self._scheduler = Scheduler(store, home, workers, self._retention.wake)
        self._triggers = Triggers(home, store, self._scheduler, self._sources)
        direct = DirectDeployments(home, store, self._deployer)
        jobs = Jobs(home, store, self._deployer, self._runtimes)
        super().__init__(store, self._runtimes, self._deployer, direct, jobs)
        self._promotions = Promotions(store, artifacts, self._sources)

    @classmethod
    def open(cls, home: Home) -> LocalService:
        """The engine whose state is in a home."""
        return cls(home, Store.open(home.database), open_secrets(home))

    def start(self) -> None:
        """Take up everything where an earlier server left it."""
        install_program(self._home.bin)
        if any(environment.runtime == "docker" for environment in self._store.catalog.all_environments()):
            self._docker.stay()
        self._deployer.recover()
        self._supervisor.start()
        self._jobs.start()
        self._direct.resume()
        # Looked for first: once the scheduler has started, there are new builds.
        left_behind = self._builds.left_behind(self._scheduler.attempts_in_progress())
        self._scheduler.start()
        self._builds.tidy_up(left_behind)
        self._triggers.start()
        self._retention.start()

    def close(self) -> None:
        """Leave everything as it is: services and builds go on."""
        self._triggers.close()
        self._retention.close()
        self._scheduler.close()
        self._jobs.close()
        self._supervisor.stop()
        self._deployer.close()
        self._store.close()

    # -- applications and environments -------------------------------------------------------------------------

    def create_application(self, name: str) -> Application:
        """See `LocalEngine`."""
        return self._store.catalog.add_application(name)

    def applications(self) -> list[Application]:
        """See `LocalEngine`."""
        return self._store.catalog.applications()

    def application(self, name: str) -> Application:
        """See `LocalEngine`."""
        return self._store.catalog.application(name)

    def delete_application(self, name: str, keep_volumes: bool = False) -> None:
        """See `LocalEngine`."""
        self.application(name)
        for pipeline in self._store.catalog.pipelines(name):
            self._scheduler.forget(name, pipeline.definition.name, abandon=True)
            self._triggers.remove(pipeline.definition)
        for environment in self._store.catalog.environments(name):
            self.delete_environment(name, environment.name, keep_volumes)
        self._store.catalog.delete_application(name)

    def create_environment(
        self, app: str, name: str, runtime: str | None = None, port: int | None = None, container_engine: str | None = None
    ) -> LocalEnvironment:
        """See `LocalEngine`."""
        runtime = self._choose_runtime(runtime, container_engine)
        taken = {e.port for e in self._store.catalog.all_environments()}
        candidates = [port] if port is not None else (p for p in FRONT_DOOR_PORTS if p not in taken and ports.is_free(p))
        try:
            with ports.alone():
                for candidate in candidates:
                    environment = self._store.catalog.add_environment(app, name, runtime, candidate)
                    if self._open_front_door(environment):
                        return environment
        finally:
            self._settle_container_engine()
        raise ConflictError(f"port {port} is taken by another program", hint="Choose another with `--port`, or leave it out")

    def _choose_runtime(self, wanted: str | None, container_engine: str | None) -> str:
        """Containers if an engine of this machine answers, unless told otherwise. Raises what `DockerRuntime.take_up` does."""
        if wanted not in (None, *self._runtimes):
            raise UnsupportedError(f"there is no runtime `{wanted}`", hint=f"Available: {', '.join(self._runtimes)}")
        if wanted == "host":
            return wanted
        try:
            self._docker.take_up(container_engine)
        except (EngineUnavailableError, UnsupportedError) as error:
            if wanted is None:
                return "host"
            way_out = "or leave out `--runtime docker`: services then run as processes of this machine"
            raise type(error)(error.message, hint=f"{error.hint}; {way_out}") from None
        return "docker"

    def _settle_container_engine(self) -> None:
        """Keep to one container engine as long as an environment is on it, and no longer."""
        if all(environment.runtime != "docker" for environment in self._store.catalog.all_environments()):
            self._docker.let_go()

    def _open_front_door(self, environment: LocalEnvironment) -> bool:
        """Have the front door answer for a new environment. False, and it is gone, if another program has its port."""
        try:
            if all(unserved.port != environment.port for unserved in self._deployer.publish()):
                return True
        except CopilotError:
            self._store.catalog.delete_environment(environment.app, environment.name)
            raise
        self._store.catalog.delete_environment(environment.app, environment.name)
        return False

    def environments(self, app: str) -> list[Environment]:
        """See `LocalEngine`."""
        return [*self._store.catalog.environments(app)]

    def environment(self, app: str, name: str) -> LocalEnvironment:
        """See `LocalEngine`."""
        return self._store.catalog.environment(app, name)

    def delete_environment(self, app: str, name: str, keep_volumes: bool = False) -> None:
        """See `LocalEngine`."""
        self._store.catalog.environment(app, name)
        for record in self._store.catalog.pipelines(app):
            if name in record.definition.plan.environments:
                raise ConflictError(
                    f"pipeline `{record.definition.name}` deploys to environment `{name}`",
                    hint="Remove its stage and run `copilot pipeline update`, or run `copilot pipeline delete` first",
                )
        self._direct.cancel(app, environment=name)
        self._jobs.remove_all(app, name)
        self._deployer.remove_environment(app, name, keep_volumes=keep_volumes)
        self._settle_container_engine()
        if not self._store.catalog.all_environments():
            self._front_door.stop()

    # -- secrets -----------------------------------------------------------------------------------------------

    def put_secret(self, name: str, value: str, overwrite: bool = False) -> None:
        """See `LocalEngine`."""
        if not overwrite and self._secrets.get(name) is not None:
            raise ConflictError(f"secret `{name}` exists already", hint="Replace it with `--overwrite`")
        self._secrets.put(name, value)

    def secrets(self, prefix: str = "") -> list[str]:
        """See `LocalEngine`."""
        return sorted(name for name in self._secrets.names() if name.startswith(prefix))

    def delete_secret(self, name: str) -> None:
        """See `LocalEngine`."""
        if self._secrets.get(name) is None:
            raise NotFoundError(f"secret `{name}` does not exist", hint="See `copilot secret ls`")
        self._secrets.delete(name)

    # -- pipelines ---------------------------------------------------------------------------------------------

    def put_pipeline(self, definition: PipelineDefinition) -> PipelineChange:
        """See `LocalEngine`."""
        self._check_deployable(definition)
        with self._triggers.holding(definition.app, definition.name):
            head = self._sources.fetch(definition.repository, definition.plan.source)
            before = self._store.catalog.find_pipeline(definition.app, definition.name)
            trigger = self._triggers.install(definition)
            with self._store.transaction():
                self._store.catalog.put_pipeline(definition, trigger)
                self._store.catalog.set_head(definition.app, definition.name, head)
        if before is not None and before.definition.repository != definition.repository:
            self._triggers.remove(before.definition)
        if before is None:
            return PipelineChange(change="created", trigger=trigger)
        unchanged = before.definition == definition
        return PipelineChange(change="unchanged" if unchanged else "updated", trigger=trigger, previous=before.definition.plan)

    def _check_deployable(self, definition: PipelineDefinition) -> None:
        for environment in definition.plan.environments:
            self._store.catalog.environment(definition.app, environment)
        source = definition.plan.source
        if source.connection_name is not None:
            raise UnsupportedError(
                f"the local engine cannot use the connection `{source.connection_name}`",
                hint="Give `access_token_secret` instead of `connection_name`, or use `provider: Git`",
            )

    def pipelines(self, app: str) -> list[PipelineSummary]:
        """See `LocalEngine`."""
        summaries = []
        for record in self._store.catalog.pipelines(app):
            latest = self._store.executions.history(app, record.definition.name, limit=1)
            summaries.append(views.pipeline_summary(record, latest[0] if latest else None))
        return summaries

    def pipeline(self, app: str, name: str) -> PipelineDetail:
        """See `LocalEngine`."""
        record = self._store.catalog.pipeline(app, name)
        return views.pipeline_detail(record, self._store.catalog.disabled_transitions(app, name))

    def delete_pipeline(self, app: str, name: str, delete_secret: bool = False) -> None:
        """See `LocalEngine`."""
        definition = self._store.catalog.pipeline(app, name).definition
        self._scheduler.forget(app, name)
        self._triggers.remove(definition)
        secret = definition.plan.source.access_token_secret
        if delete_secret and secret is not None and self._secrets.get(secret) is not None:
            self._secrets.delete(secret)

    # -- executions --------------------------------------------------------------------------------------------

    def pushed(self, repository: str, updates: Sequence[tuple[str, str, str]]) -> list[dict[str, object]]:
        """A post-receive hook reports updates as (ref, old commit, new commit)."""
        return self._triggers.pushed(repository, updates)

    def start_execution(self, app: str, name: str, revision: str | None = None, trigger: str = "run") -> ExecutionSummary:
        """See `LocalEngine`."""
        with self._triggers.holding(app, name):
            definition = self._store.catalog.pipeline(app, name).definition
            head = self._sources.fetch(definition.repository, definition.plan.source)
            mirror = self._sources.mirror(definition.repository)
            record = self._scheduler.begin(
                app=app,
                pipeline=name,
                trigger=trigger,
                plan=definition.plan,
                repository=definition.repository,
                revision=mirror.revision(mirror.resolve(revision) if revision else head),
                head=None if revision else head,
            )
        return views.execution_summary(record)

    def executions(self, app: str, name: str, limit: int = 20) -> list[ExecutionSummary]:
        """See `LocalEngine`."""
        self._store.catalog.pipeline(app, name)
        return [views.execution_summary(r) for r in self._store.executions.history(app, name, limit)]

    def execution(self, app: str, name: str, execution: str | None = None) -> ExecutionDetail:
        """See `LocalEngine`."""
        self._store.catalog.pipeline(app, name)
        disabled = self._store.catalog.disabled_transitions(app, name)
        return views.execution_detail(
            self._store.executions.get(app, name, None if execution is None else _number(execution)), disabled
        )

    def log(
        self, app: str, name: str, execution: str, stage: str, action: str, attempt: int | None = None, offset: int = 0
    ) -> LogChunk:
        """See `LocalEngine`."""
        record = self._store.executions.get(app, name, _number(execution))
        tries = [a for a in self._store.executions.attempts(record.id) if (a.stage, a.action) == (stage, action)]
        chosen = [a for a in tries if attempt is None or a.number == attempt]
        if not chosen:
            raise NotFoundError(
                f"execution #{record.number} has no action `{action}` in stage `{stage}`", hint="See `copilot pipeline status`"
            )
        newest = chosen[-1]
        finished = newest.ended_at is not None or (newest.status == "Pending" and not record.state.active)
        return read_log(self._home.logs / f"attempt-{newest.id}.log", offset, finished=finished)

    def promotions(self, app: str, name: str) -> list[Promotion]:
        """See `LocalEngine`."""
        self._store.catalog.pipeline(app, name)
        return self._promotions.waiting(app, name)

    def decide(
        self, app: str, name: str, execution: str, action: str, approve: bool, approver: str, comment: str = ""
    ) -> ExecutionSummary:
        """See `LocalEngine`."""
        self._store.catalog.pipeline(app, name)
        summary = f"{'approved' if approve else 'rejected'} by {approver}" + (f": {comment}" if comment else "")
        record = self._scheduler.decide_approval(app, name, _number(execution), action, approve=approve, summary=summary)
        return views.execution_summary(record)

    def retry(self, app: str, name: str, execution: str, mode: RetryMode = "failed") -> ExecutionSummary:
        """See `LocalEngine`."""
        return views.execution_summary(self._scheduler.retry(app, name, _number(execution), mode))

    def stop(self, app: str, name: str, execution: str, abandon: bool = False) -> ExecutionSummary:
        """See `LocalEngine`."""
        return views.execution_summary(self._scheduler.stop(app, name, _number(execution), abandon=abandon))

    def rollback(self, app: str, name: str, stage: str, to: str | None = None) -> ExecutionSummary:
        """See `LocalEngine`."""
        if not any(isinstance(action, DeployAction) for action in self._stage(app, name, stage).actions):
            raise UnsupportedError(f"stage `{stage}` deploys nothing, so there is nothing to go back to")
        return views.execution_summary(self._scheduler.roll_back(app, name, stage, None if to is None else _number(to)))

    def set_transition(self, app: str, name: str, stage: str, enabled: bool, reason: str = "") -> None:
        """See `LocalEngine`."""
        self._stage(app, name, stage)
        if enabled:
            self._store.catalog.enable_transition(app, name, stage)
        else:
            self._store.catalog.disable_transition(app, name, stage, reason)
        self._scheduler.reconsider(app, name)

    def _stage(self, app: str, name: str, stage: str) -> Stage:
        plan = self._store.catalog.pipeline(app, name).definition.plan
        try:
            return plan.stage(stage)
        except KeyError:
            hint = f"It has: {', '.join(each.name for each in plan.stages)}"
            raise NotFoundError(f"pipeline `{name}` has no stage `{stage}`", hint=hint) from None


def _number(execution: str) -> int:
    """An execution's number from its id. Raises NotFoundError for what cannot be one."""
    if not _NUMBER.fullmatch(execution):
        raise NotFoundError(f"there is no execution `{execution}`", hint="executions have numbers; see `copilot pipeline status`")
    return int(execution)
