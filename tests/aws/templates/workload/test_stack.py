from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions, render
from copilot.aws.templates.workload.settings import Addons
from copilot.aws.templates.workload.stack import VERSION, WorkloadStack, workload_stack
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege
from tests.aws.replacement import replacements
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, KINDS, WEB, WORKER, settings_of

REGISTRY = "123456789012.dkr.ecr.us-west-2.amazonaws.com/my-app"
ADDONS = Addons(
    "https://bucket.s3.us-west-2.amazonaws.com/addons.yml",
    outputs={"TableName": "variable", "Access": "policy", "Password": "secret", "Group": "security group"},
)

# Keys of manifests that make something of the task side, each by itself.
KEYS = {
    "size": "cpu: 1024\nmemory: 4096\n",
    "arm": "platform: linux/arm64\n",
    "process": "entrypoint: /start\ncommand: [serve, --fast]\n",
    "variables": "variables: {LEVEL: info, TABLE: {from_cfn: Table}}\n",
    "secrets": "secrets: {A: /a/b, B: {secretsmanager: 'demo/db:key::'}, C: 'arn:aws:ssm:us-west-2:123456789012:parameter/c'}\n",
    "imported-secret": "secrets: {A: a, B: {from_cfn: Secret}}\n",
    "file": "env_file: my.env\n",
    "sidecars": """
sidecars:
  nginx: {image: nginx, port: 8088/tcp, essential: false, secrets: {A: a}, depends_on: {other: start}, env_file: n.env}
  other:
    image: {build: other/Dockerfile}
    port: 53/udp
    healthcheck: {command: 'true', interval: 1s, timeout: 1s}
    variables: {B: b}
    credentialsParameter: 'arn:aws:secretsmanager:us-west-2:123456789012:secret:login-AbCdEf'
""",
    "logging": "logging: {retention: 7, destination: {Name: cloudwatch}, secretOptions: {key: KEY}, configFilePath: /a.conf}\n",
    "exec": "exec: true\n",
    "publish": "publish: {topics: [{name: orders}, {name: sorted, fifo: true}]}\n",
    "disk": "storage: {ephemeral: 100, readonly_fs: true, volumes: {scratch: {path: /scratch, read_only: false}}}\n",
    "files": "storage: {volumes: {data: {path: /data, efs: true, read_only: false}}}\n",
    "shared-files": """
storage:
  volumes:
    mine: {path: /mine, efs: {uid: 1000, gid: 1000}}
    old: {path: /old, efs: {id: fs-0123456789abcdef0, auth: {access_point_id: fsap-0123456789abcdef0}}}
    new: {path: /new, efs: {id: {from_cfn: Files}, root_dir: /sub, auth: {iam: true}}, read_only: false}
""",
    "overrides": """
taskdef_overrides:
  - {path: 'ContainerDefinitions[0].Ulimits[-]', value: {Name: nofile, SoftLimit: 1024, HardLimit: 2048}}
  - {path: 'ContainerDefinitions[0].LinuxParameters.InitProcessEnabled', value: true}
""",
}
GIVEN: dict[str, Any] = {
    "image": f"{REGISTRY}/fe@sha256:{'0' * 64}",
    "sidecar_images": {"other": f"{REGISTRY}/fe@sha256:{'1' * 64}"},
    "permissions_boundary": "limit",
}


def _stack(*texts: str, **more: Any) -> WorkloadStack:
    return workload_stack(settings_of(*texts, **{**GIVEN, **more}))


def _template(*texts: str, **more: Any) -> str:
    return render(_stack(*texts, **more).template)


@cache
def _plain(kind: str) -> str:
    return render(workload_stack(settings_of(KINDS[kind])).template)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_what_aws_copilot_gives_it(kind: str) -> None:
    always = {"LogGroup", "TaskDefinition", "ExecutionRole", "TaskRole", "EnvControllerAction"}
    own = {"job": {"Rule", "RuleRole", "StateMachine", "StateMachineRole"}, "worker": {"Service", "EventsQueue"}}
    data = read_template(_plain(kind))
    assert always | own.get(kind, {"Service", "DiscoveryService"}) <= data["Resources"].keys()
    assert data["Resources"].keys() == descriptions(data).keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_workload_is_clean(kind: str) -> None:
    assert_clean(_plain(kind))
    assert_least_privilege(_plain(kind))


@pytest.mark.parametrize("key", KEYS)
def test_each_key_is_clean(key: str) -> None:
    kinds = [WEB, BACKEND, WORKER, JOB]
    template = _template(kinds[sorted(KEYS).index(key) % len(kinds)], KEYS[key])
    assert_clean(template)
    assert_least_privilege(template)


def test_addons_are_clean() -> None:
    template = _template(WEB, addons=ADDONS)
    assert_clean(template)
    assert_least_privilege(template)


# Keys that go with each other: only one says what `storage` or `secrets` holds.
_SECRETS = st.sampled_from(["secrets", "imported-secret", ""])
_STORAGE = st.sampled_from(["disk", "files", "shared-files", ""])
_OTHERS = st.sets(st.sampled_from(sorted(KEYS.keys() - {"secrets", "imported-secret", "disk", "files", "shared-files"})))
_ANY = st.tuples(st.sampled_from(sorted(KINDS)), _SECRETS, _STORAGE, _OTHERS, st.booleans())


def _combined(kind: str, secret: str, storage: str, others: set[str], addons: bool) -> WorkloadStack:
    keys = [key for key in (secret, storage, *sorted(others)) if key]
    return _stack(KINDS[kind], *(KEYS[key] for key in keys), addons=ADDONS if addons else None)


# A template that is not clean is shown whole; to make it smaller would take minutes of linting.
@settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(_ANY)
def test_any_combination_is_clean(combination: tuple[str, str, str, set[str], bool]) -> None:
    assert_clean(render(_combined(*combination).template))


@settings(max_examples=12)
@given(_ANY)
def test_any_combination_is_narrow_complete_and_the_same_again(combination: tuple[str, str, str, set[str], bool]) -> None:
    stack = _combined(*combination)
    text = render(stack.template)
    assert_least_privilege(text)
    assert text == render(_combined(*combination).template)
    assert list(stack.parameters) == list(stack.template.to_dict()["Parameters"])
    assert all(isinstance(value, str) for value in stack.parameters.values())


def test_the_manifest_is_kept_as_aws_copilot_keeps_it() -> None:
    text = "name: fe  # the front end\n"
    metadata = read_template(_template(WEB, manifest_text=text))["Metadata"]
    assert metadata == {"Version": VERSION, "Manifest": text}
    assert read_template(_template(WEB))["Metadata"] == {"Version": VERSION}


def test_everything_bears_the_tags_of_the_workload() -> None:
    assert _stack(WEB, tags={"team": "shop", "copilot-service": "other"}).tags == {
        "team": "shop",
        "copilot-application": "my-app",
        "copilot-environment": "test",
        "copilot-service": "fe",
    }


def test_parameters_that_nothing_uses_are_left_out() -> None:
    assert "AddonsTemplateURL" not in _stack(WEB).parameters
    assert _stack(WEB, addons=ADDONS).parameters["AddonsTemplateURL"] == ADDONS.template_url


# What AWS Copilot 1.34 makes for tasks, with all properties that CloudFormation keeps for a resource's life.
ORIGINAL = """
Resources:
  LogGroup:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /copilot/my-app-test-fe, RetentionInDays: 30}
  ExecutionRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
      ManagedPolicyArns: [!Sub 'arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy']
  TaskRole:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {}}
  AccessPoint:
    Type: AWS::EFS::AccessPoint
    Properties:
      ClientToken: my-app-test-fe
      FileSystemId: !GetAtt EnvControllerAction.ManagedFileSystemID
      PosixUser: {Uid: 1336298249, Gid: 1336298249}
      RootDirectory:
        Path: /fe
        CreationInfo: {OwnerUid: 1336298249, OwnerGid: 1336298249, Permissions: '0755'}
  EnvControllerAction:
    Type: Custom::EnvControllerFunction
    Properties: {ServiceToken: !GetAtt EnvControllerFunction.Arn}
"""


def test_what_aws_copilot_made_stays_in_place() -> None:
    stack = _stack(WEB, KEYS["files"])
    assert replacements(ORIGINAL, render(stack.template), stack.parameters) == []
