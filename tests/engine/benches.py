"""The same pipelines on each engine: what tests of both ask for, and how an engine comes to it.

A pipeline here builds by its repository's ``build.sh``, deploys the workload ``api``, whose version is what was committed, to one
environment after the other, and tests it by ``test.sh``.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from copilot.aws.client import Aws
from copilot.aws.engine import AwsEngine
from copilot.aws.pipeline_package import package_pipeline
from copilot.aws.pipelines import Pipelines
from copilot.aws.stacks import Stacks
from copilot.engine import ActionState, Engine, ExecutionDetail, LogChunk, StageState
from copilot.errors import NotFoundError
from copilot.release.plan import ExecutionMode, OnFailure
from copilot.workspace import Workspace
from tests import gitrepo
from tests.aws.pipelines.conftest import Repositories, Repository
from tests.local.pipelines import BUILDSPEC, Local, Project

APP = "shop"
WORKLOAD = "api"
CONNECTION = "shared"
_DEADLINE = 60.0
_EVERY = 0.1
_NOTHING = "true"

T = TypeVar("T")


def until(condition: Callable[[], T]) -> T:
    """Wait until a condition holds; the answer is what it answered then."""
    deadline = time.monotonic() + _DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(_EVERY)
    return found


def waits_for(gate: Path) -> str:
    """A script that goes on when a file is there."""
    return f"echo waiting\nwhile [ ! -e {gate} ]; do sleep 0.05; done\n"


@dataclass(frozen=True)
class Promotes:
    """A stage that deploys to an environment, the first one or the second."""

    approval: bool = False
    tests: bool = False
    on_failure: OnFailure = "stop"


class Line(ABC):
    """A pipeline with its repository, on one engine. ``environments`` are those that its stages deploy to, in their order."""

    name: str
    environments: tuple[str, ...]

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @abstractmethod
    def begin(
        self,
        *stages: Promotes,
        mode: ExecutionMode = "superseded",
        version: str = "1",
        build: str = _NOTHING,
        tests: str = _NOTHING,
    ) -> str:
        """Commit a version and make the pipeline; the answer is its first execution, which is of that version."""

    @abstractmethod
    def commit(self, version: str, *, build: str = _NOTHING, tests: str = _NOTHING) -> str:
        """Commit a version with the scripts that build and test it; the answer is the commit."""

    @abstractmethod
    def deployed(self, environment: str) -> str | None:
        """The version that is in an environment; None: none is."""

    @property
    @abstractmethod
    def checkout(self) -> Path:
        """The checkout of its repository."""

    def push(self, version: str, *, build: str = _NOTHING, tests: str = _NOTHING) -> str:
        """Commit a version and push it; the answer is the execution that this starts."""
        before = {each.id for each in self.engine.executions(APP, self.name)}
        self.commit(version, build=build, tests=tests)
        gitrepo.push(self.checkout, "main")
        return until(lambda: [each.id for each in self.engine.executions(APP, self.name) if each.id not in before])[0]

    def stage_of(self, environment: str) -> str:
        """The name of the stage that deploys there."""
        return f"DeployTo-{environment}"

    def approval_of(self, environment: str) -> str:
        """The name of the approval before that."""
        return f"ApprovePromotionTo-{environment}"

    def deployment_of(self, environment: str) -> str:
        """The name of the action that deploys there."""
        return f"CreateOrUpdate-{WORKLOAD}-{environment}"

    def detail(self, execution: str) -> ExecutionDetail:
        """An execution."""
        return self.engine.execution(APP, self.name, execution)

    def stage(self, execution: str, name: str) -> StageState:
        """A stage of an execution."""
        return next(each for each in self.detail(execution).stages if each.stage_name == name)

    def action(self, execution: str, stage: str, name: str) -> ActionState:
        """An action of an execution."""
        return next(each for each in self.stage(execution, stage).actions if each.name == name)

    def reaches(self, execution: str, stage: str, name: str, status: str = "InProgress") -> None:
        """Wait until an action has a status; fail when it can have it no more."""

        def reached() -> bool:
            detail = self.detail(execution)
            action = next(a for each in detail.stages if each.stage_name == stage for a in each.actions if a.name == name)
            assert action.status == status or detail.summary.ended_at is None, detail
            return action.status == status

        until(reached)

    def prints(self, execution: str, stage: str, name: str, text: str) -> None:
        """Wait until an action has printed something."""
        self.reaches(execution, stage, name)
        until(lambda: text in self.log(execution, stage, name)[0])

    def log(self, execution: str, stage: str, name: str, offset: int = 0) -> tuple[str, LogChunk]:
        """All that there is now of an action's log from an offset, and the last piece of it."""
        text = ""
        while True:
            chunk = self.engine.log(APP, self.name, execution, stage, name, offset=offset)
            text, offset = text + chunk.text, chunk.next_offset
            if chunk.finished or not chunk.text:
                return text, chunk

    def ended(self, execution: str) -> ExecutionDetail:
        """Wait until an execution has ended."""
        until(lambda: self.detail(execution).summary.ended_at is not None)
        return self.detail(execution)

    def statuses(self, execution: str) -> list[str]:
        """Of its stages."""
        return [each.status for each in self.detail(execution).stages]


class LocalLine(Line):
    """On the local engine."""

    def __init__(self, local: Local) -> None:
        super().__init__(local.service)
        self._project: Project = local.project(2)
        self.name, self.environments = self._project.pipeline, self._project.environments

    def begin(
        self,
        *stages: Promotes,
        mode: ExecutionMode = "superseded",
        version: str = "1",
        build: str = _NOTHING,
        tests: str = _NOTHING,
    ) -> str:
        made = [
            self._project.stage(environment, approval=each.approval, tests=each.tests, on_failure=each.on_failure)
            for environment, each in zip(self.environments, stages, strict=False)
        ]
        self._project.put(*made, mode=mode)
        return self.push(version, build=build, tests=tests)

    def commit(self, version: str, *, build: str = _NOTHING, tests: str = _NOTHING) -> str:
        return self._project.commit(version, script=build, tests=tests)

    def deployed(self, environment: str) -> str | None:
        try:
            service = self.engine.service(APP, WORKLOAD)
        except NotFoundError:  # nothing of the application was ever deployed
            return None
        state = next((each for each in service.environments if each.environment == environment), None)
        return None if state is None or state.release is None else self._project.served(environment)

    @property
    def checkout(self) -> Path:
        return self._project.work


STACK = """\
Parameters: {Version: {Type: String}}
Resources:
  Value:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub '/${AWS::StackName}', Type: String, Value: !Ref Version}
"""


class AwsLine(Line):
    """On AWS. Its stages deploy to the environments `test` and `prod`, to stacks of its own."""

    environments = ("test", "prod")

    def __init__(self, aws: Aws, repositories: Repositories, name: str) -> None:
        super().__init__(AwsEngine(aws))
        self._aws, self.name = aws, name
        self._repository: Repository = repositories.create(name)

    def begin(
        self,
        *stages: Promotes,
        mode: ExecutionMode = "superseded",
        version: str = "1",
        build: str = _NOTHING,
        tests: str = _NOTHING,
    ) -> str:
        self._write_pipeline(stages, mode)
        self.commit(version, build=build, tests=tests)
        gitrepo.push(self.checkout, "main")
        workspace = Workspace.find(self._repository.work)
        request = Pipelines(self._aws).request(package_pipeline(self._aws, workspace, workspace.pipeline(self.name)))
        Stacks(self._aws, pause=0.01).deploy(request)
        return until(lambda: self.engine.executions(APP, self.name))[0].id

    def commit(self, version: str, *, build: str = _NOTHING, tests: str = _NOTHING) -> str:
        for environment in self.environments:
            configuration = json.dumps({"Parameters": {"Version": version}})
            self._repository.write(f"infrastructure/{WORKLOAD}-{environment}.stack.yml", STACK)
            self._repository.write(f"infrastructure/{WORKLOAD}-{environment}.params.json", configuration)
        return self._repository.commit(f"Version {version}", **{"build.sh": build, "test.sh": tests})

    def deployed(self, environment: str) -> str | None:
        ssm = self._aws.ssm
        try:
            return ssm.get_parameter(Name=f"/{self._stack(environment)}")["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            return None

    @property
    def checkout(self) -> Path:
        return self._repository.work

    def _stack(self, environment: str) -> str:
        return f"{self.name}-{environment}"

    def _write_pipeline(self, stages: Sequence[Promotes], mode: ExecutionMode) -> None:
        properties = {"repository": self._repository.url, "branch": "main", "connection_name": CONNECTION}
        described = [
            {
                "name": environment,
                "requires_approval": each.approval,
                "on_failure": each.on_failure,
                "deployments": {WORKLOAD: {"stack_name": self._stack(environment)}},
                **({"test_commands": ["sh test.sh"]} if each.tests else {}),
            }
            for environment, each in zip(self.environments, stages, strict=False)
        ]
        manifest = {
            "name": self.name,
            "version": 1,
            "execution_mode": mode,
            "source": {"provider": "GitHub", "properties": properties},
            "stages": described,
        }
        files = {
            "copilot/.workspace": f"application: {APP}\nengine: aws\n",
            f"copilot/{WORKLOAD}/manifest.yml": f"name: {WORKLOAD}\ntype: Backend Service\nimage: {{location: 'nginx:1'}}\n",
            f"copilot/pipelines/{self.name}/manifest.yml": json.dumps(manifest),
            f"copilot/pipelines/{self.name}/buildspec.yml": BUILDSPEC,
        }
        for name, text in files.items():
            self._repository.write(name, text)
