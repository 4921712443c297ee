"""What workloads must know of an environment on AWS, read from its stack, without what makes environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.records import ApplicationRecord, EnvironmentRecord
from copilot.aws.stack_lookup import require_stack, stack_template
from copilot.aws.stack_values import Stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.workload.settings import EnvironmentFacts
from copilot.errors import ConflictError, NotFoundError


def environment_facts(application: ApplicationRecord, record: EnvironmentRecord, inside: Aws) -> EnvironmentFacts:
    """What workloads' templates must know of an environment.

    Args:
        application: Its application.
        record: The environment.
        inside: An identity that may look into it, in its region.

    Raises:
        NotFoundError: Its stack is gone.
        ConflictError: It was not deployed yet.
    """
    stack = environment_stack(record, inside)
    if not is_deployed(stack):
        raise ConflictError(
            f"environment `{record.name}` was made, but not deployed yet",
            hint=f"run `copilot env deploy --name {record.name}` first",
        )
    https = stack.parameters.get("CreateHTTPSListener") == "true"
    has_subdomain = "EnvironmentSubdomain" in stack.outputs
    return EnvironmentFacts(
        account=record.account,
        region=record.region,
        partition=inside.partition,
        domain=(application.domain or None) if https and has_subdomain else None,
        public_certificates=https and not has_subdomain,
        private_certificates=stack.parameters.get("CreateInternalHTTPSListener") == "true",
        private_subnets="PrivateSubnets" in stack.outputs,
        makes_aliases=has_subdomain and makes_aliases(read_template(stack_template(inside, stack.name))),
    )


def environment_stack(record: EnvironmentRecord, inside: Aws) -> Stack:
    """The stack of an environment. Raises NotFoundError if it is gone."""
    name = names.environment_stack(record.application, record.name)
    try:
        return require_stack(inside, name)
    except NotFoundError:
        raise NotFoundError(
            f"the stack `{name}` of environment `{record.name}` is gone from {record.region}",
            hint=f"`copilot env init --name {record.name}` makes it again; then deploy it",
        ) from None


def is_deployed(stack: Stack) -> bool:
    """Whether workloads can be deployed to the environment of a stack: right after `env init` there are only its roles."""
    return "VpcId" in stack.outputs


def makes_aliases(template: Mapping[str, Any]) -> bool:
    """Whether an environment with this template makes records for all names in the domain, with AWS Copilot's function."""
    return "CustomDomainAction" in (template.get("Resources") or {})
