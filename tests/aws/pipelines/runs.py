"""Executions of pipelines and of their actions, as the emulator keeps them and as CodePipeline answers with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any
from uuid import uuid4

from moto.core.utils import utcnow

from copilot.release.execution import Execution


@dataclass(frozen=True)
class Place:
    """A file in a bucket."""

    bucket: str
    key: str

    def described(self, name: str) -> dict[str, Any]:
        """As an artifact."""
        return {"name": name, "s3location": {"bucket": self.bucket, "key": self.key}}


class ActionFailedError(Exception):
    """An action came to nothing. ``code`` is CodePipeline's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class ActionRun:
    """One attempt of an action. ``token``: of an approval that waits, and stays when it is decided."""

    stage: str
    declaration: Mapping[str, Any]
    inputs: Mapping[str, Place]
    by: str
    region: str
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "InProgress"
    started: datetime = field(default_factory=utcnow)
    updated: datetime = field(default_factory=utcnow)
    resolved: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    external_id: str | None = None
    external_url: str | None = None
    summary: str | None = None
    error: tuple[str, str] | None = None
    log_stream: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Place] = field(default_factory=dict)
    cancelled: Event = field(default_factory=Event)

    @property
    def name(self) -> str:
        """The action's name."""
        return str(self.declaration["name"])

    @property
    def category(self) -> str:
        """Such as ``Source``."""
        return str(self.declaration["actionTypeId"]["category"])

    @property
    def configuration(self) -> Mapping[str, str]:
        """As the pipeline has it, variables not filled in."""
        configuration: Mapping[str, str] = self.declaration["configuration"]
        return configuration

    def end(self, status: str) -> None:
        """Come to a status."""
        self.status, self.updated = status, utcnow()

    def state(self) -> dict[str, Any]:
        """As ActionExecution of GetPipelineState."""
        return _given(
            actionExecutionId=self.id,
            status=self.status,
            summary=self.summary,
            lastStatusChange=self.updated,
            token=self.token if self.status == "InProgress" else None,
            lastUpdatedBy=self.by,
            externalExecutionId=self.external_id,
            externalExecutionUrl=self.external_url,
            errorDetails=self._error(),
            logStreamARN=self.log_stream,
        )

    def detail(self, run: Run) -> dict[str, Any]:
        """As ActionExecutionDetail of ListActionExecutions."""
        result = _given(
            externalExecutionId=self.external_id,
            externalExecutionSummary=self.summary,
            externalExecutionUrl=self.external_url,
            errorDetails=self._error(),
            logStreamARN=self.log_stream,
        )
        return {
            "pipelineExecutionId": run.id,
            "actionExecutionId": self.id,
            "pipelineVersion": run.version,
            "stageName": self.stage,
            "actionName": self.name,
            "startTime": self.started,
            "lastUpdateTime": self.updated,
            "updatedBy": self.by,
            "status": self.status,
            "input": _given(
                actionTypeId=self.declaration["actionTypeId"],
                configuration=self.configuration,
                resolvedConfiguration=self.resolved,
                roleArn=self.declaration.get("roleArn"),
                region=self.region,
                inputArtifacts=[place.described(name) for name, place in self.inputs.items()],
                namespace=self.declaration.get("namespace"),
            ),
            "output": {
                "outputArtifacts": [place.described(name) for name, place in self.outputs.items()],
                "executionResult": result,
                "outputVariables": self.variables,
            },
        }

    def _error(self) -> dict[str, str] | None:
        return {"code": self.error[0], "message": self.error[1]} if self.error else None


@dataclass(frozen=True)
class Revision:
    """The commit that a source action fetched. ``artifact`` is the name of what it put out."""

    action: str
    artifact: str
    id: str
    summary: str
    url: str
    created: datetime


@dataclass
class Run:
    """An execution of a pipeline.

    Attributes:
        rules: Its state, for the rules.
        structure: The pipeline's when it began. Likewise ``version``.
        overrides: The commit that each source action is to fetch, where that is not the head of the branch.
        cancelled: The pipeline changed before the end.
    """

    rules: Execution
    structure: Mapping[str, Any]
    version: int
    trigger: tuple[str, str]
    overrides: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))
    started: datetime = field(default_factory=utcnow)
    updated: datetime = field(default_factory=utcnow)
    rollback_of: str | None = None
    stop_reason: str | None = None
    stopped: bool = False
    cancelled: bool = False
    retries: dict[str, dict[str, Any]] = field(default_factory=dict)
    actions: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, Place] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether anything can still happen to it by itself."""
        return self.rules.active and not self.cancelled

    @property
    def status(self) -> str:
        """CodePipeline's."""
        return "Cancelled" if self.cancelled else self.rules.status

    @property
    def type(self) -> str:
        """Of a rollback or not."""
        return "ROLLBACK" if self.rollback_of else "STANDARD"

    def stage_status(self, stage: str) -> str | None:
        """Of a stage that it is or was in; None before."""
        for position, each in enumerate(self.rules.plan.stages):
            if each.name == stage:
                status = self.rules.stages[position].status
                if status == "Pending":
                    return None
                if status == "InProgress":
                    return "Cancelled" if self.cancelled else ("Stopping" if self.rules.status == "Stopping" else status)
                return status
        return None

    def attempt(self, action: str) -> ActionRun:
        """The newest of an action in the stage that it is in."""
        return next(each for each in reversed(self.actions) if each.stage == self.rules.stage.name and each.name == action)

    def namespaces(self) -> dict[str, dict[str, str]]:
        """All variables that actions may use."""
        own = {"PipelineExecutionId": self.id, "PipelineName": str(self.structure["name"])}
        return {**self.variables, "codepipeline": own}

    def summary(self) -> dict[str, Any]:
        """As PipelineExecutionSummary."""
        revisions = [
            {"actionName": each.action, "revisionId": each.id, "revisionSummary": each.summary, "revisionUrl": each.url}
            for each in self.revisions.values()
        ]
        return _given(
            **self._common(),
            startTime=self.started,
            lastUpdateTime=self.updated,
            sourceRevisions=revisions,
            stopTrigger={"reason": self.stop_reason} if self.stopped and self.stop_reason else None,
        )

    def detail(self) -> dict[str, Any]:
        """As PipelineExecution."""
        revisions = [
            {
                "name": each.artifact,
                "revisionId": each.id,
                "revisionSummary": each.summary,
                "revisionUrl": each.url,
                "created": each.created,
            }
            for each in self.revisions.values()
        ]
        return _given(
            **self._common(),
            pipelineName=self.structure["name"],
            pipelineVersion=self.version,
            artifactRevisions=revisions,
            variables=[],
        )

    def _common(self) -> dict[str, Any]:
        return {
            "pipelineExecutionId": self.id,
            "status": self.status,
            "statusSummary": self.stop_reason if self.stopped else None,
            "trigger": {"triggerType": self.trigger[0], "triggerDetail": self.trigger[1]},
            "executionMode": self.structure["executionMode"],
            "executionType": self.type,
            "rollbackMetadata": {"rollbackTargetPipelineExecutionId": self.rollback_of} if self.rollback_of else None,
        }


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
