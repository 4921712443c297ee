"""Attempts of actions, for tests of workers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from copilot.engine import Revision
from copilot.local.action import ActionContext
from copilot.release.plan import Action, Plan, Stage


def context(
    action: Action,
    log: Path,
    *,
    attempt: int = 1,
    repository: str = "/nowhere",
    revision: str | None = None,
    artifacts: Mapping[str, str] | None = None,
    resumed: bool = False,
    reruns: int = 0,
) -> ActionContext:
    """An attempt of the only action of a plan."""
    return ActionContext(
        attempt=attempt,
        app="shop",
        pipeline="release",
        execution=1,
        repository=repository,
        plan=Plan("shop", "release", (Stage("Stage", (action,)),)),
        stage="Stage",
        action=action,
        reruns=reruns,
        resumed=resumed,
        revision=Revision(id=revision, summary="", author="", committed_at=0.0) if revision else None,
        artifacts=artifacts or {},
        log=log,
        cancelled=threading.Event(),
    )
