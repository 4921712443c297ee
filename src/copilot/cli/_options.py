"""Options that many commands share, and those AWS Copilot has that mean nothing here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from copilot.cli._context import Context

F = TypeVar("F", bound=Callable[..., Any])

IGNORED_FLAGS: dict[str, tuple[str, ...]] = {
    "app init": ("--domain=", "--permissions-boundary=", "--resource-tags="),
    "env init": (
        "--allow-downgrade",
        "--aws-access-key-id=",
        "--aws-secret-access-key=",
        "--aws-session-token=",
        "--container-insights",
        "--default-config",
        "--import-cert-arns=",
        "--import-private-subnets=",
        "--import-public-subnets=",
        "--import-vpc-id=",
        "--internal-alb-allow-vpc-ingress",
        "--internal-alb-subnets=",
        "--override-az-names=",
        "--override-private-cidrs=",
        "--override-public-cidrs=",
        "--override-vpc-cidr=",
        "--profile=",
        "--region=",
    ),
    "env deploy": ("--allow-downgrade", "--detach", "--diff", "--diff-yes", "--force", "--no-rollback"),
    "env show": ("--resources",),
    "svc init": ("--allow-downgrade", "--ingress-type=", "--no-subscribe", "--sources=", "--subscribe-topics="),
    "svc show": ("--resources",),
    "svc deploy": (
        "--allow-downgrade",
        "--detach",
        "--diff-yes",
        "--force",
        "--no-rollback",
        "--resource-tags=",
        "--tag=",
    ),
    "svc exec": ("--yes",),
    "svc logs": ("--log-group=",),
    "deploy": (
        "--allow-downgrade",
        "--aws-access-key-id=",
        "--aws-secret-access-key=",
        "--aws-session-token=",
        "--deploy-env",
        "--detach",
        "--force",
        "--init-env",
        "--init-wkld",
        "--no-rollback",
        "--profile=",
        "--region=",
        "--resource-tags=",
        "--tag=",
    ),
    "job init": ("--allow-downgrade",),
    "job deploy": ("--allow-downgrade", "--detach", "--no-rollback", "--resource-tags=", "--tag="),
    "job package": ("--allow-downgrade", "--tag=", "--upload-assets"),
    "job logs": ("--include-state-machine",),
    "pipeline update": ("--allow-downgrade",),
}
"""By command: flags of AWS Copilot that a script may pass and that change nothing here; ``=``: it takes a value."""


def ignored_options(path: str) -> list[click.Parameter]:
    """The hidden options of a command that have no effect."""
    made: list[click.Parameter] = []
    for flag in IGNORED_FLAGS.get(path, ()):
        takes_value = flag.endswith("=")
        name = f"ignored_{flag.strip('-=').replace('-', '_')}"
        option = click.Option([flag.removesuffix("="), name], is_flag=not takes_value, hidden=True, expose_value=False)
        made.append(option)
    return made


def app_option(function: F) -> F:
    """Add ``--app -a``; the command gets a `Context` as ``context``."""
    return click.option(
        "--app",
        "-a",
        "context",
        metavar="NAME",
        help="The application; default: the one of this repository.",
        callback=lambda _ctx, _param, value: Context(value),
    )(function)


def app_name_option(function: F) -> F:
    """Add ``--name -n`` for an application; the command gets a `Context` as ``context``."""
    return click.option(
        "--name",
        "-n",
        "context",
        metavar="NAME",
        help="The application; default: the one of this repository.",
        callback=lambda _ctx, _param, value: Context(value),
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``; the command gets ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def yes_option(function: F) -> F:
    """Add ``--yes``; the command gets ``yes``."""
    return click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(function)


def keep_volumes_option(function: F) -> F:
    """Add ``--keep-volumes``; the command gets ``keep_volumes``."""
    text = "Leave the volumes of its services; an environment of the same name finds them again."
    return click.option("--keep-volumes", is_flag=True, help=text)(function)


def names(values: tuple[str, ...]) -> tuple[str, ...]:
    """The names given to a repeatable option, where each value may hold several divided by commas."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())
