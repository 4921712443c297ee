"""After a failure: its cause, what the environments run that it did not reach, what to do."""

from __future__ import annotations

import sys

from copilot.cli._output import out
from copilot.cli.pipeline import failure
from copilot.cli.pipeline._target import Target
from copilot.cli.pipeline._text import Look, paint
from copilot.engine import ExecutionDetail
from copilot.errors import NotFoundError

_MOST_LOOKS = 10
"""How many executions are looked at to find out what an environment runs."""


def explain(target: Target, detail: ExecutionDetail) -> None:
    """Print it; nothing if no action failed."""
    cause = failure.first_cause(detail)
    if cause is None:
        return
    safe = [found for environment in failure.not_reached(detail) if (found := _still_runs(target, detail, environment))]
    if safe and safe[0].environment == cause[0].environment and _reached(detail, safe[0]):
        del safe[0]
    out("\n" + paint(failure.render(detail, safe, Look.of(sys.stdout), target.hints)))


def _reached(detail: ExecutionDetail, running: failure.StillRuns) -> bool:
    """Whether the environment of the failed stage runs what this execution brought, all or some of it."""
    revision = detail.summary.revision
    return running.revision is None or (revision is not None and revision.id == running.revision)


def _still_runs(target: Target, detail: ExecutionDetail, environment: str) -> failure.StillRuns | None:
    """What an environment runs; None if that cannot be said."""
    return _as_executions_say(target, detail, environment) if target.on_aws else _as_services_say(target, environment)


def _as_services_say(target: Target, environment: str) -> failure.StillRuns:
    """The newest of its services' revisions, and the execution that brought it."""
    newest = None
    for workload in target.engine.workloads(target.app):
        try:
            services = target.engine.service(target.app, workload.name).environments
        except NotFoundError:  # it was deleted a moment ago
            continue
        for service in services:
            known = service.environment == environment and service.revision and service.deployed_at is not None
            if known and (newest is None or (service.deployed_at or 0) > (newest.deployed_at or 0)):
                newest = service
    if newest is None or not newest.revision:
        return failure.StillRuns(environment)
    passed = [e for e in target.engine.executions(target.app, target.name, limit=100) if e.status == "Succeeded"]
    id_ = next((e.id for e in passed if e.revision and e.revision.id == newest.revision), None)
    return failure.StillRuns(environment, newest.revision, id_)


def _as_executions_say(target: Target, detail: ExecutionDetail, environment: str) -> failure.StillRuns | None:
    """The revision of the newest execution that deployed something there: on AWS tasks do not tell their commit."""
    for summary in target.engine.executions(target.app, target.name, limit=_MOST_LOOKS):
        found = detail if summary.id == detail.summary.id else target.engine.execution(target.app, target.name, summary.id)
        deployed = any(
            action.kind == "deploy" and action.status == "Succeeded"
            for stage in found.stages
            if stage.environment == environment
            for action in stage.actions
        )
        if deployed and summary.revision is not None:
            return failure.StillRuns(environment, summary.revision.id, summary.id)
    return None
