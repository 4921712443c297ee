"""The local buildspec runner: builds as CodeBuild runs them, in processes that outlive the server."""

from copilot.local.buildspec.collect import ReportResult
from copilot.local.buildspec.compile import commands_buildspec
from copilot.local.buildspec.environment import resolve_secrets
from copilot.local.buildspec.result import BuildResult
from copilot.local.buildspec.run import BuildRunner, BuildState
from copilot.local.buildspec.start import BuildRequest
from copilot.local.buildspec.trace import BuildStatus, Cause, PhaseResult

__all__ = [
    "BuildRequest",
    "BuildResult",
    "BuildRunner",
    "BuildState",
    "BuildStatus",
    "Cause",
    "PhaseResult",
    "ReportResult",
    "commands_buildspec",
    "resolve_secrets",
]
