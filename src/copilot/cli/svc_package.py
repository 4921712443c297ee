"""``copilot svc package``: what a deployment on AWS would be made of."""

from __future__ import annotations

from pathlib import Path

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import package_options
from copilot.cli._root import command
from copilot.cli._running import service_options
from copilot.cli.deploy import environment_name
from copilot.errors import UnsupportedError


@command("svc package")
@service_options
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
    """The CloudFormation template that `svc deploy` would have AWS make it from, on AWS only.

    With `--output-dir` its parameters and tags too. With `--diff` the exit code is 1 if something would change.
    """
    if not context.on_aws:
        raise UnsupportedError(
            "the local engine has no templates to look at",
            hint="`copilot svc show --manifest <env>` shows what counts there",
        )
    there = context.require_workspace().workloads() if name is not None else services_here(context)
    name = _ask.choose("service", there, name, owner="this repository", create="copilot svc init")
    from copilot.cli.aws import deploy as aws_deploy

    target = environment_name(context, environment)
    differs = aws_deploy.package(context, name, target, output_dir=output_dir, tag=tag, upload=upload, diff=diff)
    if diff and differs:
        click.get_current_context().exit(1)


def services_here(context: Context, *, jobs: bool = False) -> list[str]:
    """Names of the workloads of this repository that are services, or jobs, as their manifests say."""
    from copilot.manifest.workload import ScheduledJob, load_workload

    workspace = context.require_workspace()
    names = workspace.workloads()
    return [n for n in names if isinstance(load_workload(workspace.workload_manifest(n)).model, ScheduledJob) == jobs]
