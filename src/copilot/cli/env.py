"""``copilot env``: environments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from copilot.cli import _ask
from copilot.cli._aws_flags import answers, aws_environment_options, refuse_local_flags
from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option, keep_volumes_option, yes_option
from copilot.cli._output import (
    FAILED,
    OK,
    ago,
    bold,
    dim,
    fields,
    green,
    out,
    print_json,
    progress,
    red,
    say,
    say_done,
    say_next,
    table,
    yellow,
)
from copilot.cli._root import command
from copilot.errors import UnsupportedError

if TYPE_CHECKING:
    from copilot.engine import Engine, ServiceState

_name_option = click.option("--name", "-n", metavar="NAME", help="The environment.")


@command("env init")
@app_option
@_name_option
@click.option(
    "--runtime",
    type=click.Choice(["host", "docker"]),
    help="This machine: containers, or processes; default: docker if a container engine answers, else host.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="This machine: port of its front door on loopback; default: a free one.",
)
@aws_environment_options
def init(context: Context, name: str | None, runtime: str | None, port: int | None, **aws: Any) -> None:
    """On this machine its front door is one address from which requests go to services by their path.

    On AWS this makes its roles and writes its manifest; `copilot env deploy` makes its network, and the rest.
    """
    from copilot.manifest.names import check_name

    app = context.app
    if name is None:
        taken = {e.name for e in context.engine.environments(app)} if _ask.can_ask() else set()
        name = _ask.text(
            "What is the environment called?",
            flag="--name",
            default=next((n for n in ("test", "prod") if n not in taken), ""),
            check=_ask.name_fault,
        )
    check_name("environment", name)
    if context.on_aws:
        from copilot.cli.aws import env as aws_env

        refuse_local_flags({"--runtime": runtime, "--port": port})
        aws_env.init(context, name, *answers(aws))
        return
    with progress(f"Creating environment {name}"):
        container_engine = None if runtime == "host" else _container_engine()
        environment = context.local.create_environment(app, name, runtime, port, container_engine)
    say_done(f"Created environment {bold(name)} in application {bold(app)}")
    say(fields({"  Runtime": environment.runtime, "  URL": environment.url or ""}))
    say_next(f"copilot deploy --env {name}" if context.engine.workloads(app) else "copilot svc init")


def _container_engine() -> str | None:
    """The address of the container engine that this shell has in mind. The server may have been started from another one."""
    from copilot.errors import EngineUnavailableError
    from copilot.local.docker.endpoint import wanted_here

    try:
        return wanted_here()
    except EngineUnavailableError:
        return None


@command("env ls")
@app_option
@json_option
def ls(context: Context, as_json: bool) -> None:
    """In the order they were created."""
    if context.on_aws and not as_json:
        from copilot.cli.aws import env as aws_env

        aws_env.ls(context)
        return
    environments = context.engine.environments(context.app)
    if as_json:
        print_json({"environments": environments})
    elif environments:
        out(table([(e.name, e.runtime, e.url or "") for e in environments], ("name", "runtime", "url")))
    else:
        say(f"Application {context.app} has no environments yet.")
        say_next("copilot env init --name test")


@command("env show")
@app_option
@_name_option
@json_option
@click.option("--resources", is_flag=True, help="AWS: what its stack is made of.")
@click.option("--manifest", is_flag=True, help="AWS: print the manifest it was last deployed with.")
def show(context: Context, name: str | None, as_json: bool, resources: bool, manifest: bool) -> None:
    """On this machine for each service: its release, and how many of its tasks are healthy.

    On AWS its account and region, the state of its stack, and what is deployed there.
    """
    engine = context.engine
    name = _existing(context, name)
    if context.on_aws:
        from copilot.cli.aws import env as aws_env

        aws_env.show(context, name, as_json=as_json, resources=resources, manifest=manifest)
        return
    if manifest:
        raise UnsupportedError("an environment of this machine has no manifest", hint="leave `--manifest` out")
    environment = engine.environment(context.app, name)
    services = _services(engine, context.app, name)
    if as_json:
        states = [{"name": service, **state.model_dump(mode="json", by_alias=True)} for service, state in services]
        print_json({**environment.model_dump(mode="json", by_alias=True), "services": states})
        return
    out(
        fields(
            {
                "Environment": bold(name),
                "Application": context.app,
                "Runtime": environment.runtime,
                "URL": environment.url or dim("none yet"),
                **({"Created": ago(environment.created_at, time.time())} if environment.created_at else {}),
            }
        )
    )
    out("\nServices")
    rows = [(service, *describe(state)) for service, state in services]
    out(table(rows, ("name", "tasks", "image", "revision", "deployed", "url")) if rows else dim("none deployed"))


@command("env delete")
@app_option
@_name_option
@keep_volumes_option
@yes_option
def delete(context: Context, name: str | None, keep_volumes: bool, yes: bool) -> None:
    """A pipeline that deploys to it must be changed or deleted first.

    On AWS it must be empty: its services and jobs are deleted before it.
    """
    if context.on_aws:
        refuse_local_flags({"--keep-volumes": keep_volumes or None})
    engine = context.engine
    name = _existing(context, name)
    if context.on_aws:
        from copilot.cli.aws import env as aws_env

        aws_env.delete(context, name, yes=yes)
        return
    running = [service for service, _ in _services(engine, context.app, name)]
    stopping = f", stopping {', '.join(running)}" if running else ""
    _ask.confirm_deletion(f"Delete environment {name} of application {context.app}{stopping}?", yes=yes)
    with progress(f"Deleting environment {name}"):
        engine.delete_environment(context.app, name, keep_volumes)
    say_done(f"Deleted environment {bold(name)}{stopping}")
    say_next("copilot env ls")


def describe(state: ServiceState) -> tuple[str, str, str, str, str]:
    """Cells about a service in an environment: tasks, image, revision, when it was deployed, URL."""
    if state.release is None:
        return (dim("not deployed"), "", "", "", "")
    healthy = sum(task.status == "Healthy" for task in state.tasks)
    count = f"{healthy}/{state.desired_count}"
    tasks = f"{green(OK)} {count}" if healthy >= state.desired_count else f"{red(FAILED)} {count}"
    if state.paused_at is not None:
        tasks = yellow("paused")
    if state.settings is not None and state.settings.schedule is not None:
        tasks = state.settings.schedule.expression
    revision = state.revision or ""
    return (
        tasks,
        (state.image or "")[:15],
        revision[:7] + ("-dirty" if revision.endswith("-dirty") else ""),
        ago(state.deployed_at, time.time()) if state.deployed_at else "",
        state.url or "",
    )


def _existing(context: Context, given: str | None) -> str:
    names = [e.name for e in context.engine.environments(context.app)]
    return _ask.choose("environment", names, given, owner=f"application `{context.app}`", create="copilot env init")


def _services(engine: Engine, app: str, environment: str) -> list[tuple[str, ServiceState]]:
    """What is deployed to an environment."""
    found = []
    for workload in engine.workloads(app):
        states = engine.service(app, workload.name).environments
        found += [(workload.name, s) for s in states if s.environment == environment and s.release is not None]
    return found
