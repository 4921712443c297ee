"""What tests of pipelines share: the local engine in this process, answering over HTTP as its server does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from copilot.engine import ActionState, ExecutionDetail, PipelineDefinition
from copilot.local import server
from copilot.local.home import Home
from copilot.local.service import LocalService
from copilot.release.plan import ExecutionMode, Plan, SourceAction, Stage
from tests import gitrepo
from tests.local.harness import eventually

APP = "shop"
TOKEN = "server-token"


@dataclass
class Local:
    """An engine with the application ``shop``."""

    folder: Path
    home: Home
    service: LocalService
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

    def put(self, definition: PipelineDefinition) -> str:
        """Create or update a pipeline; the answer is its name."""
        self.service.put_pipeline(definition)
        return definition.name

    def execution(self, pipeline: str, number: int | None = None) -> ExecutionDetail:
        """One execution; None: the newest."""
        return self.service.execution(APP, pipeline, number)

    def action(self, pipeline: str, name: str, number: int | None = None) -> ActionState:
        """One action of an execution."""
        return next(a for stage in self.execution(pipeline, number).stages for a in stage.actions if a.name == name)

    def revisions(self, pipeline: str) -> list[str]:
        """The commits of all executions, oldest first."""
        summaries = self.service.executions(APP, pipeline, 100)
        return [s.revision.id if s.revision else "" for s in reversed(summaries)]

    def ended(self, pipeline: str, number: int | None = None) -> ExecutionDetail:
        """Wait until an execution has ended."""
        self.until(lambda: bool(self.service.executions(APP, pipeline)))
        self.until(lambda: self.execution(pipeline, number).summary.ended_at is not None)
        return self.execution(pipeline, number)

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until a condition holds."""
        eventually(condition, seconds)


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
            for application in service.applications():
                service.delete_application(application.name)
    finally:
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
