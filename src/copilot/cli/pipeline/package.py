"""``copilot pipeline package``: what a pipeline on AWS is made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import out, progress, say, shown_path
from copilot.cli._root import command
from copilot.cli.pipeline._manifest import choose_files, own_workspace
from copilot.cli.pipeline._target import name_option
from copilot.errors import UnsupportedError

if TYPE_CHECKING:
    from copilot.aws.pipeline_package import PipelinePackage


@command("pipeline package")
@app_option
@name_option
@click.option("--output-dir", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write it into this folder.")
@click.option("--diff", is_flag=True, help="Show what an update would change; exit code 1 if anything.")
def package(context: Context, name: str | None, output_dir: Path | None, diff: bool) -> None:
    """The CloudFormation template of the pipeline, for the environments and the resources that the application has.

    With `--output-dir` the stack's parameters and tags too. With `--diff` the exit code is 1 if something would change.
    Nothing is changed on AWS.
    """
    if not context.on_aws:
        raise UnsupportedError(
            "the local engine has no template of a pipeline", hint="`copilot pipeline show` shows what a pipeline does"
        )
    workspace = own_workspace(context)
    files = choose_files(workspace, name)
    from copilot.aws.pipeline_package import package_pipeline

    with progress("Asking AWS"):
        made = package_pipeline(context.account, workspace, files)
    if diff:
        if _differs(context, made):
            click.get_current_context().exit(1)
        return
    if output_dir is None:
        out(made.template, newline=False)
        return
    for path in made.write(output_dir):
        say(f"  wrote {shown_path(path)}")


def _differs(context: Context, made: PipelinePackage) -> bool:
    """Print what an update would change; the answer is whether it is anything."""
    from copilot.aws.pipelines import Pipelines
    from copilot.aws.stacks import Stacks
    from copilot.cli.aws._stacks import show_difference

    request = Pipelines(context.account).request(made)
    stacks = Stacks(context.account)
    with progress(f"Working out what changes in {request.name}"):
        proposal = stacks.propose(request)
    if proposal is None:
        say("Nothing would change.")
        return False
    with proposal:
        return show_difference(stacks, proposal)
