"""What the scheduler and the workers that carry out actions say to each other."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from copilot.engine import Revision
from copilot.errors import CopilotError, ManifestError
from copilot.release.plan import Action, Plan


@dataclass(frozen=True)
class ActionResult:
    """How an action ended.

    Attributes:
        summary: One line: what came out of it, or the first cause of its failure.
        details: When it failed: the tail of what it printed.
        url: Where a person can look at the result.
        artifacts: Digests of the output artifacts by name.
        revision: What a source action found.
        images: Digests of the images that it built or deployed, by workload.
    """

    succeeded: bool
    summary: str = ""
    details: tuple[str, ...] = ()
    url: str | None = None
    artifacts: Mapping[str, str] = field(default_factory=dict)
    revision: Revision | None = None
    images: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ActionContext:
    """One attempt of an action, with all that a worker needs.

    Attributes:
        attempt: Id of the attempt, unique in the store; names its files.
        execution: The execution's number in its pipeline.
        reruns: How often this attempt was started again because a killed server lost it.
        resumed: Whether a server before this one had started the attempt.
        artifacts: Digests of the artifacts that earlier actions put out, by name.
        cancelled: Set when the action is abandoned.
    """

    attempt: int
    app: str
    pipeline: str
    execution: int
    repository: str
    plan: Plan
    stage: str
    action: Action
    reruns: int
    resumed: bool
    revision: Revision | None
    artifacts: Mapping[str, str]
    log: Path
    cancelled: threading.Event


def failure(error: Exception, log: Path) -> ActionResult:
    """How an action ended that could not be carried out. The reason is added to its log too."""
    match error:
        case ManifestError():
            first = error.diagnostics[0]
            more = f" (and {len(error.diagnostics) - 1} more)" if len(error.diagnostics) > 1 else ""
            summary = f"{first.file}:{first.line}:{first.column}: {first.message}{more}"
            details = tuple("\n\n".join(d.render() for d in error.diagnostics).splitlines())
        case CopilotError():
            summary, details = error.message, (*error.details, *([error.hint] if error.hint else []))
        case OSError(strerror=str(reason)):
            summary, details = f"{reason}: `{error.filename}`" if error.filename else reason, ()
        case _:
            summary = "a defect of copilot stopped this action; its server.log has the traceback, please report it"
            details = ()
    with suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.write("\n".join([f"error: {summary}", *details]) + "\n")
    return ActionResult(succeeded=False, summary=summary, details=details)
