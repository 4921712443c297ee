"""``copilot app``: applications."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._aws_flags import refuse_local_flags
from copilot.cli._context import Context, connect, connect_aws
from copilot.cli._options import app_name_option, json_option, keep_volumes_option, tags_option, yes_option
from copilot.cli._output import ago, bold, dim, fields, out, print_json, progress, say, say_done, say_next, shown_path, table
from copilot.cli._root import command
from copilot.cli._running import services_of
from copilot.errors import ConflictError

if TYPE_CHECKING:
    from copilot.engine import Application, LocalEngine


@command("app init")
@click.argument("name", required=False)
@click.option("--engine", type=click.Choice(["local", "aws"]), help="What runs it; default: what runs it now, else this machine.")
@click.option("--domain", metavar="DOMAIN", help="AWS: a domain of yours in Route 53; environments get subdomains of it.")
@click.option("--permissions-boundary", metavar="POLICY", help="AWS: name of the policy that bounds every role that is made.")
@tags_option
def init(
    name: str | None,
    engine: str | None,
    domain: str | None,
    permissions_boundary: str | None,
    tags: Mapping[str, str] | None,
) -> None:
    """The application's name goes into copilot/.workspace, from which all other commands know it.

    An application of this machine moves to AWS with ``--engine aws``; its manifests stay as they are.
    """
    from copilot.manifest.names import check_name
    from copilot.workspace import Workspace

    context = Context()
    workspace = context.workspace
    engine = engine or context.engine_name
    if workspace is not None:
        if name not in (None, workspace.application):
            raise ConflictError(
                f"this repository belongs to application `{workspace.application}`, not `{name}`",
                hint="to move it to another application, delete copilot/.workspace first",
            )
        name = workspace.application
    if name is None:
        name = _ask.text("What is the application called?", flag="NAME", default=_suggested_name(), check=_ask.name_fault)
    check_name("application", name)
    if engine == "aws":
        from copilot.cli.aws import app as aws_app

        aws_app.init(context, name, domain=domain, permissions_boundary=permissions_boundary, tags=tags)
        return

    exists = _create(name)
    if workspace is None:
        workspace = Workspace.create(Path.cwd(), application=name, engine="local")
        made = "Registered this repository with the existing application" if exists else "Created application"
        say_done(f"{made} {bold(name)}")
        say(f"  wrote {shown_path(workspace.root / 'copilot' / '.workspace')}")
    elif workspace.engine != "local":
        workspace.moved("local")
        say_done(f"This machine runs application {bold(name)} from now on; what runs on AWS stays there")
    elif exists:
        say(f"Application {bold(name)} exists, and this repository is part of it. There was nothing to do.")
    else:
        say_done(f"Created application {bold(name)}, as copilot/.workspace names it")
    say_next("copilot env init --name test" if not connect().environments(name) else "copilot svc init")


@command("app ls")
@json_option
def ls(as_json: bool) -> None:
    """One name per line; those of the engine that runs this repository, and without one those of this machine.

    Outside of a repository, those on AWS with the environment variable ``COPILOT_ENGINE=aws``.
    """
    context = Context()
    applications = connect_aws().applications() if context.on_aws else connect().applications()
    if as_json:
        print_json({"applications": applications})
        return
    for application in applications:
        out(application.name)
    if not applications:
        say("There are no applications yet.")
        say_next("copilot app init")


@command("app show")
@app_name_option
@json_option
def show(context: Context, as_json: bool) -> None:
    """With ``--json``, everything it holds."""
    if context.on_aws:
        from copilot.cli.aws import app as aws_app

        aws_app.show(context, _existing_on_aws(context), as_json=as_json)
        return
    name, engine = _existing(context)
    application = engine.application(name)
    environments = engine.environments(name)
    services = services_of(engine, name)
    jobs = engine.jobs(name)
    pipelines = engine.pipelines(name)
    if as_json:
        held = {"environments": environments, "services": services, "jobs": jobs, "pipelines": pipelines}
        print_json({**application.model_dump(mode="json", by_alias=True), **held})
        return
    out(fields({"Application": bold(name), "Engine": application.engine, **_created(application)}))
    out("\nEnvironments")
    out(
        table([(e.name, e.runtime, e.url or "") for e in environments], ("name", "runtime", "url"))
        if environments
        else dim("none")
    )
    out("\nServices")
    out(table([(w.name, w.type) for w in services], ("name", "type")) if services else dim("none"))
    if jobs:
        out("\nJobs")
        out(table([(j.name, j.type) for j in jobs], ("name", "type")))
    out("\nPipelines")
    rows = [(p.name, p.repository, p.branch) for p in pipelines]
    out(table(rows, ("name", "repository", "branch")) if rows else dim("none"))


@command("app delete")
@app_name_option
@keep_volumes_option
@yes_option
def delete(context: Context, keep_volumes: bool, yes: bool) -> None:
    """Its pipelines, services and environments go with it; what runs is stopped. The manifests in copilot/ stay."""
    if context.on_aws:
        refuse_local_flags({"--keep-volumes": keep_volumes or None})
        from copilot.cli.aws import app as aws_app

        aws_app.delete(context, _existing_on_aws(context), yes=yes)
        return
    name, engine = _existing(context)
    held = {
        "environment": len(engine.environments(name)),
        "service": len(services_of(engine, name)),
        "job": len(engine.jobs(name)),
        "pipeline": len(engine.pipelines(name)),
    }
    contents = ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for what, n in held.items() if n)
    _ask.confirm_deletion(f"Delete application {name}{f' with {contents}' if contents else ''}?", yes=yes)
    with progress(f"Deleting application {name}"):
        engine.delete_application(name, keep_volumes)
    say_done(f"Deleted application {bold(name)}{f' with {contents}' if contents else ''}")
    workspace = context.workspace
    if workspace is not None and workspace.application == name:
        marker = workspace.folder / ".workspace"
        marker.unlink(missing_ok=True)
        say(f"  removed {shown_path(marker)}; the manifests beside it stay")
    say_next("copilot app init")


def _created(application: Application) -> dict[str, str]:
    return {"Created": ago(application.created_at, time.time())} if application.created_at else {}


def _create(name: str) -> bool:
    """Create the application; the answer is whether it existed before."""
    try:
        connect().create_application(name)
    except ConflictError:
        return True
    return False


def _existing(context: Context) -> tuple[str, LocalEngine]:
    """The application to work on, and its engine: ``--name``, the workspace's, the only one, or the one that is picked."""
    engine = context.local if context.known_app else connect()
    names = [a.name for a in engine.applications()]
    return _ask.choose("application", names, context.known_app, owner="this machine", create="copilot app init"), engine


def _existing_on_aws(context: Context) -> str:
    if context.known_app is not None:
        return context.known_app
    engine = connect_aws()
    names = [a.name for a in engine.applications()]
    where = f"account {engine.aws.account}, {engine.aws.region}"
    return _ask.choose("application", names, None, owner=where, create="copilot app init --engine aws")


def _suggested_name() -> str:
    from copilot.manifest.names import name_fault

    name = Path.cwd().name.lower().replace("_", "-").replace(" ", "-")
    return name if name_fault(name) is None else ""
