from __future__ import annotations

import pytest

from copilot.aws.templates.workload.parameters import parameters
from copilot.aws.templates.workload.settings import Addons
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, KEY, KINDS, SILENT, WEB, WORKER, settings_of

ALWAYS = {
    "AppName": "my-app",
    "EnvName": "test",
    "ContainerImage": "nginx",
    "TaskCPU": "256",
    "TaskMemory": "512",
    "LogRetention": "30",
    "AddonsTemplateURL": "",
    "EnvFileARN": "",
    "ArtifactKeyARN": KEY,
}


def _values(*texts: str, **more: object) -> dict[str, str]:
    return {name: declared.value for name, declared in parameters(settings_of(*texts, **more)).items()}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (WEB, {"WorkloadName": "fe", "TaskCount": "1", "ContainerPort": "4000", "TargetContainer": "fe", "TargetPort": "4000"}),
        (
            BACKEND,
            {"WorkloadName": "api", "TaskCount": "1", "ContainerPort": "8080", "TargetContainer": "api", "TargetPort": "8080"},
        ),
        (SILENT, {"WorkloadName": "api", "TaskCount": "1", "ContainerPort": "-1", "TargetContainer": "api", "TargetPort": "-1"}),
        (WORKER, {"WorkloadName": "dogworker", "TaskCount": "1"}),
        (JOB, {"WorkloadName": "job"}),
    ],
)
def test_each_kind_has_the_parameters_that_aws_copilot_gave_it(text: str, more: dict[str, str]) -> None:
    assert _values(text) == {**ALWAYS, **more}


@pytest.mark.parametrize("text", KINDS.values())
def test_values_fit_their_types(text: str) -> None:
    for declared in parameters(settings_of(text)).values():
        assert declared.parameter.to_dict()["Type"] in ("String", "Number")
        if declared.parameter.to_dict()["Type"] == "Number":
            int(declared.value)


def test_the_manifest_says_how_large_tasks_are() -> None:
    values = _values(WEB, "cpu: 1024\nmemory: 4096\ncount: {range: 3-12, cpu_percentage: 70}\nlogging: {retention: 7}\n")
    assert (values["TaskCPU"], values["TaskMemory"], values["TaskCount"], values["LogRetention"]) == ("1024", "4096", "3", "7")


def test_requests_may_go_to_a_sidecar() -> None:
    text = WEB.replace("path: /", "path: /, target_container: nginx") + "sidecars: {nginx: {image: nginx, port: 8080}}\n"
    values = _values(text)
    assert (values["ContainerPort"], values["TargetContainer"], values["TargetPort"]) == ("4000", "nginx", "8080")


def test_what_was_uploaded_is_named() -> None:
    values = _values(
        BACKEND,
        image="123456789012.dkr.ecr.us-west-2.amazonaws.com/my-app/api@sha256:00",
        env_files={"api": "arn:aws:s3:::bucket/file.env"},
        addons=Addons("https://bucket/addons.yml"),
    )
    assert values["ContainerImage"].endswith("@sha256:00")
    assert values["EnvFileARN"] == "arn:aws:s3:::bucket/file.env"
    assert values["AddonsTemplateURL"] == "https://bucket/addons.yml"


def test_an_image_that_was_not_built_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="image of `api` was not built"):
        _values(BACKEND.replace("location: nginx", "build: Dockerfile"))
