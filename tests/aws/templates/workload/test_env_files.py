from __future__ import annotations

from typing import Any

import pytest
from troposphere import Template

from copilot.aws.templates.workload.env_files import env_files
from copilot.aws.templates.workload.parameters import parameters
from copilot.aws.templates.workload.task import add_task
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, main_container, manifest_of, settings_of

SIDECARS = "sidecars: {log-er: {image: a, env_file: log.env}, plain: {image: b}}\n"


def test_the_main_containers_file_comes_from_s3_if_there_is_one() -> None:
    (file,) = main_container(BACKEND)["EnvironmentFiles"]
    assert file == {"Fn::If": ["HasEnvFile", {"Type": "s3", "Value": {"Ref": "EnvFileARN"}}, {"Ref": "AWS::NoValue"}]}


def test_sidecars_that_have_a_file_are_named() -> None:
    found = env_files(manifest_of(JOB, SIDECARS))
    assert {name: (file.parameter, file.condition) for name, file in found.items()} == {
        "job": ("EnvFileARN", "HasEnvFile"),
        "log-er": ("EnvFileARNForloger", "HasEnvFileForloger"),
    }


def test_each_file_has_its_parameter_condition_and_policy() -> None:
    arn = "arn:aws:s3:::bucket/log.env"
    settings = settings_of(JOB, SIDECARS, env_files={"log-er": arn})
    values = {name: declared.value for name, declared in parameters(settings).items()}
    assert (values["EnvFileARN"], values["EnvFileARNForloger"]) == ("", arn)
    template = Template()
    add_task(template, settings)
    data: dict[str, Any] = template.to_dict()
    assert data["Conditions"]["HasEnvFileForloger"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "EnvFileARNForloger"}, ""]}]}
    policies = [each["Fn::If"] for each in data["Resources"]["ExecutionRole"]["Properties"]["Policies"] if "Fn::If" in each]
    assert [condition for condition, _, _ in policies] == ["HasEnvFile", "HasEnvFileForloger"]
    _, sidecar, plain = data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert sidecar["EnvironmentFiles"][0]["Fn::If"][0] == "HasEnvFileForloger"
    assert "EnvironmentFiles" not in plain


def test_two_sidecars_that_a_template_cannot_tell_apart_are_refused() -> None:
    text = "sidecars: {a-b: {image: a, env_file: a.env}, ab: {image: a, env_file: b.env}}\n"
    with pytest.raises(UnsupportedError, match="`a-b` and `ab` of `job`"):
        env_files(manifest_of(JOB, text))
