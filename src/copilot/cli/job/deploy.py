"""``copilot job deploy`` and ``copilot job package``: from this checkout to a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._deployment import see_through
from copilot.cli._options import app_option, change_options, image_options, package_options
from copilot.cli._output import bold, out, say_done, say_next, shown_path
from copilot.cli._root import command
from copilot.cli.deploy import build_descriptions, choose_environment, deploy_flags, environment_name, refuse_difference
from copilot.cli.job._target import env_option, name_option
from copilot.cli.svc_package import services_here

if TYPE_CHECKING:
    from copilot.release.description import ReleaseDescription


@command("job deploy")
@app_option
@name_option
@env_option
@image_options
@change_options
def deploy(context: Context, name: str | None, environment: str | None, **flags: Any) -> None:
    """What is in the working tree, committed or not. It does not run now, but when it is due the next time."""
    if context.on_aws:
        from copilot.cli.aws import deploy as aws_deploy

        name = _choose(context, name)
        aws_deploy.deploy(context, [name], environment_name(context, environment), deploy_flags(flags))
        return
    refuse_difference(flags)
    description = _build(context, name, environment)
    name, environment = description.workload, description.environment
    see_through(context.local, context.local.start_deployment(description), f"Deployed {bold(f'{name} to {environment}')}")
    say_next(f"copilot job run --name {name} --env {environment}", "copilot job ls")


@command("job package")
@app_option
@name_option
@env_option
@package_options
def package(
    context: Context,
    name: str | None,
    environment: str | None,
    output_dir: Path | None,
    diff: bool,
    upload: bool,
    tag: str | None,
) -> None:
    """All that a deployment would be made of, with the overrides of the environment, as JSON. The image is built.

    On AWS it is a CloudFormation template, with `--output-dir` its parameters and tags too, and nothing is built. With `--diff`
    the exit code is 1 if something would change.
    """
    if context.on_aws:
        from copilot.cli.aws import deploy as aws_deploy

        name = _choose(context, name)
        target = environment_name(context, environment)
        differs = aws_deploy.package(context, name, target, output_dir=output_dir, tag=tag, upload=upload, diff=diff)
        if diff and differs:
            click.get_current_context().exit(1)
        return
    refuse_difference({"diff": diff})
    description = _build(context, name, environment)
    from copilot.local.builder import text_of, write_descriptions

    if output_dir is None:
        out(text_of(description), newline=False)
        return
    for path in write_descriptions([description], output_dir):
        say_done(f"Wrote {shown_path(path.absolute())}")


def _build(context: Context, name: str | None, environment: str | None) -> ReleaseDescription:
    workspace = context.require_workspace()
    name = _choose(context, name)
    target = choose_environment(context, environment)
    (description,) = build_descriptions(workspace, [name], target)
    return description


def _choose(context: Context, name: str | None) -> str:
    return _ask.choose("job", services_here(context, jobs=True), name, owner="this repository", create="copilot job init")
