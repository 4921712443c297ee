"""``copilot deploy``: from this checkout straight to an environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from copilot.cli import _ask
from copilot.cli._aws_flags import aws_login_options, login
from copilot.cli._context import Context
from copilot.cli._deployment import see_through
from copilot.cli._options import app_option, change_options, image_options, names
from copilot.cli._output import dim, out, say, say_next
from copilot.cli._root import command
from copilot.errors import UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot.cli.aws.deploy import DeployFlags
    from copilot.engine import Environment
    from copilot.release.description import ReleaseDescription
    from copilot.workspace import Workspace

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
@click.option("--all", "everything", is_flag=True, help="All services and jobs of this repository.")
@click.option("--init-env", is_flag=True, help="AWS: make the environment first, if it is not there.")
@click.option("--deploy-env", is_flag=True, help="AWS: deploy the environment first.")
@aws_login_options
@image_options
@change_options
def deploy(
    context: Context,
    given: tuple[str, ...],
    environment: str | None,
    everything: bool,
    init_env: bool,
    deploy_env: bool,
    **flags: Any,
) -> None:
    """What is in the working tree, committed or not. What serves now keeps serving until the new release is healthy."""
    if given and everything:
        raise UsageError("`--name` and `--all` cannot be used together")
    if context.on_aws and (init_env or deploy_env):
        from copilot.cli.aws.deploy import prepare

        if environment is None:
            raise UsageError("`--env` is missing", hint="it names the environment that is to be made or deployed first")
        prepare(context, environment, login(flags) if init_env else None, deploy_flags(flags), deploy_it=deploy_env)
    _deploy(context, in_order(names(given)), environment, flags, everything=everything)


@command("svc deploy")
@app_option
@click.option("--name", "-n", metavar="NAME", help="The service.")
@click.option("--env", "-e", "environment", metavar="NAME", help="The environment.")
@image_options
@change_options
def deploy_service(context: Context, name: str | None, environment: str | None, **flags: Any) -> None:
    """The same as `copilot deploy --name`."""
    _deploy(context, [] if name is None else [name], environment, flags, everything=False)


def deploy_flags(given: Mapping[str, Any]) -> DeployFlags:
    """What the flags of `image_options` and `change_options` say, on AWS."""
    from copilot.cli.aws._stacks import Wish
    from copilot.cli.aws.deploy import DeployFlags

    wish = Wish(diff=given["diff"] or given["diff_yes"], yes=given["diff_yes"], detach=given["detach"])
    tags = given["tags"] or {}
    return DeployFlags(given["tag"], tags, force=given["force"], rollback=not given["no_rollback"], wish=wish)


def _deploy(context: Context, given: list[str], environment: str | None, flags: Mapping[str, Any], *, everything: bool) -> None:
    workspace = context.require_workspace()
    services = _services(workspace, given, everything=everything)
    if context.on_aws:
        from copilot.cli.aws import deploy as aws_deploy

        target_name = environment_name(context, environment)
        aws_deploy.deploy(context, services, target_name, deploy_flags(flags), in_order=not everything)
        return
    refuse_difference(flags)
    target = choose_environment(context, environment)
    descriptions = build_descriptions(workspace, services, target)
    engine = context.local
    urls = [url for d in descriptions if (url := see_through(engine, engine.start_deployment(d)))]
    for url in urls:
        out(url)
    first_pipeline = [] if workspace.pipelines() else ["copilot pipeline init"]
    first = descriptions[0]
    look = (
        f"copilot job run --name {first.workload} --env {first.environment}"
        if first.schedule
        else f"copilot svc show --name {first.workload}"
    )
    say_next(*(f"curl {url}" for url in urls[:1]), look, *first_pipeline)


def refuse_difference(given: Mapping[str, Any]) -> None:
    """Raises UnsupportedError for ``--diff``, which a person gives to look before something is changed."""
    if given["diff"]:
        raise UnsupportedError(
            "the local engine has no stacks whose changes `--diff` could show",
            hint="leave it out; `copilot svc show` and `copilot svc rollback` tell releases apart",
        )


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


def choose_environment(context: Context, given: str | None) -> Environment:
    """The environment that is named, or the only one, or the one the person picks. Raises NotFoundError or UsageError."""
    environments = {e.name: e for e in context.engine.environments(context.app)}
    owner = f"application `{context.app}`"
    name = _ask.choose("environment", list(environments), given, owner=owner, create="copilot env init", flag="--env")
    return environments[name]


def environment_name(context: Context, given: str | None) -> str:
    """The name of the environment to deploy to. On AWS one that is named need not be looked for: it is asked for anyway."""
    from copilot.manifest.names import name_fault

    if given is not None and context.on_aws and name_fault(given) is None:
        return given
    return choose_environment(context, given).name


def build_descriptions(workspace: Workspace, workloads: Sequence[str], target: Environment) -> list[ReleaseDescription]:
    """Build workloads of the working tree and describe their releases to an environment; progress goes to stderr."""
    from copilot.local.builder import build_workloads
    from copilot.local.home import Home

    home = Home.default()
    home.create()
    return build_workloads(
        workspace,
        dict.fromkeys(workloads, (target.name,)),
        runtimes={target.name: target.runtime},
        home=home,
        revision=revision_of(workspace.root),
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
