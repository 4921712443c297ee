"""``copilot svc status``: how a service is doing in an environment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from copilot.cli._context import Context
from copilot.cli._options import json_option
from copilot.cli._output import ago, bold, dim, duration, fields, green, out, print_json, red, say, say_next, table, yellow
from copilot.cli._root import command
from copilot.cli._running import Running, choose_running, service_options, short_id

if TYPE_CHECKING:
    from copilot.engine import Release, ServiceState, Task

_RELEASES = 5
_ENDED = 5


@command("svc status")
@service_options
@json_option
def status(context: Context, name: str | None, environment: str | None, as_json: bool) -> None:
    """Its current release, its tasks, why the last one of them died, and the last releases. Waits for nothing.

    On AWS its deployments instead of releases, and what the load balancer says of each task.
    """
    if context.on_aws:
        from copilot.cli.aws import svc as aws_svc

        aws_svc.status(context, name, environment, as_json=as_json)
        return
    running = choose_running(context, name, environment)
    releases = running.engine.releases(*running.place, limit=_RELEASES)
    ended = _ended(running)
    if as_json:
        print_json(as_document(running.state, releases, ended))
        return
    now = time.time()
    out(fields(_about(running, now)))
    out("\nTasks")
    tasks = [task_row(task, now) for task in running.state.tasks]
    out(table(tasks, ("id", "release", "status", "age", "restarts")) if tasks else dim("none"))
    if ended:
        out("\nTasks that have ended")
        out(table([_ended_row(task, now) for task in ended], ("id", "release", "ended", "why")))
    out("\nReleases")
    out(table([release_row(release, now) for release in releases], ("number", "status", "image", "revision", "by", "deployed")))
    _say_problems(running)


def as_document(state: ServiceState, releases: Sequence[Release], ended: Sequence[Task]) -> dict[str, object]:
    """The JSON answer: AWS Copilot's keys, and ours besides. There are no alarms on this engine."""
    service = state.model_dump(mode="json", by_alias=True, exclude={"tasks", "settings"})
    return {
        "Service": {
            **service,
            "runningCount": _count_running(state) if state.problem is None else None,
            "healthyCount": _count_healthy(state) if state.problem is None else None,
            "status": _word(state),
            "lastDeploymentAt": service["deployedAt"],
        },
        "tasks": [task.model_dump(mode="json", by_alias=True) for task in state.tasks],
        "stoppedTasks": [task.model_dump(mode="json", by_alias=True) for task in ended],
        "alarms": [],
        "releases": [release.model_dump(mode="json", by_alias=True) for release in releases],
    }


def task_row(task: Task, now: float) -> tuple[str, str, str, str, str]:
    """Cells about a task that is there: short id, release, status, age, and what became of it before."""
    paint = {"Healthy": green, "Unhealthy": red, "Dead": red}.get(task.status, yellow)
    return short_id(task.id), str(task.release), paint(task.status), duration(now - task.started_at), restarts(task, now)


def restarts(task: Task, now: float) -> str:
    """How often a task was started again and why it last died: ``restarted 3 times, last: exit 1, 20 s ago``."""
    if task.last_exit is None:
        return "none"
    when = f", {ago(task.last_exit_at, now)}" if task.last_exit_at is not None else ""
    if not task.restarts:
        return f"died: {task.last_exit}{when}"
    times = "once" if task.restarts == 1 else f"{task.restarts} times"
    return f"restarted {times}, last: {task.last_exit}{when}"


def release_row(release: Release, now: float) -> tuple[str, str, str, str, str, str]:
    """Cells about a release: number, status, image, revision, what asked for it, when."""
    paint = {"Current": green, "Failed": red, "Deploying": yellow}.get(release.status, dim)
    by = {
        "pipeline": f"execution #{release.execution}",
        "deploy": "copilot deploy",
        "rollback": f"rollback to {release.restores}",
    }[release.trigger]
    status = "Paused" if release.paused_at is not None else release.status
    when = ago(release.deployed_at, now) if release.deployed_at is not None else ""
    return str(release.number), paint(status), release.image[:19], short_revision(release.revision), by, when


def short_revision(revision: str) -> str:
    """A commit as it is shown: seven digits, and whether the files differed from it."""
    return revision[:7] + ("-dirty" if revision.endswith("-dirty") else "")


def _about(running: Running, now: float) -> list[tuple[str, str]]:
    state = running.state
    counts = f"{state.desired_count} desired, {_count_running(state)} running, {_count_healthy(state)} healthy"
    if state.problem is not None:
        counts = f"{state.desired_count} desired; how many run is not known"
    paint = {"Running": green, "Paused": yellow}.get(_word(state), red)
    since = f" for {duration(now - state.paused_at)}" if state.paused_at is not None else ""
    by = f" by execution #{state.execution}" if state.execution is not None else ""
    rows = [
        ("Service", bold(running.name)),
        ("Environment", running.environment),
        ("Status", paint(_word(state)) + since),
        ("Tasks", counts),
        (
            "Release",
            f"{state.release}{by}, {ago(state.deployed_at, now) if state.deployed_at is not None else 'not serving yet'}",
        ),
        ("Image", state.image or ""),
        ("Revision", state.revision or ""),
        ("URL", state.url or ""),
        ("Alarms", "none"),
    ]
    return [(label, value) for label, value in rows if value]


def _word(state: ServiceState) -> str:
    """One word for how it is."""
    if state.problem is not None:
        return "Unknown"
    if state.paused_at is not None:
        return "Paused"
    return "Running" if _count_healthy(state) >= state.desired_count else "Unhealthy"


def _count_running(state: ServiceState) -> int:
    return sum(task.pid is not None and task.status != "Stopping" for task in state.tasks)


def _count_healthy(state: ServiceState) -> int:
    return sum(task.status == "Healthy" and task.release == state.release for task in state.tasks)


def _ended(running: Running) -> list[Task]:
    """The last tasks that have ended, newest first."""
    gone = [task for task in running.engine.tasks(*running.place) if task.status == "Ended"]
    return sorted(gone, key=lambda task: task.last_exit_at or 0.0, reverse=True)[:_ENDED]


def _ended_row(task: Task, now: float) -> tuple[str, str, str, str]:
    when = ago(task.last_exit_at, now) if task.last_exit_at is not None else ""
    return short_id(task.id), str(task.release), when, task.last_exit or ""


def _say_problems(running: Running) -> None:
    state = running.state
    if state.problem is not None:
        say(f"\n{yellow('warning:')} {state.problem}; what is said of the tasks is what was last known")
    elif state.paused_at is not None:
        say_next(running.command("resume"))
    elif _count_healthy(state) < state.desired_count:
        say_next(running.command("logs"))
