"""``copilot pipeline package``: what a pipeline on AWS is made from."""

from __future__ import annotations

from pathlib import Path

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import out, progress, say, shown_path
from copilot.cli._root import command
from copilot.cli.pipeline._manifest import choose_files, own_workspace
from copilot.cli.pipeline._target import name_option
from copilot.errors import UnsupportedError


@command("pipeline package")
@app_option
@name_option
@click.option("--output-dir", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write it into this folder.")
def package(context: Context, name: str | None, output_dir: Path | None) -> None:
    """The CloudFormation template of the pipeline, for the environments and the resources that the application has.

    With `--output-dir` the stack's parameters and tags too. Nothing is changed on AWS.
    """
    if not context.on_aws:
        raise UnsupportedError(
            "the local engine has no template of a pipeline", hint="`copilot pipeline show` shows what a pipeline does"
        )
    workspace = own_workspace(context)
    files = choose_files(workspace, name)
    from copilot.aws.pipeline_package import package_pipeline

    with progress("Asking AWS"):
        made = package_pipeline(context.aws.aws, workspace, files)
    if output_dir is None:
        out(made.template, newline=False)
        return
    for path in made.write(output_dir):
        say(f"  wrote {shown_path(path)}")
