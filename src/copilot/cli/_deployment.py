"""Watching a deployment that was started, whatever started it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from copilot.cli._output import FAILED, OK, bold, dim, duration, green, progress, red, say
from copilot.errors import DeploymentError

if TYPE_CHECKING:
    from copilot.engine import Deployment, LocalEngine

_POLL_SECONDS = 0.05


def see_through(engine: LocalEngine, started: Deployment, done: str = "") -> str | None:
    """Show a deployment's log as it comes, until it ends; the answer is where the service can be looked at.

    Args:
        engine: Carries it out.
        started: The deployment.
        done: What to say when it has succeeded; empty: that the service was deployed.

    Raises:
        DeploymentError: It failed; the message says why, and the hint what serves now.
    """
    what = f"{started.workload} to {started.environment}"
    begin = time.monotonic()
    try:
        with progress(f"Deploying {what}"):
            _follow(engine, started.id)
    except KeyboardInterrupt:
        say(f"\nThe deployment of {what} goes on; look with `copilot svc show --name {started.workload}`.")
        raise
    deployment = engine.deployment(started.id)
    took = duration(time.monotonic() - begin)
    if deployment.status == "Failed":
        _fail(engine, deployment, f"{what} after {took}")
    say(f"{green(OK)} {done or f'Deployed {bold(what)}'} in {took}")
    return deployment.url


def _follow(engine: LocalEngine, deployment_id: str) -> None:
    offset = 0
    while True:
        chunk = engine.deployment_log(deployment_id, offset)
        for line in chunk.text.splitlines():
            say(dim(f"  {line}"))
        offset = chunk.next_offset
        if chunk.finished and not chunk.text:
            return
        if not chunk.text:
            time.sleep(_POLL_SECONDS)


def _fail(engine: LocalEngine, deployment: Deployment, what: str) -> NoReturn:
    say(f"{red(FAILED)} {what}")
    states = engine.service(deployment.app, deployment.workload).environments
    state = next((s for s in states if s.environment == deployment.environment and s.release is not None), None)
    look = f"copilot svc show --name {deployment.workload}"
    if any(w.name == deployment.workload and w.type == "Scheduled Job" for w in engine.workloads(deployment.app)):
        rest, look = f"what runs in {deployment.environment} when it is due is the same as before", "copilot job ls"
    elif state is None:
        rest = f"nothing of it serves {deployment.environment} yet"
    elif state.paused_at is not None:
        rest = f"it is still paused in {deployment.environment}"
    else:
        rest = f"what served {deployment.environment} before still does"
    raise DeploymentError(
        deployment.error or "the deployment failed",
        details=deployment.details,
        hint=f"{rest}; see `{look}`",
    )
