"""The pipeline manifest of this workspace that a command is about, and what it is checked against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.errors import ConflictError, CopilotError, EngineUnavailableError, UnsupportedError

if TYPE_CHECKING:
    from copilot.errors import Diagnostic, Problem
    from copilot.manifest.pipeline import PipelineManifest
    from copilot.release.plan import Plan
    from copilot.validation import Refusals
    from copilot.workspace import PipelineFiles, Workspace


@dataclass
class Checks:
    """What a pipeline can be checked against.

    Attributes:
        environments: Those of the application; None if they are not known.
        refusals: What the engine finds wrong besides; None if there is nothing else.
        overrides: What is wrong with the overrides of a pipeline that is right, and of its workloads; None if there are none.
        not_checked: What could not be checked, and why: sentences without a full stop. Some are only known after the checks.
    """

    environments: tuple[str, ...] | None = None
    refusals: Refusals | None = None
    overrides: Callable[[PipelineFiles, PipelineManifest, Plan], list[Diagnostic]] | None = None
    not_checked: list[str] = field(default_factory=list)


def own_workspace(context: Context) -> Workspace:
    """The workspace, which is that of the application. Raises ConflictError if ``--app`` names another one."""
    workspace = context.require_workspace()
    if context.app != workspace.application:
        raise ConflictError(
            f"this repository belongs to application `{workspace.application}`, not `{context.app}`",
            hint="leave `--app` out, or go to the other application's repository",
        )
    return workspace


def choose_files(workspace: Workspace, name: str | None) -> PipelineFiles:
    """The files of the pipeline called so, or the only one of the workspace, or the one a person picks.

    Raises as `Workspace.pipeline` does.
    """
    if name is None and _ask.can_ask():
        names = [files.name for files in workspace.pipelines()]
        if len(names) > 1:
            name = _ask.select("Which pipeline?", names, flag="--name")
    return workspace.pipeline(name)


def checks(context: Context) -> Checks:
    """All that can be asked of the engine now, for checks that must also work where nothing can."""
    return _of_aws(context) if context.on_aws else _of_this_machine(context)


def _of_this_machine(context: Context) -> Checks:
    unchecked = "its environments were not checked"
    try:
        if context.app not in [application.name for application in context.local.applications()]:
            return Checks(not_checked=[f"{unchecked}: there is no application `{context.app}` on this machine yet"])
        return Checks(tuple(environment.name for environment in context.local.environments(context.app)))
    except (EngineUnavailableError, UnsupportedError) as error:
        return Checks(not_checked=[f"{unchecked}: {error.message}"])


def _of_aws(context: Context) -> Checks:
    from copilot.aws.overrides import check_overrides, workload_overrides
    from copilot.aws.pipeline_lookup import look_up, without_aws
    from copilot.aws.pipeline_package import override_faults
    from copilot.aws.store import Store
    from copilot.aws.templates.pipeline.checks import problems
    from copilot.release.plan import DeployAction

    workspace = context.require_workspace()
    region: str | None = None

    def overrides(files: PipelineFiles, manifest: PipelineManifest, plan: Plan) -> list[Diagnostic]:
        actions = (action for stage in plan.stages for action in stage.actions)
        workloads = sorted({action.workload for action in actions if isinstance(action, DeployAction)})
        of_workloads = (fault for name in workloads for fault in check_overrides(workload_overrides(workspace, name)))
        return [*override_faults(workspace, files, without_aws(manifest, plan, region)), *of_workloads]

    try:
        aws = context.account
        region = aws.region
        store = Store(aws)
        application = store.application(context.app)
        records = {record.name: record for record in store.environments(application.name)}
    except CopilotError as error:
        reason = f"its environments, and what else it needs on AWS, were not checked: {error.message}"
        return Checks(None, lambda manifest, plan: problems(without_aws(manifest, plan, region)), overrides, [reason])

    def refusals(manifest: PipelineManifest, plan: Plan) -> list[Problem]:
        found = look_up(aws, application, records, manifest, plan)
        reasons = (f"not all that it needs on AWS was checked: {error.message}" for error in found.failures)
        made.not_checked = list(dict.fromkeys([*made.not_checked, *reasons]))
        return [*found.problems, *found.lacking, *problems(found.settings)]

    made = Checks(tuple(records), refusals, overrides)
    return made
