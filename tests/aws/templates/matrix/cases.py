"""Every template that there is, with all that goes to CloudFormation along with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import Template

from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.environment.stack import bootstrap_stack, environment_stack
from copilot.aws.templates.infrastructure import Infrastructure, WorkloadInfrastructure, infrastructure_template
from copilot.aws.templates.rendering import render
from copilot.aws.templates.roles import roles_parameters, roles_template
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.aws.templates.workload.stack import workload_stack
from tests.aws.templates.environment.variants import VARIANTS
from tests.aws.templates.matrix.environments import environments
from tests.aws.templates.matrix.pipelines import PipelineCase, pipelines
from tests.aws.templates.matrix.workloads import workloads


@dataclass(frozen=True)
class Made:
    """A template as CloudFormation gets it.

    Attributes:
        tags: Those that AWS Copilot looks for, and the application's; None where tags come from elsewhere.
    """

    text: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str] | None = None


Case = Callable[[], Made]

_ACCOUNTS = ("012345670123", "222222222222")
_WORKLOADS = (WorkloadInfrastructure("api-v2"), WorkloadInfrastructure("bare", repository=False), WorkloadInfrastructure("web"))


def cases() -> Iterator[tuple[str, Case]]:
    """Each template by a name that tells what it is of."""
    yield "roles", lambda: _roles(None)
    yield "roles-bounded", lambda: _roles("developers")
    yield "infrastructure-empty", lambda: _infrastructure(Infrastructure("shop"))
    yield "infrastructure", lambda: _infrastructure(Infrastructure("shop", _WORKLOADS, _ACCOUNTS, 7))
    yield "bootstrap", lambda: _stack(bootstrap_stack(VARIANTS["default"]))
    yield "bootstrap-options", lambda: _stack(bootstrap_stack(VARIANTS["options"]))
    for name, settings in environments():
        yield name, _environment(settings)
    for name, case in pipelines():
        yield name, _pipeline(case)
    for name, made_from in workloads():
        yield name, _workload(made_from)


def _roles(boundary: str | None) -> Made:
    return Made(roles_template(boundary), roles_parameters("shop", "example.com", "Z1", _ACCOUNTS))


def _infrastructure(infrastructure: Infrastructure) -> Made:
    return Made(infrastructure_template(infrastructure), {})


def _environment(settings: Callable[[], EnvironmentSettings]) -> Case:
    return lambda: _stack(environment_stack(settings()))


def _pipeline(make: Callable[[], PipelineCase]) -> Case:
    def made() -> Made:
        stack, text = make().made()
        return Made(text, stack.parameters)

    return made


def _workload(settings: Callable[[], WorkloadSettings]) -> Case:
    return lambda: workload(settings())


def workload(settings: WorkloadSettings) -> Made:
    """The template of a workload."""
    return _stack(workload_stack(settings))


def _stack(stack: Any) -> Made:
    template: Template = stack.template
    return Made(render(template), stack.parameters, stack.tags)
