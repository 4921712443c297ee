"""``copilot job deploy`` and ``copilot job package``: from this checkout to a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._deployment import see_through
from copilot.cli._options import app_option
from copilot.cli._output import bold, out, say_done, say_next, shown_path
from copilot.cli._root import command
from copilot.cli.deploy import build_descriptions, choose_environment
from copilot.cli.job._target import env_option, name_option

if TYPE_CHECKING:
    from copilot.release.description import ReleaseDescription


@command("job deploy")
@app_option
@name_option
@env_option
def deploy(context: Context, name: str | None, environment: str | None) -> None:
    """What is in the working tree, committed or not. It does not run now, but when it is due the next time."""
    description = _build(context, name, environment)
    name, environment = description.workload, description.environment
    see_through(context.local, context.local.start_deployment(description), f"Deployed {bold(f'{name} to {environment}')}")
    say_next(f"copilot job run --name {name} --env {environment}", "copilot job ls")


@command("job package")
@app_option
@name_option
@env_option
@click.option(
    "--output-dir", type=click.Path(file_okay=False, path_type=Path), help="Write it into this folder instead of printing it."
)
def package(context: Context, name: str | None, environment: str | None, output_dir: Path | None) -> None:
    """All that a deployment would be made of, with the overrides of the environment, as JSON. The image is built."""
    description = _build(context, name, environment)
    from copilot.local.builder import text_of, write_descriptions

    if output_dir is None:
        out(text_of(description), newline=False)
        return
    for path in write_descriptions([description], output_dir):
        say_done(f"Wrote {shown_path(path.absolute())}")


def _build(context: Context, name: str | None, environment: str | None) -> ReleaseDescription:
    workspace = context.require_workspace()
    name = _ask.choose("job", _jobs(context), name, owner="this repository", create="copilot job init")
    target = choose_environment(context, environment)
    (description,) = build_descriptions(workspace, [name], target)
    return description


def _jobs(context: Context) -> list[str]:
    """Names of the workloads of this repository whose manifest says that they are jobs."""
    from copilot.manifest.workload import ScheduledJob, load_workload

    workspace = context.require_workspace()
    names = workspace.workloads()
    return [name for name in names if isinstance(load_workload(workspace.workload_manifest(name)).model, ScheduledJob)]
