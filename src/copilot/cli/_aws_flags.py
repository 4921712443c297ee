"""The flags of ``env init`` that are about AWS: there are many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copilot.errors import UsageError

if TYPE_CHECKING:
    from copilot.cli.aws._environment_manifest import NetworkAnswers
    from copilot.cli.aws.env import Login

F = TypeVar("F", bound=Callable[..., Any])

_LOGIN = (
    ("--profile", "NAME", "AWS: the profile of the account that it is to be in."),
    ("--region", "REGION", "AWS: the region that it is to be in."),
    ("--aws-access-key-id", "ID", "AWS: a key of the account instead of a profile."),
    ("--aws-secret-access-key", "KEY", "AWS: its secret part. Others can see it in the list of processes."),
    ("--aws-session-token", "TOKEN", "AWS: the token that a temporary key has."),
)
_NETWORK = (
    ("--import-vpc-id", "ID", "AWS: use a VPC that exists."),
    ("--import-public-subnets", "ID,…", "AWS: its public subnets, at least two."),
    ("--import-private-subnets", "ID,…", "AWS: its private subnets, at least two."),
    ("--import-cert-arns", "ARN,…", "AWS: certificates for the public load balancer."),
    ("--internal-alb-subnets", "ID,…", "AWS: subnets of the internal load balancer, of those that exist."),
    ("--override-vpc-cidr", "RANGE", "AWS: range of the VPC that is made; default: 10.0.0.0/16."),
    ("--override-az-names", "ZONE,…", "AWS: its availability zones, at least two."),
    ("--override-public-cidrs", "RANGE,…", "AWS: range of the public subnet in each zone."),
    ("--override-private-cidrs", "RANGE,…", "AWS: range of the private subnet in each zone."),
)
_FLAGS = (
    ("--internal-alb-allow-vpc-ingress", "AWS: let all of the VPC reach the internal load balancer."),
    ("--container-insights", "AWS: watch containers with Container Insights."),
)


def aws_environment_options(function: F) -> F:
    """Add them; the command gets them by their names, for `answers`."""
    for flag, text in reversed(_FLAGS):
        function = click.option(flag, is_flag=True, help=text)(function)
    for flag, metavar, text in reversed(_NETWORK):
        function = click.option(flag, metavar=metavar, help=text)(function)
    return aws_login_options(function)


def aws_login_options(function: F) -> F:
    """Add those that say where an environment is made, and as whom; the command gets them by their names, for `login`."""
    for flag, metavar, text in reversed(_LOGIN):
        function = click.option(flag, metavar=metavar, help=text)(function)
    return function


def login(given: Mapping[str, Any]) -> Login:
    """Who and where, as the flags of `aws_login_options` say."""
    from copilot.cli.aws.env import Login

    keys = ("profile", "region", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return Login(*(given[key] for key in keys))


def answers(given: Mapping[str, Any]) -> tuple[Login, NetworkAnswers]:
    """What the flags say: who and where, and about the network."""
    from copilot.cli.aws._environment_manifest import NetworkAnswers

    network = NetworkAnswers(
        vpc=given["import_vpc_id"] or "",
        public_subnets=_list(given["import_public_subnets"]),
        private_subnets=_list(given["import_private_subnets"]),
        vpc_cidr=given["override_vpc_cidr"] or "",
        public_cidrs=_list(given["override_public_cidrs"]),
        private_cidrs=_list(given["override_private_cidrs"]),
        zones=_list(given["override_az_names"]),
        certificates=_list(given["import_cert_arns"]),
        internal_subnets=_list(given["internal_alb_subnets"]),
        internal_vpc_ingress=given["internal_alb_allow_vpc_ingress"],
        insights=given["container_insights"],
    )
    return login(given), network


def refuse_local_flags(given: Mapping[str, object]) -> None:
    """Raises UsageError for a flag that was given and means nothing on AWS."""
    for flag, value in given.items():
        if value is not None:
            raise UsageError(f"`{flag}` is for the local engine, and this application runs on AWS", hint="leave it out")


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
