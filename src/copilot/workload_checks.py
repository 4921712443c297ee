"""What can be checked of a workload's manifest without an engine."""

from __future__ import annotations

from dataclasses import replace

from copilot.errors import Diagnostic, ManifestError, Problem
from copilot.manifest.workload import WorkloadDocument, load_workload
from copilot.release.aws_rules import aws_faults
from copilot.release.unsupported import refused_by_local
from copilot.workspace import EngineName, Workspace


def load_named_workload(workspace: Workspace, name: str) -> WorkloadDocument:
    """The manifest of a workload, which is called as its folder is. Raises ManifestError, also if it is not."""
    document = load_workload(workspace.workload_manifest(name))
    written = document.model.name
    if written != name:
        message = f"the workload is called `{written}`, but its folder `{name}`"
        raise ManifestError([document.diagnostic(Problem(("name",), message, "give both the same name"))])
    return document


def engine_faults(
    document: WorkloadDocument, *, application: str, environment: str, engine: EngineName
) -> tuple[Diagnostic, ...]:
    """What an engine cannot do of what a manifest asks for in one environment, each where it is written."""
    manifest = document.model.resolved(environment, application)
    problems = (
        refused_by_local(manifest)
        if engine == "local"
        else aws_faults(manifest, application=application, environment=environment)
    )
    places = (replace(p, path=document.model.written_at(environment, p.path)) for p in problems)
    return tuple(document.diagnostic(problem) for problem in places)
