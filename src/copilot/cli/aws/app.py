"""``copilot app`` on AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._output import bold, dim, fields, out, print_json, progress, say, say_done, say_next, shown_path, table
from copilot.cli.aws._stacks import plain_watch
from copilot.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot.aws.engine import AwsEngine
    from copilot.aws.pipeline_values import DeployedPipeline
    from copilot.aws.stack_values import StackEvent
    from copilot.cli._context import Context
    from copilot.workspace import Workspace

JOB = "Scheduled Job"


def init(
    context: Context, name: str, *, domain: str | None, permissions_boundary: str | None, tags: Mapping[str, str] | None
) -> None:
    """Create an application, or take over the one of this workspace from the local engine; each step can be run again."""
    engine = context.aws
    workspace = context.workspace
    exists = any(application.name == name for application in engine.applications())
    if exists and (domain or permissions_boundary):
        raise ConflictError(
            f"application `{name}` exists, and its domain and permissions boundary cannot be changed",
            hint="leave `--domain` and `--permissions-boundary` out",
        )
    types = _types(workspace) if workspace is not None else {}
    where = f"account {engine.aws.account}, {engine.aws.region}"
    events: list[StackEvent] = []

    def watch(event: StackEvent) -> None:
        events.append(event)
        plain_watch(event)

    with progress(f"Asking AWS for application {name}" if exists else f"Creating application {name} in {where}"):
        if not exists:
            engine.check_not_elsewhere(name)
        engine.in_account.create(name, domain=domain, permissions_boundary=permissions_boundary, tags=tags, watch=watch)
    came_from = workspace.engine if workspace is not None else None
    workspace = _marked(workspace, name)
    new = _register(engine, name, types)
    changed = came_from != "aws" or bool(new or events)
    if exists:
        done = "" if changed else " There was nothing to do."
        say(f"Application {bold(name)} exists in {where}, and this repository is part of it.{done}")
    else:
        say_done(f"Created application {bold(name)} in {where}")
    if came_from != "aws":
        say(f"  wrote {shown_path(workspace.folder / '.workspace')}")
    if came_from == "local":
        say("  The aws engine runs it from now on. What runs on this machine still does; `--engine local` comes back to it.")
    if new:
        say(f"  added {', '.join(new)}, whose manifests are here")
    if not engine.environments(name):
        say_next("copilot env init --name test")
    else:
        say_next("copilot deploy" if workspace.workloads() else "copilot svc init")


def show(context: Context, name: str, *, as_json: bool) -> None:
    """What it is made of."""
    engine = context.aws
    with progress("Asking AWS"):
        record = engine.store.application(name)
        environments = engine.environments(name)
        workloads = engine.workloads(name)
    services = [w for w in workloads if w.type != JOB]
    jobs = [w for w in workloads if w.type == JOB]
    if as_json:
        held = {"environments": environments, "services": services, "jobs": jobs}
        print_json({"name": name, "engine": "aws", "uri": record.domain, "account": record.account, **held})
        return
    rows = {
        "Application": bold(name),
        "Engine": "aws",
        "Account": record.account,
        "Domain": record.domain,
        "Permissions boundary": record.permissions_boundary,
    }
    out(fields({label: value for label, value in rows.items() if value}))
    out("\nEnvironments")
    rows_ = [(e.name, e.account, e.region) for e in engine.store.environments(name)]
    out(table(rows_, ("name", "account", "region")) if rows_ else dim("none"))
    out("\nServices")
    out(table([(w.name, w.type) for w in services], ("name", "type")) if services else dim("none"))
    if jobs:
        out("\nJobs")
        out(table([(w.name, w.type) for w in jobs], ("name", "type")))


def delete(context: Context, name: str, *, yes: bool) -> None:
    """Its pipelines, workloads and environments first, then its images and what was uploaded for it, then itself."""
    from copilot.aws.pipelines import Pipelines

    engine = context.aws
    with progress("Asking AWS"):
        # What `app init` has left behind when it was stopped is not listed, and can be deleted all the same.
        exists = any(application.name == name for application in engine.applications())
        environments = engine.environments(name) if exists else []
        workloads = engine.workloads(name) if exists else []
        pipelines = Pipelines(engine.aws).deployed(name) if exists else []
    held = {"pipeline": len(pipelines), "environment": len(environments), "workload": len(workloads)}
    contents = ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for what, n in held.items() if n)
    question = f"Delete application {name}{f' with {contents}' if contents else ''}, all its images and uploaded files?"
    _ask.confirm_deletion(question, yes=yes)
    for pipeline in pipelines:
        _delete_pipeline(engine, pipeline)
    # Their images go with the application's repositories: one change of its StackSet, not one for each of them.
    for workload in workloads if environments else ():
        with progress(f"Deleting {workload.name}"):
            engine.undeploy(name, workload.name)
        say_done(f"Deleted {bold(workload.name)}")
    for environment in environments:
        with progress(f"Deleting environment {environment.name}"):
            engine.delete_environment(name, environment.name)
        say_done(f"Deleted environment {bold(environment.name)}")
    with progress(f"Deleting application {name}"):
        engine.delete_application(name)
    say_done(f"Deleted application {bold(name)}")
    workspace = context.workspace
    if workspace is not None and workspace.application == name:
        marker = workspace.folder / ".workspace"
        marker.unlink(missing_ok=True)
        say(f"  removed {shown_path(marker)}; the manifests beside it stay")
    say_next("copilot app init --engine aws")


def _delete_pipeline(engine: AwsEngine, pipeline: DeployedPipeline) -> None:
    """Delete a pipeline of an application that goes as well, with its token if that is the application's."""
    from copilot.aws.pipelines import Pipelines
    from copilot.aws.secrets import ManagedSecrets

    pipelines = Pipelines(engine.aws)
    with progress(f"Deleting pipeline {pipeline.name}"):
        secret = pipelines.token_secret(pipeline)
        found = ManagedSecrets(engine.aws).find(secret) if secret is not None else None
        own = found is not None and found.application == pipeline.app
        pipelines.delete(pipeline, secret if own else None, abandon=True)
    say_done(f"Deleted pipeline {bold(pipeline.name)}")
    if found is not None and not own:
        say(f"  Its access token {found.name} is kept: it is not only this application's.")


def _marked(workspace: Workspace | None, name: str) -> Workspace:
    from copilot.workspace import Workspace as Folder

    if workspace is None:
        return Folder.create(Path.cwd(), application=name, engine="aws")
    return workspace if workspace.engine == "aws" else workspace.moved("aws")


def _types(workspace: Workspace) -> dict[str, str]:
    """The services and jobs whose manifests are here, with their types. Raises ManifestError for one that cannot be read."""
    from copilot.workload_checks import load_named_workload

    return {workload: load_named_workload(workspace, workload).model.type for workload in workspace.workloads()}


def _register(engine: AwsEngine, name: str, types: Mapping[str, str]) -> list[str]:
    """Make services and jobs part of the application; the answer are those that were not."""
    known = {workload.name for workload in engine.workloads(name)}
    new = [workload for workload in types if workload not in known]
    if new:
        with progress(f"Adding {', '.join(new)}"):
            engine.register_workloads(name, {workload: types[workload] for workload in new})
    return new
