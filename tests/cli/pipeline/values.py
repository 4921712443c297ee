"""Executions for tests, in the fewest words."""

from __future__ import annotations

from typing import Any

from copilot.engine import ActionState, ExecutionDetail, ExecutionSummary, Revision, StageState

NOW = 1_800_000_000.0
REVISION = Revision(id="a1b2c3d" + "0" * 33, summary="Fix the cart total", author="Ana", committed_at=NOW - 120)


def action(name: str, status: str = "Pending", began: float | None = None, took: float | None = None, **more: Any) -> ActionState:
    """An action that began so many seconds ago and took so many, or still goes on."""
    started = None if began is None else NOW - began
    return ActionState.model_validate(
        {
            "name": name,
            "kind": "deploy",
            "run_order": 1,
            "status": status,
            "attempt": 1,
            "started_at": started,
            "ended_at": None if started is None or took is None else started + took,
            **more,
        }
    )


def stage(name: str, status: str, *actions: ActionState, **more: Any) -> StageState:
    """A stage; that of an environment if its name says so."""
    environment = name.removeprefix("DeployTo-") if name.startswith("DeployTo-") else None
    return StageState.model_validate(
        {"stage_name": name, "environment": environment, "status": status, "actions": actions, **more}
    )


def execution(*stages: StageState, status: str = "InProgress", **more: Any) -> ExecutionDetail:
    """Execution 14 of pipeline ``shop-main``."""
    summary = {
        "id": "14",
        "number": 14,
        "status": status,
        "trigger": "push",
        "revision": REVISION,
        "started_at": NOW - 100,
        "ended_at": None if status in ("InProgress", "Stopping") else NOW,
        **more,
    }
    return ExecutionDetail(
        app="shop",
        name="shop-main",
        pipeline_name="shop-main",
        summary=ExecutionSummary.model_validate(summary),
        stages=stages,
        updated_at=NOW,
    )


SOURCE = stage(
    "Source", "Succeeded", action("SourceCodeFor-shop", "Succeeded", 100, 0.4, kind="source", summary="main @ a1b2c3d")
)
BUILD = stage(
    "Build", "Succeeded", action("Build", "Succeeded", 99, 6.2, kind="build", summary="api sha256:9f2c01…   web unchanged")
)
TEST = stage(
    "DeployTo-test",
    "Succeeded",
    action("CreateOrUpdate-api-test", "Succeeded", 93, 3.1, url="http://localhost:8081"),
    action("CreateOrUpdate-web-test", "Succeeded", 93, 2.9),
    action("TestCommands", "Succeeded", 89, 5.0, kind="commands"),
)
PROD = stage(
    "DeployTo-prod",
    "InProgress",
    action("ApprovePromotionTo-prod", "InProgress", 60, kind="approval"),
    action("CreateOrUpdate-api-prod"),
    action("CreateOrUpdate-web-prod"),
)
PROD_PENDING = stage("DeployTo-prod", "Pending", *(action(a.name, kind=a.kind) for a in PROD.actions))
