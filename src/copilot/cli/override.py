"""``copilot svc|job|env override``: changes to their templates that no manifest has a key for."""

from __future__ import annotations

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._overrides import check_engine, override_options, write_overrides
from copilot.cli._root import command
from copilot.cli.svc_package import services_here

_OF_WORKLOAD = """\
- op: replace
  path: /Resources/LogGroup/Properties/RetentionInDays
  value: 90
"""
_OF_ENVIRONMENT = """\
- op: add
  path: /Resources/Cluster/Properties/Tags
  value: [{Key: team, Value: web}]
"""
_name_option = click.option("--name", "-n", metavar="NAME", help="What is to be changed.")
# AWS Copilot shows the resources of one environment to choose from. The patches are for all of them.
_env_option = click.option("--env", "-e", "_environment", metavar="NAME", hidden=True, expose_value=False)
_hidden_name = click.option("--name", "-n", "_name", metavar="NAME", hidden=True, expose_value=False)


@command("svc override")
@app_option
@_name_option
@_env_option
@override_options
def service(context: Context, name: str | None) -> None:
    """A file of patches, with an example. Every deployment applies what is in it, in all environments."""
    _workload(context, name, "service", "svc")


@command("job override")
@app_option
@_name_option
@_env_option
@override_options
def job(context: Context, name: str | None) -> None:
    """A file of patches, with an example. Every deployment applies what is in it, in all environments."""
    _workload(context, name, "job", "job")


@command("env override")
@app_option
@_hidden_name
@override_options
def environment(context: Context) -> None:
    """A file of patches for all environments, with an example. `env deploy` applies what is in it."""
    check_engine(context)
    from copilot.aws.overrides import environment_overrides

    write_overrides(
        environment_overrides(context.require_workspace()),
        what="the templates of environments",
        see="copilot env package",
        apply="copilot env deploy",
        example=_OF_ENVIRONMENT,
    )


def _workload(context: Context, name: str | None, kind: str, group: str) -> None:
    check_engine(context)
    there = services_here(context, jobs=kind == "job")
    name = _ask.choose(kind, there, name, owner="this repository", create=f"copilot {group} init")
    from copilot.aws.overrides import workload_overrides

    write_overrides(
        workload_overrides(context.require_workspace(), name),
        what=f"the template of {kind} `{name}`",
        see=f"copilot {group} package --name {name}",
        apply=f"copilot {group} deploy --name {name}",
        example=_OF_WORKLOAD,
    )
