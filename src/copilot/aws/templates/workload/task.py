"""The task definition of a workload, with the roles, the log group and the folder that belong to it."""

from __future__ import annotations

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

# Memory in MiB that Fargate gives for so many CPU units: the least, the most, and the steps between
# (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html).
_MEMORY = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
_SMALLEST = (256, (512, 1024, 2048))


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
    if cpu == _SMALLEST[0]:
        fitting: Any = _SMALLEST[1]
    elif cpu in _MEMORY:
        least, most, step = _MEMORY[cpu]
        fitting = range(least, most + 1, step)
    elif cpu > max(_MEMORY):
        return  # larger than what is known here; AWS may have it by now
    else:
        sizes = ", ".join(str(size) for size in (_SMALLEST[0], *_MEMORY))
        raise UnsupportedError(f"`{manifest.name}` asks for {cpu} CPU units, which Fargate does not have", hint=f"it has {sizes}")
    if memory not in fitting:
        *less, last = [*fitting][:3] if cpu == _SMALLEST[0] else [fitting[0], fitting[1], fitting[-1]]
        shown = f"{less[0]}, {less[1]} or {last}" if cpu == _SMALLEST[0] else f"{less[0]}, {less[1]} and so on up to {last}"
        raise UnsupportedError(
            f"`{manifest.name}` asks for {memory} MiB of memory, which Fargate does not have with {cpu} CPU units",
            hint=f"write `memory: {min((m for m in fitting if m >= memory), default=last)}`; it has {shown}",
        )
