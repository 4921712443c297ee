"""``copilot svc init``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask, _service_files
from copilot.cli._context import Context
from copilot.cli._dockerfiles import choose_dockerfile, warn_of
from copilot.cli._options import app_option, names
from copilot.cli._output import bold, dim, fields, progress, say, say_done, say_next, shown_path
from copilot.cli._root import command
from copilot.cli._service_files import BACKEND, LOAD_BALANCED, WORKER, ServiceAnswers
from copilot.errors import ConflictError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from copilot.workspace import Workspace

_LOCAL_TYPES = {LOAD_BALANCED: "has a place at the front door of its environment", BACKEND: "only other services reach it"}
_AWS_TYPES = {**_LOCAL_TYPES, WORKER: "works on messages of other services"}
_KNOWN_TYPES = ("Request-Driven Web Service", WORKER, "Static Site")
_PORTS = range(1, 65536)


@command("svc init")
@app_option
@click.option("--name", "-n", metavar="NAME", help="The service.")
@click.option("--svc-type", "-t", "type_", metavar="TYPE", help=f'"{LOAD_BALANCED}" or "{BACKEND}"; on AWS also "{WORKER}".')
@click.option("--dockerfile", "-d", metavar="PATH", help="Its Dockerfile.")
@click.option("--image", "-i", metavar="IMAGE", help="AWS: an image of a registry instead.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="The port it listens on; default: what the Dockerfile exposes."
)
@click.option(
    "--subscribe-topics",
    "topics",
    multiple=True,
    metavar="SERVICE:TOPIC,…",
    help=f'AWS: topics of other services that a "{WORKER}" gets messages from.',
)
@click.option("--no-subscribe", is_flag=True, help="AWS: subscribe to no topics yet, which is the default.")
def init(
    context: Context,
    name: str | None,
    type_: str | None,
    dockerfile: str | None,
    image: str | None,
    port: int | None,
    topics: tuple[str, ...],
    no_subscribe: bool,
) -> None:
    """Looks for Dockerfiles in the repository. Writes copilot/<name>/manifest.yml; one that is there is kept as it is.

    On AWS this also makes the repository that images of the service go to.
    """
    from copilot.manifest.names import check_name
    from copilot.workspace import NOT_WORKLOADS

    workspace = context.require_workspace()
    types = _AWS_TYPES if context.on_aws else _LOCAL_TYPES
    subscriptions = _check_flags(context, types, type_, dockerfile, image, port, names(topics), no_subscribe=no_subscribe)
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

    type_ = type_ or _ask.select(f"What kind of service is {name}?", list(types.items()), flag="--svc-type")
    if known.get(name, type_) != type_:
        raise ConflictError(
            f"service `{name}` exists already and is a {known[name]}", hint=f"leave `--svc-type` out, or use it: {known[name]}"
        )
    if image is None:
        dockerfile = choose_dockerfile(workspace, dockerfile)
        if not context.on_aws:
            warn_of(workspace.root / dockerfile, dockerfile)
    port = port or _port(workspace, name, type_, dockerfile)
    path = _free_path(name, known) if type_ == LOAD_BALANCED else None
    _write(manifest, ServiceAnswers(name, type_, dockerfile, port, path, image, subscriptions))
    register(context, name, type_)
    say_done(f"Added service {bold(name)} to application {bold(context.app)}")
    rows = {
        "  Dockerfile": dockerfile or "",
        "  Image": image or "",
        "  Port": "" if type_ == WORKER else str(port or "none"),
        "  Path": path or "",
        "  Topics": ", ".join(f"{topic} of {service}" for service, topic in subscriptions),
        "  Wrote": shown_path(manifest),
    }
    say(fields({key: value for key, value in rows.items() if value}))
    _say_next(context, name)


def register(context: Context, name: str, type_: str) -> None:
    """Make a workload part of the application; on AWS that takes a while."""
    if not context.on_aws:
        context.engine.register_workload(context.app, name, type_)
        return
    with progress(f"Adding {name} to application {context.app}, with a repository for its images"):
        context.engine.register_workload(context.app, name, type_)


def _check_flags(
    context: Context,
    types: Mapping[str, str],
    type_: str | None,
    dockerfile: str | None,
    image: str | None,
    port: int | None,
    topics: tuple[str, ...],
    *,
    no_subscribe: bool,
) -> tuple[tuple[str, str], ...]:
    """What is wrong with the flags together; the answer is the topics, each with the service that publishes it before it."""
    if image is not None and not context.on_aws:
        raise UnsupportedError(
            "the host runtime builds from Dockerfiles; it cannot run an image of a registry", hint="name one with `--dockerfile`"
        )
    if image is not None and dockerfile is not None:
        raise UsageError("`--dockerfile` and `--image` cannot be used together")
    if type_ in _KNOWN_TYPES and type_ not in types:
        raise UnsupportedError(f"`{type_}` is not part of this release yet", hint=f"there are: {', '.join(types)}")
    if type_ is not None and type_ not in types:
        *others, last = (f"`{known}`" for known in types)
        raise UsageError(f"`--svc-type` must be {', '.join(others)} or {last}, not `{type_}`")
    if not context.on_aws:
        return ()
    if topics and no_subscribe:
        raise UsageError("`--subscribe-topics` and `--no-subscribe` cannot be used together")
    if topics and type_ != WORKER:
        raise UsageError(f"`--subscribe-topics` is for a {WORKER}", hint=f"say so with `--svc-type '{WORKER}'`")
    if port is not None and type_ == WORKER:
        raise UsageError(f"nothing connects to a {WORKER}, so it has no port", hint="leave `--port` out")
    return tuple(_subscription(topic) for topic in topics)


def _subscription(text: str) -> tuple[str, str]:
    service, colon, topic = text.partition(":")
    if not colon or not service or not topic:
        raise UsageError(f"`--subscribe-topics`: `{text}` must be a service and a topic of it, such as `api:orders`")
    return service, topic


def _adopt(context: Context, name: str, manifest: Path, type_: str | None, known: dict[str, str]) -> None:
    """Register a service whose manifest is there already."""
    from copilot.workload_checks import load_named_workload

    written = load_named_workload(context.require_workspace(), name).model
    if type_ not in (None, written.type):
        raise ConflictError(
            f"`{shown_path(manifest)}` says that `{name}` is a {written.type}, not a {type_}",
            hint="leave `--svc-type` out, or change the manifest",
        )
    if known.get(name) == written.type:
        say(f"Service {bold(name)} is there already, with {shown_path(manifest)}. There was nothing to do.")
    else:
        register(context, name, written.type)
        say_done(f"Added service {bold(name)} to application {bold(context.app)}, as {shown_path(manifest)} describes it")
    _say_next(context, name)


def _port(workspace: Workspace, name: str, type_: str, dockerfile: str | None) -> int | None:
    if type_ == WORKER:
        return None
    port = _service_files.exposed_port(workspace.root / dockerfile) if dockerfile is not None else None
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


def _say_next(context: Context, name: str) -> None:
    environments = context.engine.environments(context.app)
    if environments:
        say_next(f"copilot deploy --name {name} --env {environments[0].name}")
        return
    prepared = ["copilot env init --name test", *(["copilot env deploy --name test"] if context.on_aws else [])]
    say_next(*prepared, f"copilot deploy --name {name} --env test")


def _port_fault(value: str) -> str | None:
    return None if value.isdecimal() and int(value) in _PORTS else "A port is a number from 1 to 65535"
