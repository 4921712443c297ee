"""What there is to say about environments on AWS, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.records import EnvironmentRecord, WorkloadRecord
from copilot.aws.stack_values import Stack


@dataclass(frozen=True)
class EnvironmentPackage:
    """The stack of an environment, as files.

    Attributes:
        template: The template's text.
        parameters: With the values that the stack has now, where workloads change them.
        tags: Of the stack.
    """

    environment: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def files(self) -> dict[str, str]:
        """Their names, which are AWS Copilot's, and what is in them."""
        configuration = {"Parameters": dict(self.parameters), "Tags": dict(self.tags)}
        return {
            f"{self.environment}.env.yml": self.template,
            f"{self.environment}.env.params.json": json.dumps(configuration, indent=2) + "\n",
        }


@dataclass(frozen=True)
class EnvironmentResource:
    """A resource of an environment's stack."""

    logical_id: str
    physical_id: str
    type: str


@dataclass(frozen=True)
class EnvironmentDetail:
    """An environment as it is.

    Attributes:
        record: What is written down of it.
        stack: Its stack; None if it was deleted by hand.
        deployed: Whether workloads can be deployed to it: not yet right after `env init`.
        workloads: Those that are deployed to it, by name.
        manifest: As it was when it was last deployed; None if the stack does not say.
        resources: What its stack is made of.
    """

    record: EnvironmentRecord
    stack: Stack | None
    deployed: bool
    workloads: tuple[WorkloadRecord, ...]
    manifest: str | None
    resources: tuple[EnvironmentResource, ...]


def stack_resources(aws: Aws, stack: str) -> list[EnvironmentResource]:
    """What a stack is made of. Raises CopilotError if there is no such stack."""
    with explained():
        pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        return [
            EnvironmentResource(each["LogicalResourceId"], each.get("PhysicalResourceId", ""), each["ResourceType"])
            for page in pages
            for each in page["StackResourceSummaries"]
        ]
