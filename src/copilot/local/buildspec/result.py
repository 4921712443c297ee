"""What became of a build: its events, its log and its files put together."""

from __future__ import annotations

import mmap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from copilot.errors import CopilotError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec.collect import ReportResult, collect_artifact, read_report
from copilot.local.buildspec.folder import BuildFolder, BuildRecord
from copilot.local.buildspec.trace import BuildStatus, Cause, PhaseResult, Trace, output_tail, shown


@dataclass(frozen=True)
class BuildResult:
    """What became of a build.

    Attributes:
        phases: Those that ran, in order, artifacts (UPLOAD_ARTIFACTS) included.
        summary: One line: the first cause if it did not succeed, else what the test reports say, or nothing.
        cause: The command that failed first, if one did.
        tail: The last lines that command printed, or those of the command that was cut short.
        artifact: Digest of the primary artifact.
        secondary_artifacts: Digests by identifier.
        exported: Values of ``exported-variables``; those that were never set are missing.
    """

    status: BuildStatus
    phases: tuple[PhaseResult, ...]
    summary: str
    cause: Cause | None = None
    tail: tuple[str, ...] = ()
    artifact: str | None = None
    secondary_artifacts: Mapping[str, str] = field(default_factory=dict)
    exported: Mapping[str, str] = field(default_factory=dict)
    reports: tuple[ReportResult, ...] = ()


def build_result(folder: BuildFolder, record: BuildRecord, trace: Trace, artifacts: ArtifactStore) -> BuildResult:
    """What became of a build that has ended; its artifacts are collected."""
    if not trace.ended:
        return _cut_short(record, trace)
    phases = list(trace.phases)
    cause = trace.cause[1] if trace.cause else None
    problem: CopilotError | None = None
    digests: dict[str, str] = {}
    if trace.collect and record.artifacts is not None:
        began = time.monotonic()
        try:
            digests[""] = collect_artifact(artifacts, folder.source, record.artifacts)
            for name, artifact in record.artifacts.secondary_artifacts.items():
                digests[name] = collect_artifact(artifacts, folder.source, artifact)
        except CopilotError as error:
            problem = error
            _append(record.log, f"UPLOAD_ARTIFACTS: {error.message}{'. ' + error.hint if error.hint else ''}")
        phases.append(PhaseResult("UPLOAD_ARTIFACTS", "FAILED" if problem else "SUCCEEDED", time.monotonic() - began))
    reports = tuple(read_report(folder.source, n, r) for n, r in record.reports.items() if r.file_format == "JUNITXML")
    tail: tuple[str, ...] = ()
    if trace.cause and cause:
        summary, tail = cause.summary, _tail(record, trace.began[: trace.cause[0] + 1], cause.failure)
    elif problem:
        summary, tail = f"UPLOAD_ARTIFACTS: {problem.message}", (problem.hint,) if problem.hint else ()
    else:
        summary = _tests(reports)
    return BuildResult(
        status="FAILED" if cause or problem else "SUCCEEDED",
        phases=tuple(phases),
        summary=summary,
        cause=cause,
        tail=tail,
        artifact=digests.pop("", None),
        secondary_artifacts=digests,
        exported=folder.exported() if record.exports else {},
        reports=reports,
    )


def _cut_short(record: BuildRecord, trace: Trace) -> BuildResult:
    """The result of a build whose program did not come to its end."""
    status: BuildStatus = trace.cut or "FAILED"
    what = {
        "TIMED_OUT": f"timed out after {record.timeout / 60:g} minutes",
        "STOPPED": "stopped",
        "FAILED": "the build's shell was killed",
    }[status]
    running = record.commands[trace.began[-1]] if trace.began else None
    summary = f"{what} in {shown(running.text)} of phase {running.phase.lower()}" if running else what
    _append(record.log, summary)
    phases = tuple(replace(p, status=status) if p.status == "IN_PROGRESS" else p for p in trace.phases)
    if trace.cause:
        index, cause = trace.cause
        tail = _tail(record, trace.began[: index + 1], cause.failure)
        return BuildResult(status=status, phases=phases, summary=f"{cause.summary}; then {summary}", cause=cause, tail=tail)
    return BuildResult(status=status, phases=phases, summary=summary, tail=_tail(record, trace.began, summary) if running else ())


def _tail(record: BuildRecord, began: Sequence[int], failure: str) -> tuple[str, ...]:
    echoes = [record.commands[number].echo for number in began]
    with record.log.open("rb") as file:
        if not file.seek(0, 2):
            return ()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as log:
            return output_tail(log, echoes, failure)


def _tests(reports: Sequence[ReportResult]) -> str:
    tests, failures = sum(r.tests for r in reports), sum(r.failures for r in reports)
    if not tests:
        return ""
    return f"{tests} {'test' if tests == 1 else 'tests'}, {failures} failed"


def _append(log: Path, line: str) -> None:
    with log.open("ab") as file:
        file.write(f"{line}\n".encode())
