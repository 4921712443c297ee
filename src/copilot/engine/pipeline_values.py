"""What an engine answers about pipelines, their executions and their approvals; see `copilot.engine.values`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from copilot.engine.values import Timestamp, Value
from copilot.release.execution import ActionStatus, ExecutionStatus, StageStatus
from copilot.release.plan import Plan


class PipelineDefinition(Value):
    """What `pipeline update` hands over: the structure, read from the working tree.

    Attributes:
        manifest: Path of the manifest relative to the repository's root, for messages.
        repository: What git fetches: a URL without credentials, or an absolute path on this disk.
    """

    app: str
    name: str
    repository: str
    branch: str
    manifest: str
    plan: Plan


class PipelineChange(Value):
    """What `put_pipeline` did. ``previous`` is the plan it replaced."""

    change: Literal["created", "updated", "unchanged"]
    trigger: str
    previous: Plan | None = None


class PipelineSummary(Value):
    """One line of `pipeline ls`. ``pipeline_name`` is what runs it calls it, which on AWS is a name that nobody chose."""

    name: str
    pipeline_name: str
    app: str
    region: str
    account_id: str
    repository: str
    branch: str
    updated_at: Timestamp
    latest: ExecutionSummary | None = None


class PipelineDetail(Value):
    """A pipeline's structure.

    Attributes:
        pipeline_name: As in `PipelineSummary`.
        trigger: Says in words how a push is noticed.
        disabled_stages: The reasons, by stage.
    """

    definition: PipelineDefinition
    pipeline_name: str
    region: str
    account_id: str
    trigger: str
    created_at: Timestamp
    updated_at: Timestamp
    disabled_stages: Mapping[str, str] = {}


class Revision(Value):
    """The commit an execution releases. AWS does not know authors (then it is empty), nor always when a commit was made."""

    id: str
    summary: str
    author: str
    committed_at: Timestamp | None


class ExecutionSummary(Value):
    """One line of an execution list.

    Attributes:
        id: What the engine calls it: its number on this machine, a UUID on AWS.
        number: Counts from 1 in its pipeline; None on AWS, which does not count.
        trigger: What started it.
        rollback_of: For a rollback: the stage that it brings back.
    """

    id: str
    number: int | None = None
    status: ExecutionStatus
    trigger: str
    revision: Revision | None
    started_at: Timestamp
    ended_at: Timestamp | None
    rollback_of: str | None = None


class ActionState(Value):
    """An action of an execution.

    Attributes:
        run_order: As in the plan.
        attempt: Counts from 1; a retry makes a new one.
        summary: One line: what came out of it, or why it failed.
        details: When it failed: the tail of what it printed.
        url: Where a person can look at the result, or None.
        expires_at: For an approval that waits: when it lapses.
        images: Digests of the images that it built or deployed, by workload.
    """

    name: str
    kind: str
    run_order: int
    status: ActionStatus
    attempt: int
    started_at: Timestamp | None
    ended_at: Timestamp | None
    summary: str = ""
    details: tuple[str, ...] = ()
    url: str | None = None
    expires_at: Timestamp | None = None
    images: Mapping[str, str] = {}


class StageState(Value):
    """A stage of an execution. ``transition_enabled`` and ``disabled_reason`` are the pipeline's: may executions enter?"""

    stage_name: str
    environment: str | None
    status: StageStatus
    actions: tuple[ActionState, ...]
    transition_enabled: bool = True
    disabled_reason: str | None = None


class ExecutionDetail(Value):
    """An execution of a pipeline with all its stages. ``pipeline_name``: as in `PipelineSummary`."""

    app: str
    name: str
    pipeline_name: str
    summary: ExecutionSummary
    stages: tuple[StageState, ...]
    updated_at: Timestamp


class WorkloadPromotion(Value):
    """What an approval changes for one workload: image digests and changed settings as ``(setting, before, after)``."""

    workload: str
    image_before: str | None
    image_after: str
    settings: tuple[tuple[str, str, str], ...] = ()


class Promotion(Value):
    """What a waiting approval would release to its environment. ``execution`` is an id.

    ``unseen``: why the workloads could not be looked at, if they could not.
    """

    app: str
    pipeline_name: str
    execution: str
    stage: str
    action: str
    environment: str
    waiting_since: Timestamp
    expires_at: Timestamp
    revision_before: Revision | None
    revision_after: Revision | None
    commits: tuple[Revision, ...]
    workloads: tuple[WorkloadPromotion, ...]
    tested_in: str | None = None
    tested_at: Timestamp | None = None
    unseen: str | None = None
