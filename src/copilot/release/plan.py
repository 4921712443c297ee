"""What a pipeline will do, in order: stages of actions with run orders.

A plan is data. Building it touches nothing, and it is the only place that knows order: engines run the actions of a stage
by ascending run order, those with the same run order side by side. Names are the ones AWS Copilot gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

SOURCE_ARTIFACT = "SCCheckoutArtifact"
BUILD_ARTIFACT = "BuildOutput"
RELEASE_FOLDER = "infrastructure"
"""Folder of the build's output that holds one deployable description for each workload and environment."""


@dataclass(frozen=True)
class SourceAction:
    """Fetch a revision of the repository. Output: ``SOURCE_ARTIFACT``."""

    name: str
    run_order: int
    provider: str
    repository: str
    branch: str
    access_token_secret: str | None = None
    connection_name: str | None = None
    full_clone: bool = False
    paths: tuple[str, ...] = ()
    kind: Literal["source"] = "source"


@dataclass(frozen=True)
class BuildAction:
    """Run the pipeline's buildspec. Input: ``SOURCE_ARTIFACT``; output: ``BUILD_ARTIFACT``. ``timeout`` is in minutes."""

    name: str
    run_order: int
    buildspec: str
    timeout: int
    image: str | None = None
    compute: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["build"] = "build"


@dataclass(frozen=True)
class ApprovalAction:
    """Wait until a person approves the promotion, at most ``timeout`` minutes."""

    name: str
    run_order: int
    environment: str
    timeout: int
    kind: Literal["approval"] = "approval"


@dataclass(frozen=True)
class ProjectAction:
    """Run a buildspec of the repository before or after the deployments of an environment. ``timeout`` is in minutes."""

    name: str
    run_order: int
    environment: str
    buildspec: str
    timeout: int
    kind: Literal["project"] = "project"


@dataclass(frozen=True)
class DeployAction:
    """Deploy one workload to one environment from ``BUILD_ARTIFACT``.

    ``template_path`` and ``template_config`` are paths inside that artifact, used by the aws engine; the local engine reads the
    release description ``release_path(workload, environment)``.
    """

    name: str
    run_order: int
    environment: str
    workload: str
    stack_name: str
    template_path: str
    template_config: str
    kind: Literal["deploy"] = "deploy"


@dataclass(frozen=True)
class CommandsAction:
    """Run test commands against what was just deployed. ``timeout`` is in minutes."""

    name: str
    run_order: int
    environment: str
    commands: tuple[str, ...]
    timeout: int
    kind: Literal["commands"] = "commands"


@dataclass(frozen=True)
class OtherAction:
    """What no manifest asks for: someone has added it to a pipeline on AWS. The planner makes none.

    ``category`` and ``provider`` are CodePipeline's words, such as ``Invoke`` and ``Lambda``.
    """

    name: str
    run_order: int
    category: str
    provider: str
    kind: Literal["other"] = "other"


Action = SourceAction | BuildAction | ApprovalAction | ProjectAction | DeployAction | CommandsAction | OtherAction

OnFailure = Literal["stop", "rollback", "retry"]
ExecutionMode = Literal["superseded", "queued", "parallel"]


@dataclass(frozen=True)
class Stage:
    """Actions that belong together; one execution at a time is in a stage (except in parallel mode).

    Attributes:
        name: ``Source``, ``Build`` or ``DeployTo-<env>``; unique in the plan.
        actions: Sorted by run order, then by name; at least one.
        environment: The environment that a ``DeployTo-`` stage deploys to, else None.
        on_failure: What happens when an action of the stage fails.
    """

    name: str
    actions: tuple[Action, ...]
    environment: str | None = None
    on_failure: OnFailure = "stop"

    def action(self, name: str) -> Action:
        """The action of that name. Raises KeyError."""
        for action in self.actions:
            if action.name == name:
                return action
        raise KeyError(name)


@dataclass(frozen=True)
class Plan:
    """The stages of a pipeline, in order: Source, Build, then one for each environment."""

    application: str
    pipeline: str
    stages: tuple[Stage, ...]
    mode: ExecutionMode = "superseded"

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises KeyError."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    @property
    def source(self) -> SourceAction:
        """The one action of the first stage. A rollback plan has none and raises LookupError."""
        for action in self.stages[0].actions:
            if isinstance(action, SourceAction):
                return action
        raise LookupError(f"the plan of pipeline {self.pipeline} has no source action")

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments deployed to, in order."""
        return tuple(s.environment for s in self.stages if s.environment is not None)

    def rollback_of(self, stage: str) -> Plan:
        """The plan that brings the environment of one stage back: that stage, and of it only the deployments."""
        target = self.stage(stage)
        deployments = tuple(a for a in target.actions if isinstance(a, DeployAction))
        return replace(self, stages=(replace(target, actions=deployments, on_failure="stop"),))


def release_path(workload: str, environment: str) -> str:
    """Where, inside the build's output, the local engine finds the release description of one workload for one environment."""
    return f"{RELEASE_FOLDER}/{workload}-{environment}.release.json"
