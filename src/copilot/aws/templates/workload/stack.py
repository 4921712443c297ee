"""The stack of a workload in an environment, put together from its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import Template

from copilot.aws import names
from copilot.aws.templates.controller import controller_resources
from copilot.aws.templates.workload.addons import add_addons
from copilot.aws.templates.workload.job import add_job, job_parameters
from copilot.aws.templates.workload.listeners import routing_parameters
from copilot.aws.templates.workload.network import environment_needs
from copilot.aws.templates.workload.parameters import parameters
from copilot.aws.templates.workload.queue import add_queue
from copilot.aws.templates.workload.routing import environment_aliases
from copilot.aws.templates.workload.service import add_service
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.aws.templates.workload.task import add_task
from copilot.aws.templates.workload.topics import add_topics
from copilot.manifest.workload import Service

VERSION = "v1.34.1"
"""The release of AWS Copilot that the template is laid out as. It refuses to work on templates of later ones."""

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)\}")


@dataclass(frozen=True)
class WorkloadStack:
    """A workload's stack: its template, the values of the template's parameters, and the tags of all that it holds."""

    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def workload_stack(settings: WorkloadSettings) -> WorkloadStack:
    """The stack of a workload.

    Raises:
        UnsupportedError: The manifest asks for something that the environment or AWS does not have.
    """
    manifest = settings.manifest
    template = Template(Description=f"{manifest.type} on Amazon ECS")
    template.set_version()
    text = {"Manifest": settings.manifest_text} if settings.manifest_text else {}
    template.set_metadata({"Version": VERSION, **text})
    declared = {**parameters(settings), **routing_parameters(settings), **job_parameters(settings)}
    for parameter, _ in declared.values():
        template.add_parameter(parameter)
    add_task(template, settings)
    for resource in controller_resources(settings, environment_needs(settings), environment_aliases(settings)):
        template.add_resource(resource)
    if isinstance(manifest, Service):
        add_service(template, settings)
    else:
        add_job(template, settings)
    add_topics(template, settings)
    add_queue(template, settings)
    add_addons(template, settings)
    _drop_unused(template)
    tags = {
        **settings.tags,
        names.APPLICATION_TAG: settings.application,
        names.ENVIRONMENT_TAG: settings.environment,
        names.SERVICE_TAG: manifest.name,
    }
    values = {name: value for name, (_, value) in declared.items() if name in template.parameters}
    return WorkloadStack(template, values, tags)


def _drop_unused(template: Template) -> None:
    """Take out the parameters and conditions that nothing in the template names: what a workload needs differs by its kind."""
    data = template.to_dict()
    conditions = data.pop("Conditions", {})
    used = set(_named({part: value for part, value in data.items() if part not in ("Metadata", "Parameters")}))
    unseen = used & conditions.keys()
    while unseen:
        further = set(_named([conditions[name] for name in unseen])) - used
        used |= further
        unseen = further & conditions.keys()
    template.conditions = {name: condition for name, condition in template.conditions.items() if name in used}
    template.parameters = {name: parameter for name, parameter in template.parameters.items() if name in used}


def _named(data: Any) -> Iterator[str]:
    """Names that plain data refers to: of parameters, resources and conditions."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key in ("Ref", "Condition") and isinstance(value, str):
                yield value
            elif key == "Fn::If":
                yield value[0]
            elif key == "Fn::Sub":
                yield from _VARIABLE.findall(value if isinstance(value, str) else value[0])
            yield from _named(value)
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _named(item)
