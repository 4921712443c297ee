"""What AWS knows of a deployed pipeline and of what its executions did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from copilot.release.execution import ActionStatus


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline and the stack that it is part of.

    Attributes:
        app: The application.
        name: What its manifest calls it.
        pipeline_name: What CodePipeline calls it; CloudFormation makes the name up, except in AWS Copilot's oldest layout.
        stack_name: The stack.
        region: Where it is. Likewise ``account``, by its number.
        arn: Of the pipeline.
    """

    app: str
    name: str
    pipeline_name: str
    stack_name: str
    region: str
    account: str
    arn: str


@dataclass(frozen=True)
class Place:
    """A file in a bucket."""

    bucket: str
    key: str


@dataclass(frozen=True)
class ActionExecution:
    """One attempt of an action in one execution.

    Attributes:
        id: CodePipeline's.
        execution: Id of the pipeline's execution.
        stage: The stage's name. Likewise ``action``.
        attempt: Counts from 1 within the execution.
        category: ``Source``, ``Build``, ``Test``, ``Deploy`` or ``Approval``. Likewise ``provider``: ``CodeBuild``, …
        status: What came of it, or ``InProgress``.
        started_at: Seconds since the epoch; ``updated_at`` is when it ended, if it has.
        external_id: What the provider calls what it did, such as a build's id; empty if nothing.
        external_url: Where a person can look at that; empty if nowhere.
        summary: What the provider says came of it; empty if nothing.
        error: Why it failed, as AWS has it; empty if it did not.
        variables: What it tells later actions, such as ``CommitId``.
        configuration: What it was given, such as ``ProjectName`` or ``StackName``.
        outputs: Its artifacts, by name.
        by: ARN of whoever last changed it, such as a person who approved.
        version: Of the pipeline's structure that it is from; 0 if that is not known.
    """

    id: str
    execution: str
    stage: str
    action: str
    attempt: int
    category: str
    provider: str
    status: ActionStatus
    started_at: float
    updated_at: float
    external_id: str = ""
    external_url: str = ""
    summary: str = ""
    error: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Place] = field(default_factory=dict)
    by: str = ""
    version: int = 0
