"""The parameters of a workload's stack, by the names that AWS Copilot gave them, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from troposphere import Parameter

from copilot.aws.templates.workload.containers import image_of
from copilot.aws.templates.workload.env_files import env_files
from copilot.aws.templates.workload.ports import main_port, service_target
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.workload import ReachableService, Service

NO_PORT = "-1"
"""What AWS Copilot writes for the port of a service that listens on none."""


class Declared(NamedTuple):
    """A parameter and its value."""

    parameter: Parameter
    value: str


def parameters(settings: WorkloadSettings) -> Mapping[str, Declared]:
    """The parameters that tasks need, by name. Those of routing and of a job's schedule belong to those parts.

    Raises:
        UnsupportedError: No image was built although the manifest builds one, or nothing says which port requests go to.
    """
    manifest = settings.manifest
    declared = [
        _text("AppName", settings.application),
        _text("EnvName", settings.environment),
        _text("WorkloadName", manifest.name),
        _text("ContainerImage", image_of(settings, manifest.name)),
        _text("TaskCPU", str(manifest.cpu)),
        _text("TaskMemory", str(manifest.memory)),
        _number("LogRetention", manifest.logging.retention),
        _text("AddonsTemplateURL", settings.addons.template_url if settings.addons else ""),
        *(_text(file.parameter, settings.env_files.get(name, ""), default="") for name, file in env_files(manifest).items()),
        _text("ArtifactKeyARN", settings.artifact_key),
    ]
    if isinstance(manifest, Service):
        declared.append(_number("TaskCount", manifest.count.desired))
    if isinstance(manifest, ReachableService):
        goal = service_target(manifest)
        declared.append(_number("ContainerPort", main_port(manifest) or NO_PORT))
        declared.append(_text("TargetContainer", goal.container if goal else manifest.name))
        declared.append(_number("TargetPort", goal.port if goal else NO_PORT))
    return {str(each.parameter.title): each for each in declared}


def _text(name: str, value: str, *, default: str | None = None) -> Declared:
    return Declared(Parameter(name, Type="String") if default is None else Parameter(name, Type="String", Default=default), value)


def _number(name: str, value: int | str) -> Declared:
    return Declared(Parameter(name, Type="Number"), str(value))
