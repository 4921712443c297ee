"""``copilot svc``: services."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask, _service_files
from copilot.cli._context import Context
from copilot.cli._dockerfiles import choose_dockerfile, warn_of
from copilot.cli._options import app_option, json_option, yes_option
from copilot.cli._output import bold, dim, fields, out, print_json, progress, say, say_done, say_next, shown_path, table
from copilot.cli._root import command
from copilot.cli._running import services_of
from copilot.cli._service_files import BACKEND, LOAD_BALANCED, ServiceAnswers
from copilot.cli.env import describe
from copilot.errors import ConflictError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from copilot.engine import ServiceState

_TYPES = {LOAD_BALANCED: "has a place at the front door of its environment", BACKEND: "only other services reach it"}
_LATER_TYPES = ("Request-Driven Web Service", "Worker Service", "Static Site")
_PORTS = range(1, 65536)
_name_option = click.option("--name", "-n", metavar="NAME", help="The service.")


@command("svc init")
@app_option
@_name_option
@click.option("--svc-type", "-t", "type_", metavar="TYPE", help=f'"{LOAD_BALANCED}" or "{BACKEND}".')
@click.option("--dockerfile", "-d", metavar="PATH", help="Its Dockerfile.")
@click.option("--image", "-i", metavar="IMAGE", help="An image of a registry instead; no runtime of this release takes one.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="The port it listens on; default: what the Dockerfile exposes."
)
def init(
    context: Context, name: str | None, type_: str | None, dockerfile: str | None, image: str | None, port: int | None
) -> None:
    """Looks for Dockerfiles in the repository. Writes copilot/<name>/manifest.yml; one that is there is kept as it is."""
    from copilot.manifest.names import check_name
    from copilot.workspace import NOT_WORKLOADS

    workspace = context.require_workspace()
    if image is not None:
        raise UnsupportedError(
            "the host runtime builds from Dockerfiles; it cannot run an image of a registry", hint="name one with `--dockerfile`"
        )
    if type_ is not None:
        _check_type(type_)
    if name is None:
        name = _ask.text("What is the service called?", flag="--name", check=_ask.name_fault)
    check_name("workload", name)
    if name in NOT_WORKLOADS:
        raise UsageError(f"no service can be called `{name}`: copilot/{name} holds something else", hint="give it another name")
    manifest = workspace.workload_manifest(name)
    known = {w.name: w.type for w in context.engine.workloads(context.app)}
    if manifest.exists():
        _adopt(context, name, manifest, type_, known)
        return

    type_ = type_ or _ask.select(f"What kind of service is {name}?", list(_TYPES.items()), flag="--svc-type")
    if known.get(name, type_) != type_:
        raise ConflictError(
            f"service `{name}` exists already and is a {known[name]}", hint=f"leave `--svc-type` out, or use it: {known[name]}"
        )
    dockerfile = choose_dockerfile(workspace, dockerfile)
    warn_of(workspace.root / dockerfile, dockerfile)
    port = port or _port(name, type_, workspace.root / dockerfile)
    path = _free_path(name, known) if type_ == LOAD_BALANCED else None
    _write(manifest, ServiceAnswers(name, type_, dockerfile, port, path))
    context.engine.register_workload(context.app, name, type_)
    say_done(f"Added service {bold(name)} to application {bold(context.app)}")
    rows = {"  Dockerfile": dockerfile, "  Port": str(port or "none"), "  Path": path or "", "  Wrote": shown_path(manifest)}
    say(fields({key: value for key, value in rows.items() if value}))
    _say_next(context, name)


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
@click.option("--manifest", "environment", metavar="ENV", help="Print its manifest as it counts in an environment.")
def show(context: Context, name: str | None, as_json: bool, environment: str | None) -> None:
    """In each environment: its release, with what it was deployed with, and its tasks."""
    name = _existing(context, name)
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
    """Its manifest stays in copilot/, and its secrets where they are."""
    name = _existing(context, name)
    engine = context.engine
    if environment is not None:
        engine.environment(context.app, environment)
    where = f"environment {environment}" if environment else f"application {context.app} and all its environments"
    _ask.confirm_deletion(f"Delete service {name} from {where}?", yes=yes)
    with progress(f"Deleting service {name}"):
        engine.delete_workload(context.app, name, environment)
    say_done(f"Deleted service {bold(name)} from {where}")
    say_next("copilot svc ls")


def _adopt(context: Context, name: str, manifest: Path, type_: str | None, known: dict[str, str]) -> None:
    """Register a service whose manifest is there already."""
    from copilot.validation import load_named_workload

    written = load_named_workload(context.require_workspace(), name).model
    if type_ not in (None, written.type):
        raise ConflictError(
            f"`{shown_path(manifest)}` says that `{name}` is a {written.type}, not a {type_}",
            hint="leave `--svc-type` out, or change the manifest",
        )
    if known.get(name) == written.type:
        say(f"Service {bold(name)} is there already, with {shown_path(manifest)}. There was nothing to do.")
    else:
        context.engine.register_workload(context.app, name, written.type)
        say_done(f"Added service {bold(name)} to application {bold(context.app)}, as {shown_path(manifest)} describes it")
    _say_next(context, name)


def _check_type(type_: str) -> None:
    if type_ in _LATER_TYPES:
        raise UnsupportedError(f"`{type_}` is not part of this release yet", hint=f"there are: {', '.join(_TYPES)}")
    if type_ not in _TYPES:
        raise UsageError(f"`--svc-type` must be `{LOAD_BALANCED}` or `{BACKEND}`, not `{type_}`")


def _port(name: str, type_: str, dockerfile: Path) -> int | None:
    port = _service_files.exposed_port(dockerfile)
    if port is not None:
        say(dim(f"Port {port} (EXPOSE in the Dockerfile)"))
        return port
    if type_ == BACKEND:
        return None
    return int(_ask.text(f"Which port does {name} listen on?", flag="--port", default="8080", check=_port_fault))


def _free_path(name: str, known: dict[str, str]) -> str:
    """The first load-balanced service takes all requests, each further one those under its name."""
    first = not any(type_ == LOAD_BALANCED for other, type_ in known.items() if other != name)
    return "/" if first else name


def _write(manifest: Path, answers: ServiceAnswers) -> None:
    """Write the manifest. Raises ManifestError, and writes nothing, if an answer does not fit."""
    from copilot.manifest.loader import SourceText
    from copilot.manifest.workload import parse_workload
    from copilot.workspace import write

    text = _service_files.manifest_text(answers)
    parse_workload(SourceText(manifest, shown_path(manifest), text))
    write(manifest, text)


def _print_manifest(context: Context, name: str, environment: str) -> None:
    """The manifest with every setting, overrides applied."""
    from ruamel.yaml import YAML

    from copilot.validation import load_named_workload

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


def _say_next(context: Context, name: str) -> None:
    environments = context.engine.environments(context.app)
    if environments:
        say_next(f"copilot deploy --name {name} --env {environments[0].name}")
    else:
        say_next("copilot env init --name test", f"copilot deploy --name {name} --env test")


def _port_fault(value: str) -> str | None:
    return None if value.isdecimal() and int(value) in _PORTS else "A port is a number from 1 to 65535"
