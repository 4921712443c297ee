from __future__ import annotations

from typing import Any

import pytest
from troposphere import Template

from copilot.aws.templates.workload.task import add_task, task_definition
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, KINDS, settings_of


def _definition(*texts: str, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = task_definition(settings_of(*texts, **more)).to_dict()["Properties"]
    return data


@pytest.mark.parametrize("text", KINDS.values())
def test_every_kind_runs_on_fargate(text: str) -> None:
    data = _definition(text)
    del data["ContainerDefinitions"]
    assert data == {
        "Family": {"Fn::Sub": "${AppName}-${EnvName}-${WorkloadName}"},
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "Cpu": {"Ref": "TaskCPU"},
        "Memory": {"Ref": "TaskMemory"},
        "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
        "TaskRoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
    }


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("platform: linux/arm64\n", "RuntimePlatform", {"OperatingSystemFamily": "LINUX", "CpuArchitecture": "ARM64"}),
        ("platform: linux/x86_64\n", "RuntimePlatform", None),
        ("storage: {ephemeral: 100}\n", "EphemeralStorage", {"SizeInGiB": 100}),
        ("storage: {ephemeral: 20}\n", "EphemeralStorage", None),
        ("storage: {volumes: {v: {path: /v}}}\n", "Volumes", [{"Name": "v"}]),
        ("taskdef_overrides: [{path: PidMode, value: task}]\n", "PidMode", "task"),
    ],
)
def test_the_manifest_says_what_else_tasks_have(text: str, key: str, expected: Any) -> None:
    assert _definition(JOB, text).get(key) == expected


def test_overrides_may_be_what_troposphere_does_not_know() -> None:
    text = "taskdef_overrides: [{path: 'ContainerDefinitions[0].Brand.New[-]', value: {'Fn::ImportValue': x}}]\n"
    assert _definition(BACKEND, text)["ContainerDefinitions"][0]["Brand"] == {"New": [{"Fn::ImportValue": "x"}]}


def test_the_folder_is_there_only_with_a_volume_in_it() -> None:
    for text, there in (("", False), ("storage: {volumes: {v: {path: /v, efs: true}}}\n", True)):
        template = Template()
        add_task(template, settings_of(BACKEND, text))
        assert ("AccessPoint" in template.resources) is there
        assert {"LogGroup", "TaskDefinition", "ExecutionRole", "TaskRole"} <= template.resources.keys()


@pytest.mark.parametrize(
    ("cpu", "memory"), [(256, 512), (256, 2048), (512, 4096), (1024, 2048), (4096, 30720), (16384, 32768), (32768, 1)]
)
def test_sizes_of_fargate_are_taken(cpu: int, memory: int) -> None:
    _definition(BACKEND, f"cpu: {cpu}\nmemory: {memory}\n")


@pytest.mark.parametrize(
    ("cpu", "memory", "message", "hint"),
    [
        (300, 512, "300 CPU units, which Fargate does not have", "it has 256, 512, 1024, 2048, 4096, 8192, 16384"),
        (256, 300, "300 MiB of memory", "write `memory: 512`; it has 512 to 2048"),
        (256, 4096, "4096 MiB of memory", "write `memory: 2048`; it has 512 to 2048"),
        (1024, 512, "512 MiB of memory", "write `memory: 2048`; it has 2048 to 8192"),
        (8192, 16385, "16385 MiB of memory", "write `memory: 20480`; it has 16384 to 61440"),
    ],
)
def test_a_size_that_fargate_does_not_have_is_refused(cpu: int, memory: int, message: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        _definition(BACKEND, f"cpu: {cpu}\nmemory: {memory}\n")
    assert caught.value.hint == hint
