"""``copilot svc``: services."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option, yes_option
from copilot.cli._output import bold, dim, fields, out, print_json, progress, say, say_done, say_next, table
from copilot.cli._root import command
from copilot.cli._running import services_of
from copilot.cli.env import describe

if TYPE_CHECKING:
    from copilot.engine import ServiceState

_name_option = click.option("--name", "-n", metavar="NAME", help="The service.")


@command("svc ls")
@app_option
@click.option("--local", is_flag=True, help="Only those with a manifest in this repository.")
@json_option
def ls(context: Context, local: bool, as_json: bool) -> None:
    """Those that `svc init` added to the application."""
    services = services_of(context.engine, context.app)
    if local:
        workspace = context.require_workspace()
        services = [s for s in services if workspace.workload_manifest(s.name).exists()]
    if as_json:
        print_json({"services": services})
    elif services:
        out(table([(s.name, s.type) for s in services], ("name", "type")))
    else:
        say(f"Application {context.app} has no services{' in this repository' if local else ''} yet.")
        say_next("copilot svc init")


@command("svc show")
@app_option
@_name_option
@json_option
@click.option(
    "--manifest",
    "environment",
    metavar="ENV",
    help="Print its manifest as it counts in an environment; on AWS the one it was last deployed with there.",
)
@click.option("--resources", is_flag=True, help="AWS: what its stacks are made of.")
def show(context: Context, name: str | None, as_json: bool, environment: str | None, resources: bool) -> None:
    """In each environment: its release, with what it was deployed with, and its tasks."""
    name = _existing(context, name)
    if context.on_aws:
        from copilot.cli.aws import svc_show

        if environment is not None:
            svc_show.print_manifest(context, name, environment)
        else:
            svc_show.show(context, name, as_json=as_json, resources=resources)
        return
    if environment is not None:
        _print_manifest(context, name, environment)
        return
    service = context.engine.service(context.app, name)
    if as_json:
        print_json(service)
        return
    out(fields({"Service": bold(name), "Application": service.app, "Type": service.type}))
    out("\nEnvironments")
    rows = [(state.environment, *describe(state)) for state in service.environments]
    out(table(rows, ("name", "tasks", "image", "revision", "deployed", "url")) if rows else dim("none"))
    releases = [_release(state) for state in service.environments if state.settings]
    if releases:
        out("\nReleases")
        out(table(releases, ("environment", "number", "image", "by", "count", "cpu", "memory", "port")))
    variables = [row for state in service.environments for row in _variables(state)]
    if variables:
        out("\nVariables")
        out(table(variables, ("name", "environment", "value")))
    tasks = [row for state in service.environments for row in _tasks(state)]
    if tasks:
        out("\nTasks")
        out(table(tasks, ("environment", "id", "status", "port", "process", "restarts", "last exit")))


@command("svc delete")
@app_option
@_name_option
@click.option("--env", "-e", "environment", metavar="NAME", help="Only from this environment.")
@yes_option
def delete(context: Context, name: str | None, environment: str | None, yes: bool) -> None:
    """Its manifest stays in copilot/, and its secrets where they are. On AWS its images go when it leaves the application."""
    name = _existing(context, name)
    if context.on_aws:
        from copilot.cli.aws import delete as aws_delete

        aws_delete.delete(context, name, environment, yes=yes)
        return
    engine = context.engine
    if environment is not None:
        engine.environment(context.app, environment)
    where = f"environment {environment}" if environment else f"application {context.app} and all its environments"
    _ask.confirm_deletion(f"Delete service {name} from {where}?", yes=yes)
    with progress(f"Deleting service {name}"):
        engine.delete_workload(context.app, name, environment)
    say_done(f"Deleted service {bold(name)} from {where}")
    say_next("copilot svc ls")


def _print_manifest(context: Context, name: str, environment: str) -> None:
    """The manifest with every setting, overrides applied."""
    from ruamel.yaml import YAML

    from copilot.workload_checks import load_named_workload

    context.engine.environment(context.app, environment)
    manifest = load_named_workload(context.require_workspace(), name).model
    yaml = YAML()
    yaml.width = sys.maxsize
    text = io.StringIO()
    yaml.dump(
        manifest.resolved(environment).model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"environments"}), text
    )
    out(text.getvalue(), newline=False)


def _existing(context: Context, given: str | None) -> str:
    names = [w.name for w in services_of(context.engine, context.app)]
    return _ask.choose("service", names, given, owner=f"application `{context.app}`", create="copilot svc init")


def _release(state: ServiceState) -> tuple[str, ...]:
    """Cells about the current release: its number and image, what deployed it, and its main settings."""
    settings = state.settings
    if settings is None:
        return ()
    by = f"execution #{state.execution}" if state.execution is not None else ""
    numbers = (settings.count, settings.cpu, settings.memory, settings.port or "")
    return (state.environment, str(state.release), state.image or "", by, *map(str, numbers))


def _variables(state: ServiceState) -> list[tuple[str, str, str]]:
    """Cells about variables, and about secrets without their values."""
    if state.settings is None:
        return []
    secrets = {name: dim(f"secret {secret}") for name, secret in state.settings.secrets.items()}
    return [(name, state.environment, value) for name, value in sorted({**state.settings.variables, **secrets}.items())]


def _tasks(state: ServiceState) -> list[tuple[str, ...]]:
    return [
        (state.environment, t.id, t.status, str(t.port or ""), str(t.pid or ""), str(t.restarts), t.last_exit or "")
        for t in state.tasks
    ]
