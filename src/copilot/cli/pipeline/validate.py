"""`copilot pipeline validate`: everything wrong with a pipeline's manifest and what it names, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option
from copilot.cli._output import out, print_json, say, shown_path
from copilot.cli._root import command
from copilot.cli.pipeline._manifest import choose_files, known_environments, own_workspace
from copilot.cli.pipeline._target import name_option
from copilot.errors import Diagnostic, ManifestError

if TYPE_CHECKING:
    from copilot.release.plan import Plan
    from copilot.workspace import PipelineFiles


@command("pipeline validate")
@app_option
@name_option
@json_option
def validate(context: Context, name: str | None, as_json: bool) -> None:
    """Needs no network. Checks every pipeline of the workspace unless one is named."""
    from copilot.validation import check_pipeline

    workspace = own_workspace(context)
    pipelines = [choose_files(workspace, name)] if name else workspace.pipelines() or [choose_files(workspace, None)]
    environments = known_environments(context)
    plans: list[Plan] = []
    problems: list[Diagnostic] = []
    for files in pipelines:
        try:
            plans.append(check_pipeline(workspace, files, environments.names)[1])
        except ManifestError as error:
            problems += error.diagnostics
    problems = list(dict.fromkeys(problems))
    if as_json:
        print_json({"valid": not problems, "problems": problems, "environmentsChecked": environments.names is not None})
        click.get_current_context().exit(1 if problems else 0)
    if problems:
        raise ManifestError(problems)
    _say_good(pipelines, plans)
    if environments.names is None:
        say(f"Its environments were not checked: {environments.unknown_because}.")


def _say_good(pipelines: Sequence[PipelineFiles], plans: Sequence[Plan]) -> None:
    for files, plan in zip(pipelines, plans, strict=True):
        out(f"{shown_path(files.manifest)} is valid: Source → Build → {' → '.join(plan.environments)}")
