"""What tests of pipelines share: the local engine in this process, answering over HTTP as its server does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import TypeAdapter

from copilot.engine import ActionState, ExecutionDetail, PipelineDefinition
from copilot.local import server
from copilot.local.home import Home
from copilot.local.service import LocalService
from copilot.release.description import ReleaseDescription, Routing
from copilot.release.plan import (
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    ExecutionMode,
    OnFailure,
    Plan,
    SourceAction,
    Stage,
    release_path,
)
from tests import gitrepo
from tests.local.harness import QUICK, build, eventually, get

APP = "shop"
TOKEN = "server-token"


@dataclass
class Local:
    """An engine with the application ``shop``."""

    folder: Path
    home: Home
    service: LocalService
    image: str = ""
    _count: int = field(default=0)

    def name(self, prefix: str = "release") -> str:
        """A name that no test has used."""
        self._count += 1
        return f"{prefix}{self._count}"

    def repository(self) -> tuple[Path, Path]:
        """A bare repository of its own, and a checkout of it on branch main with one pushed commit."""
        folder = self.folder / self.name("repository")
        folder.mkdir()
        return gitrepo.repository_with_checkout(folder)

    def project(self, environments: int = 1) -> Project:
        """A repository with environments of its own; its pipeline is not there yet."""
        if not self.image:
            self.image = build(self.home, self.folder / "image")
        bare, work = self.repository()
        names = tuple(self.name("e") for _ in range(environments))
        for name in names:
            self.service.create_environment(APP, name)
        return Project(self, self.name(), names, bare, work, self.image)

    def put(self, definition: PipelineDefinition) -> str:
        """Create or update a pipeline; the answer is its name."""
        self.service.put_pipeline(definition)
        return definition.name

    def execution(self, pipeline: str, id_: str | None = None) -> ExecutionDetail:
        """One execution; None: the newest."""
        return self.service.execution(APP, pipeline, id_)

    def action(self, pipeline: str, name: str, id_: str | None = None) -> ActionState:
        """One action of an execution."""
        return next(a for stage in self.execution(pipeline, id_).stages for a in stage.actions if a.name == name)

    def revisions(self, pipeline: str) -> list[str]:
        """The commits of all executions, oldest first."""
        summaries = self.service.executions(APP, pipeline, 100)
        return [s.revision.id if s.revision else "" for s in reversed(summaries)]

    def ended(self, pipeline: str, id_: str | None = None) -> ExecutionDetail:
        """Wait until an execution has ended."""
        self.until(lambda: bool(self.service.executions(APP, pipeline)))
        self.until(lambda: self.execution(pipeline, id_).summary.ended_at is not None)
        return self.execution(pipeline, id_)

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until a condition holds, without taking too much of the processor from what is waited for."""
        eventually(condition, seconds, every=0.03)


def later(execution: str, by: int = 1) -> str:
    """The id of the execution that comes so many after one."""
    return str(int(execution) + by)


@dataclass
class Project:
    """A repository whose builds run its ``build.sh`` and put out the releases that are committed; tests run its ``test.sh``.

    The workload ``api`` answers with its version.
    """

    local: Local
    pipeline: str
    environments: tuple[str, ...]
    bare: Path
    work: Path
    image: str

    @property
    def service(self) -> LocalService:
        """The engine."""
        return self.local.service

    def stage(self, environment: str, *, approval: bool = False, tests: bool = False, on_failure: OnFailure = "stop") -> Stage:
        """The stage of one environment."""
        deploy = DeployAction(f"CreateOrUpdate-api-{environment}", 2, environment, "api", "stack", "template", "config")
        before = (ApprovalAction(f"ApprovePromotionTo-{environment}", 1, environment, 60),) if approval else ()
        after = (CommandsAction("TestCommands", 3, environment, ("sh test.sh",), 60),) if tests else ()
        return Stage(f"DeployTo-{environment}", (*before, deploy, *after), environment, on_failure)

    def definition(self, *stages: Stage, mode: ExecutionMode = "superseded") -> PipelineDefinition:
        """The pipeline with a build stage and these."""
        first = Stage("Build", (BuildAction("Build", 1, "copilot/buildspec.yml", 60),))
        return definition(self.pipeline, self.bare, [first, *stages], mode=mode)

    def put(self, *stages: Stage, mode: ExecutionMode = "superseded") -> None:
        """Create or update the pipeline."""
        self.service.put_pipeline(self.definition(*stages, mode=mode))

    def commit(self, version: str, *, script: str = "true", tests: str = "true", **changes: Any) -> str:
        """Commit a version, with changes of its description; the answer is the commit."""
        for environment in self.environments:
            description = ReleaseDescription(
                application=APP,
                environment=environment,
                workload="api",
                type="Load Balanced Web Service",
                image=self.image,
                revision=version,
                port=8080,
                routing=Routing("/", QUICK, deregistration_delay=0.0),
                variables={"VERSION": version},
                grace_period=3.0,
            )
            text = TypeAdapter(ReleaseDescription).dump_json(replace(description, **changes)).decode()
            gitrepo.write(self.work, release_path("api", environment), text)
        gitrepo.write(self.work, "copilot/buildspec.yml", BUILDSPEC)
        gitrepo.write(self.work, "build.sh", script)
        return gitrepo.commit(self.work, "test.sh", tests, f"Version {version}")

    def push(self, version: str, **changes: Any) -> str:
        """Commit a version and push it; the answer is the id of its execution."""
        self.commit(version, **changes)
        gitrepo.push(self.work, "main")
        return self.service.executions(APP, self.pipeline, 1)[0].id

    def execution(self, id_: str) -> ExecutionDetail:
        """One execution."""
        return self.local.execution(self.pipeline, id_)

    def ended(self, id_: str) -> ExecutionDetail:
        """Wait until an execution has ended."""
        return self.local.ended(self.pipeline, id_)

    def action(self, id_: str, name: str) -> ActionState:
        """One action of an execution."""
        return self.local.action(self.pipeline, name, id_)

    def reaches(self, id_: str, name: str, status: str = "InProgress") -> None:
        """Wait until an action of an execution has a status."""
        self.local.until(lambda: self.action(id_, name).status == status)

    def log(self, id_: str, stage: str, action: str) -> str:
        """All that an action printed."""
        return self.service.log(APP, self.pipeline, id_, stage, action).text

    def served(self, environment: str) -> str:
        """What the service answers in an environment."""
        return get(self.service.environment(APP, environment).port)[1]


BUILDSPEC = """\
version: 0.2
phases: {build: {commands: [sh build.sh]}}
artifacts: {files: [infrastructure/*]}
"""


def definition(
    name: str,
    repository: Path | str,
    stages: Sequence[Stage] = (),
    *,
    branch: str = "main",
    mode: ExecutionMode = "superseded",
    paths: tuple[str, ...] = (),
    secret: str | None = None,
) -> PipelineDefinition:
    """A pipeline of a source stage and the stages given."""
    source = SourceAction("SourceCodeFor-shop", 1, "Git", str(repository), branch, access_token_secret=secret, paths=paths)
    return PipelineDefinition(
        app=APP,
        name=name,
        repository=str(repository),
        branch=branch,
        manifest="copilot/pipeline.yml",
        plan=Plan(APP, name, (Stage("Source", (source,)), *stages), mode),
    )


@contextmanager
def engine(folder: Path) -> Iterator[Local]:
    """A running engine; everything is deleted at its end."""
    home = Home(folder / "home")
    home.create()
    service = LocalService.open(home)
    try:
        service.start()
        if APP not in [a.name for a in service.applications()]:
            service.create_application(APP)
        with answering(service, home):
            yield Local(folder, home, service)
    finally:
        # Also when the test failed: nothing that it started goes on.
        for application in service.applications():
            service.delete_application(application.name)
        service.close()


@contextmanager
def answering(service: LocalService, home: Home) -> Iterator[None]:
    """Have the engine answer over HTTP, so that hooks find it."""
    app = server._Authenticated(server.application(service), TOKEN)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1)
    uvicorn_server = uvicorn.Server(config)
    with server._listen(0) as listener, server._announced(home, listener.getsockname()[1], TOKEN):
        thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield
        finally:
            uvicorn_server.should_exit = True
            thread.join()
