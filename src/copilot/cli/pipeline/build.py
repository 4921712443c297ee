"""`copilot pipeline build`: what the buildspec calls to build every image once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import out, say_done
from copilot.cli._root import command
from copilot.cli.deploy import revision_of
from copilot.cli.pipeline._manifest import choose_files
from copilot.cli.pipeline._target import name_option
from copilot.errors import CopilotError
from copilot.release.plan import RELEASE_FOLDER, DeployAction, Plan

if TYPE_CHECKING:
    from copilot.workspace import Workspace


@command("pipeline build")
@app_option
@name_option
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(RELEASE_FOLDER),
    show_default=True,
    help="Where to write what to deploy.",
)
def build(context: Context, name: str | None, output_dir: Path) -> None:
    """In a buildspec: for the execution it runs in. By hand: for the pipeline of this workspace.

    On AWS, and if this workspace has no pipeline: every service and job, for every environment.
    """
    if os.environ.get("CODEBUILD_BUILD_SUCCEEDING") == "0":
        raise CopilotError("the build phase failed; nothing is published", hint="see what it printed above")
    if context.on_aws:
        from copilot.cli.aws import build as aws_build

        aws_build.build(context, name, output_dir)
    else:
        _build(context, name, output_dir)


def _build(context: Context, name: str | None, output_dir: Path) -> None:
    from copilot.local.builder import build_workloads, write_descriptions
    from copilot.local.context import BuildContext
    from copilot.local.home import Home

    workspace = context.require_workspace()
    given = BuildContext.from_environment()
    targets: Mapping[str, tuple[str, ...]]
    runtimes: Mapping[str, str]
    if given is not None:
        targets, runtimes, revision = given.targets, given.runtimes, given.revision
    else:
        targets, runtimes = _by_hand(context, workspace, name)
        revision = revision_of(workspace.root)
    home = Home.default()
    home.create()
    descriptions = build_workloads(
        workspace,
        targets,
        runtimes=runtimes,
        home=home,
        revision=revision,
        out=out,
        execution=f"{given.pipeline}-{given.execution}" if given is not None else "",
    )
    write_descriptions(descriptions, output_dir)
    images = len({description.image for description in descriptions})
    say_done(f"{images} image{'' if images == 1 else 's'}, {len(descriptions)} releases to deploy in {output_dir}")


def _by_hand(context: Context, workspace: Workspace, name: str | None) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    from copilot.validation import check_pipeline

    environments = {environment.name: environment.runtime for environment in context.local.environments(context.app)}
    _, plan = check_pipeline(workspace, choose_files(workspace, name), list(environments))
    return deployment_targets(plan), environments


def deployment_targets(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Each workload that the plan deploys, with the environments it is deployed to."""
    targets: dict[str, tuple[str, ...]] = {}
    for stage in plan.stages:
        for action in stage.actions:
            if isinstance(action, DeployAction):
                targets[action.workload] = (*targets.get(action.workload, ()), action.environment)
    return targets
