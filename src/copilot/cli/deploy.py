"""``copilot deploy``: from this checkout straight to an environment."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, names
from copilot.cli._output import FAILED, OK, bold, dim, duration, green, out, red, say, say_next
from copilot.cli._root import command
from copilot.errors import DeploymentError, UsageError

if TYPE_CHECKING:
    from copilot.engine import Deployment, Engine, Environment
    from copilot.release.description import ReleaseDescription
    from copilot.workspace import Workspace

_POLL_SECONDS = 0.05
_PRIORITY = re.compile(r"(?P<name>[^/]+)(?:/(?P<order>\d+))?")


@command("deploy")
@app_option
@click.option(
    "--name",
    "-n",
    "given",
    multiple=True,
    metavar="NAME,…",
    help="The services; with `api/1,web/2`, in that order.",
)
@click.option("--env", "-e", "environment", metavar="NAME", help="The environment.")
@click.option("--all", "everything", is_flag=True, help="All services of this repository.")
def deploy(context: Context, given: tuple[str, ...], environment: str | None, everything: bool) -> None:
    """What is in the working tree, committed or not. What serves now keeps serving until the new release is healthy."""
    workspace = context.require_workspace()
    if given and everything:
        raise UsageError("`--name` and `--all` cannot be used together")
    services = _services(workspace, in_order(names(given)), everything=everything)
    target = _environment(context, environment)
    descriptions = _build(workspace, services, target)
    urls = [url for d in descriptions if (url := _deploy(context.engine, d))]
    for url in urls:
        out(url)
    first_pipeline = [] if workspace.pipelines() else ["copilot pipeline init"]
    say_next(*(f"curl {url}" for url in urls[:1]), f"copilot svc show --name {services[0]}", *first_pipeline)


def in_order(given: Iterable[str]) -> list[str]:
    """Names with AWS Copilot's order tags (``api/1``), sorted by them; those without a tag come last."""
    tagged = []
    for text in given:
        match = _PRIORITY.fullmatch(text)
        if match is None:
            raise UsageError(f"`--name`: `{text}` must be a service, or a service and its place, such as `api/1`")
        tagged.append((match["order"] is None, int(match["order"] or 0), match["name"]))
    return [name for _, _, name in sorted(tagged, key=lambda tag: tag[:2])]


def _services(workspace: Workspace, given: list[str], *, everything: bool) -> list[str]:
    local = workspace.workloads()
    owner = "this repository"
    if everything and local:
        return list(local)
    if given:
        return [_ask.choose("service", local, name, owner=owner, create="copilot svc init") for name in given]
    return [_ask.choose("service", local, None, owner=owner, create="copilot svc init")]


def _environment(context: Context, given: str | None) -> Environment:
    environments = {e.name: e for e in context.engine.environments(context.app)}
    owner = f"application `{context.app}`"
    name = _ask.choose("environment", list(environments), given, owner=owner, create="copilot env init", flag="--env")
    return environments[name]


def _build(workspace: Workspace, services: Sequence[str], target: Environment) -> list[ReleaseDescription]:
    from copilot.local.builder import build_workloads, image_builder
    from copilot.local.home import Home

    home = Home.default()
    home.create()
    return build_workloads(
        workspace,
        dict.fromkeys(services, (target.name,)),
        revision=revision_of(workspace.root),
        builder=image_builder((target.runtime,), home),
        out=lambda line: say(dim(f"  {line}")),
    )


def revision_of(root: Path) -> str:
    """The commit that is checked out, ``-dirty`` after it if the files differ from it; empty outside of git."""
    from copilot.errors import RepositoryError
    from copilot.repository import Checkout

    try:
        checkout = Checkout.find(root)
        return checkout.head() + ("-dirty" if checkout.uncommitted([checkout.root]) else "")
    except RepositoryError:
        return ""


def _deploy(engine: Engine, description: ReleaseDescription) -> str | None:
    """Deploy one release and show its log as it comes; the answer is where it can be looked at."""
    what = f"{description.workload} to {description.environment}"
    begin = time.monotonic()
    started = engine.start_deployment(description)
    try:
        _follow(engine, started.id)
    except KeyboardInterrupt:
        say(f"\nThe deployment of {what} goes on; look with `copilot svc show --name {description.workload}`.")
        raise
    deployment = engine.deployment(started.id)
    took = duration(time.monotonic() - begin)
    if deployment.status == "Failed":
        _fail(engine, deployment, f"{what} after {took}")
    say(f"{green(OK)} Deployed {bold(what)} in {took}")
    return deployment.url


def _follow(engine: Engine, deployment_id: str) -> None:
    offset = 0
    while True:
        chunk = engine.deployment_log(deployment_id, offset)
        for line in chunk.text.splitlines():
            say(dim(f"  {line}"))
        offset = chunk.next_offset
        if chunk.finished and not chunk.text:
            return
        if not chunk.text:
            time.sleep(_POLL_SECONDS)


def _fail(engine: Engine, deployment: Deployment, what: str) -> NoReturn:
    say(f"{red(FAILED)} {what}")
    states = engine.service(deployment.app, deployment.workload).environments
    serves = any(s.environment == deployment.environment and s.release is not None for s in states)
    rest = (
        f"what served {deployment.environment} before still does"
        if serves
        else f"nothing of it serves {deployment.environment} yet"
    )
    raise DeploymentError(
        deployment.error or "the deployment failed",
        details=deployment.details,
        hint=f"{rest}; see `copilot svc show --name {deployment.workload}`",
    )
