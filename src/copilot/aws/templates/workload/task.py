"""The task definition of a workload, with the roles, the log group and the folder that belong to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, ecs

from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.containers import containers
from copilot.aws.templates.workload.env_files import env_files
from copilot.aws.templates.workload.logging import log_group
from copilot.aws.templates.workload.overrides import overridden
from copilot.aws.templates.workload.roles import EXECUTION_ROLE, TASK_ROLE, execution_role, task_role
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.aws.templates.workload.volumes import access_point, volumes
from copilot.errors import UnsupportedError
from copilot.manifest.workload import Workload

TASK_DEFINITION = "TaskDefinition"
FREE_DISK = 20
"""The disk of a task in GiB that Fargate gives without being asked, and cannot be asked for."""

# Memory in MiB that Fargate gives with so many CPU units
# (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html).
_SIZES: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}


def add_task(template: Template, settings: WorkloadSettings) -> None:
    """Add what tasks are made from: the task definition, its roles, the log group and the folder for its files.

    Raises:
        UnsupportedError: The manifest asks for something that Fargate does not have, or overrides something that is not there.
    """
    definition = task_definition(settings)
    for file in env_files(settings.manifest).values():
        template.add_condition(file.condition, file.exists())
    template.add_resource(log_group())
    template.add_resource(definition)
    template.add_resource(execution_role(settings, definition.properties["ContainerDefinitions"]))
    template.add_resource(task_role(settings))
    folder = access_point(settings.manifest)
    if folder is not None:
        template.add_resource(folder)


def task_definition(settings: WorkloadSettings) -> ecs.TaskDefinition:
    """The task definition, with the manifest's overrides."""
    manifest = settings.manifest
    _check_size(manifest)
    optional: dict[str, Any] = {}
    if manifest.platform == "linux/arm64":
        optional["RuntimePlatform"] = ecs.RuntimePlatform(OperatingSystemFamily="LINUX", CpuArchitecture="ARM64")
    if manifest.storage.ephemeral not in (None, FREE_DISK):
        optional["EphemeralStorage"] = ecs.EphemeralStorage(SizeInGiB=manifest.storage.ephemeral)
    mounted = volumes(manifest)
    if mounted:
        optional["Volumes"] = mounted
    definition = ecs.TaskDefinition(
        TASK_DEFINITION,
        Family=Sub("${AppName}-${EnvName}-${WorkloadName}"),
        NetworkMode="awsvpc",
        RequiresCompatibilities=["FARGATE"],
        Cpu=Ref("TaskCPU"),
        Memory=Ref("TaskMemory"),
        ExecutionRoleArn=GetAtt(EXECUTION_ROLE, "Arn"),
        TaskRoleArn=GetAtt(TASK_ROLE, "Arn"),
        ContainerDefinitions=containers(settings),
        Metadata=described("A task definition: the containers that run together, and what they get"),
        **optional,
    )
    # An override may be anything, so that from here on the properties are plain data, which troposphere does not look at.
    definition.properties.update(overridden(definition.to_dict()["Properties"], manifest.taskdef_overrides))
    return definition


def _check_size(manifest: Workload) -> None:
    cpu, memory = manifest.cpu, manifest.memory
    if cpu > max(_SIZES):
        return  # larger than what is known here; AWS may have it by now
    if cpu not in _SIZES:
        sizes = ", ".join(map(str, _SIZES))
        raise UnsupportedError(f"`{manifest.name}` asks for {cpu} CPU units, which Fargate does not have", hint=f"it has {sizes}")
    if memory not in _SIZES[cpu]:
        least, most = _SIZES[cpu][0], _SIZES[cpu][-1]
        enough = next((size for size in _SIZES[cpu] if size >= memory), most)
        raise UnsupportedError(
            f"`{manifest.name}` asks for {memory} MiB of memory, which Fargate does not have with {cpu} CPU units",
            hint=f"write `memory: {enough}`; it has {least} to {most}",
        )
