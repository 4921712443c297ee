"""``copilot svc status|logs|exec`` on AWS."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from copilot.cli._output import (
    FAILED,
    OK,
    RUNNING,
    ago,
    bold,
    dim,
    duration,
    fields,
    green,
    out,
    print_json,
    red,
    say,
    say_next,
    table,
    yellow,
)
from copilot.cli.aws._deployed import Deployed, choose_deployed, matching
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.aws.services import ServiceDeployment, ServiceStatus, ServiceTask, TargetState
    from copilot.cli._context import Context

_ENDED = 5
_PAINT = {
    "RUNNING": green,
    "STOPPED": red,
    "HEALTHY": green,
    "UNHEALTHY": red,
    "healthy": green,
    "unhealthy": red,
    "COMPLETED": green,
    "FAILED": red,
}


def status(context: Context, name: str | None, environment: str | None, *, as_json: bool) -> None:
    """Its deployments, its tasks, what the load balancer says of them, and why the last ones stopped."""
    from copilot.aws.services import Services

    deployed = choose_deployed(context, name, environment)
    services = Services(deployed.aws, deployed.app, deployed.environment)
    found = services.status(deployed.name)
    if as_json:
        print_json(as_document(found))
        return
    now = time.time()
    out(fields(_about(deployed, found, services.images(deployed.name).get(deployed.name, ""), now)))
    if len(found.deployments) > 1:
        out("\nDeployments")
        out(table([_deployment_row(d, now) for d in found.deployments], ("release", "status", "tasks", "changed")))
    out("\nTasks")
    rows = [_task_row(task, found.targets, now) for task in found.tasks]
    out(table(rows, ("id", "release", "status", "health", "load balancer", "age")) if rows else dim("none"))
    if found.stopped_tasks:
        out("\nTasks that have stopped")
        out(table([_stopped_row(task, now) for task in found.stopped_tasks[:_ENDED]], ("id", "release", "stopped", "why")))
    if found.running_count < found.desired_count:
        previous = " --previous" if found.stopped_tasks else ""
        say_next(f"copilot svc logs --name {deployed.name} --env {deployed.environment}{previous}")


def as_document(found: ServiceStatus) -> dict[str, Any]:
    """The JSON answer, with AWS Copilot's keys."""
    data = found.model_dump(mode="json", by_alias=True)
    service = ("desiredCount", "runningCount", "status", "deployments", "revision", "cluster", "name")
    return {
        "Service": {key: data[key] for key in service} | {"lastDeploymentAt": data["deployedAt"]},
        "tasks": data["tasks"],
        "stoppedTasks": data["stoppedTasks"],
        "alarms": [],
        "targetHealthDescriptions": [
            {
                "healthStatus": {"targetId": t["target"], "state": t["state"], "description": t["reason"] or ""},
                "taskID": t["task"] or "",
                "targetGroup": t["targetGroup"],
            }
            for t in data["targets"]
        ],
    }


def execute(
    context: Context, name: str | None, environment: str | None, argv: tuple[str, ...], task_id: str | None, container: str | None
) -> None:
    """Takes the place of this process, as on the local engine."""
    from copilot.aws.services import Services
    from copilot.cli.svc_exec import become

    deployed = choose_deployed(context, name, environment)
    services = Services(deployed.aws, deployed.app, deployed.environment)
    ids = [task.id for task in services.status(deployed.name).tasks if task.last_status == "RUNNING"]
    if not ids:
        raise NotFoundError(
            f"no task of `{deployed.name}` runs in environment `{deployed.environment}`",
            hint=f"see `copilot svc status --name {deployed.name} --env {deployed.environment}`",
        )
    task = matching(task_id, ids) if task_id is not None else ids[0]
    inside = services.command(deployed.name, task, argv, container=container)
    if sys.stdout.isatty():
        say(dim(f"{' '.join(argv)} in task {task[:8]} of {deployed.name} in {deployed.environment}"))
    become(inside)


def _about(deployed: Deployed, found: ServiceStatus, image: str, now: float) -> list[tuple[str, str]]:
    whole = found.running_count >= found.desired_count and all(d.status != "ACTIVE" for d in found.deployments)
    word = green(f"{OK} running") if whole else yellow(f"{RUNNING} changing")
    if any(d.rollout == "FAILED" for d in found.deployments):
        word = red(f"{FAILED} the last deployment failed")
    rows = [
        ("Service", bold(deployed.name)),
        ("Environment", deployed.environment),
        ("Status", word),
        ("Tasks", f"{found.desired_count} desired, {found.running_count} running"),
        ("Release", f"{found.revision}{f', {ago(found.deployed_at, now)}' if found.deployed_at else ''}"),
        ("Image", image),
    ]
    return [(label, value) for label, value in rows if value]


def _deployment_row(deployment: ServiceDeployment, now: float) -> tuple[str, str, str, str]:
    rollout = deployment.rollout or deployment.status
    return (
        str(deployment.revision),
        _PAINT.get(rollout, yellow)(f"{deployment.status.lower()}, {rollout.replace('_', ' ').lower()}"),
        f"{deployment.running_count}/{deployment.desired_count}",
        ago(deployment.updated_at, now) if deployment.updated_at else "",
    )


def _task_row(task: ServiceTask, targets: Sequence[TargetState], now: float) -> tuple[str, str, str, str, str, str]:
    states = [target.state for target in targets if target.task == task.id]
    balanced = ", ".join(_PAINT.get(state, yellow)(state) for state in states)
    return (
        task.id[:8],
        str(task.revision),
        _PAINT.get(task.last_status, yellow)(task.last_status.lower()),
        "" if task.health == "UNKNOWN" else _PAINT.get(task.health, yellow)(task.health.lower()),
        balanced,
        duration(now - task.started_at) if task.started_at else "",
    )


def _stopped_row(task: ServiceTask, now: float) -> tuple[str, str, str, str]:
    return task.id[:8], str(task.revision), ago(task.stopped_at, now) if task.stopped_at else "", task.stopped_reason or ""
