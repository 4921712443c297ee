from __future__ import annotations

from typing import Any

import pytest
from troposphere import encode_to_dict

from copilot.aws.templates.workload.roles import execution_role, task_role
from copilot.aws.templates.workload.settings import Addons
from copilot.aws.templates.workload.task import task_definition
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, WEB, settings_of

REPOSITORY = "123456789012.dkr.ecr.us-west-2.amazonaws.com/my-app/api"


def _execution(*texts: str, **more: Any) -> dict[str, Any]:
    settings = settings_of(*texts, **more)
    containers = task_definition(settings).properties["ContainerDefinitions"]
    data: dict[str, Any] = encode_to_dict(execution_role(settings, containers))["Properties"]
    return data


def _task(*texts: str, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = encode_to_dict(task_role(settings_of(*texts, **more)))["Properties"]
    return data


def _allowed(role: dict[str, Any]) -> dict[str, Any]:
    """Action to the resources it is allowed on, by all policies that are there for sure."""
    documents = [each["PolicyDocument"] for each in role["Policies"] if "PolicyDocument" in each]
    statements = [each for document in documents for each in document["Statement"] if each["Effect"] == "Allow"]
    return {action: each["Resource"] for each in statements for action in each["Action"]}


def _repositories(*names: str) -> list[dict[str, str]]:
    return [{"Fn::Sub": f"arn:${{AWS::Partition}}:ecr:{name}"} for name in names]


@pytest.mark.parametrize("role", [_execution(JOB), _task(JOB)])
def test_only_tasks_take_the_roles(role: dict[str, Any]) -> None:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert "ManagedPolicyArns" not in role
    assert "PermissionsBoundary" not in role


@pytest.mark.parametrize("make", [_execution, _task])
def test_roles_are_bounded_if_the_application_is(make: Any) -> None:
    arn = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/limit"}
    assert make(JOB, permissions_boundary="limit")["PermissionsBoundary"] == arn


def test_an_image_from_elsewhere_needs_no_permission() -> None:
    assert set(_allowed(_execution(JOB))) == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_only_the_repositories_of_the_images_may_be_pulled() -> None:
    text = "sidecars: {nginx: {image: '210987654321.dkr.ecr.eu-west-1.amazonaws.com/proxy/nginx:1'}, o: {image: redis}}\n"
    allowed = _allowed(_execution(BACKEND, text, image=f"{REPOSITORY}@sha256:00"))
    assert allowed["ecr:BatchGetImage"] == _repositories(
        "eu-west-1:210987654321:repository/proxy/nginx", "us-west-2:123456789012:repository/my-app/api"
    )
    assert allowed["ecr:GetAuthorizationToken"] == "*"


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (f"{REPOSITORY}:latest", "us-west-2:123456789012:repository/my-app/api"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a", "cn-north-1:123456789012:repository/a"),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/a", "us-east-1:123456789012:repository/a"),
        ("123456789012.dkr-ecr.us-east-1.on.aws/a/b:1", "us-east-1:123456789012:repository/a/b"),
    ],
)
def test_every_address_of_a_registry_is_known(image: str, repository: str) -> None:
    assert _allowed(_execution(BACKEND, image=image))["ecr:BatchGetImage"] == _repositories(repository)


def test_an_override_may_bring_its_own_image_logs_and_secrets() -> None:
    text = f"""
        taskdef_overrides:
          - {{path: 'ContainerDefinitions[0].Image', value: '{REPOSITORY}:2'}}
          - {{path: 'ContainerDefinitions[0].Secrets[-]', value: {{Name: A, ValueFrom: TOKEN}}}}
          - {{path: 'ContainerDefinitions[0].LogConfiguration.Options.awslogs-group', value: /mine}}
    """
    allowed = _allowed(_execution(JOB, text))
    assert allowed["ecr:BatchGetImage"] == _repositories("us-west-2:123456789012:repository/my-app/api")
    assert allowed["logs:PutLogEvents"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/mine:*"}
    ]
    assert allowed["ssm:GetParameters"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/TOKEN"}
    ]


def test_an_image_that_only_cloudformation_knows_is_in_this_accounts_registry() -> None:
    text = "taskdef_overrides: [{path: 'ContainerDefinitions[0].Image', value: {'Fn::ImportValue': Image}}]\n"
    allowed = _allowed(_execution(JOB, text))
    assert allowed["ecr:BatchGetImage"] == _repositories("${AWS::Region}:${AWS::AccountId}:repository/*")


def test_secrets_and_credentials_may_be_read() -> None:
    text = """
        sidecars:
          n: {image: n, secrets: {B: b}, credentialsParameter: 'arn:aws:secretsmanager:us-west-2:123456789012:secret:login'}
        logging: {destination: {Name: x}, secretOptions: {key: c}}
        secrets: {A: a}
    """
    allowed = _allowed(_execution(JOB, text))
    assert [each["Fn::Sub"].rpartition("/")[2] for each in allowed["ssm:GetParameters"]] == ["a", "c", "b"]
    assert allowed["secretsmanager:GetSecretValue"] == ["arn:aws:secretsmanager:us-west-2:123456789012:secret:login-??????"]


def test_credentials_may_be_named() -> None:
    text = JOB.replace("location: nginx", "location: registry.example.com/a, credentials: login")
    (arn,) = _allowed(_execution(text))["secretsmanager:GetSecretValue"]
    assert arn["Fn::Sub"].endswith(":secret:login-??????")


def test_the_file_of_variables_may_be_read_if_there_is_one() -> None:
    (conditional,) = [each["Fn::If"] for each in _execution(JOB)["Policies"] if "Fn::If" in each]
    assert conditional[0] == "HasEnvFile"
    statements = conditional[1]["PolicyDocument"]["Statement"]
    assert [each["Action"] for each in statements] == [["s3:GetObject"], ["s3:GetBucketLocation"], ["kms:Decrypt"]]
    assert statements[0]["Resource"] == [{"Ref": "EnvFileARN"}]
    assert statements[2]["Resource"] == [{"Ref": "ArtifactKeyARN"}]


def test_programs_may_do_nothing_by_default() -> None:
    role = _task(WEB)
    assert _allowed(role) == {}
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement == {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}


def test_commands_in_tasks_need_a_channel_and_the_log_group() -> None:
    allowed = _allowed(_task(WEB, "exec: true\n"))
    assert {action for action, resource in allowed.items() if resource == "*"} == {
        f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")
    }
    assert allowed["logs:PutLogEvents"] == {"Fn::GetAtt": ["LogGroup", "Arn"]}


def test_topics_may_be_published_to() -> None:
    text = "publish: {topics: [{name: my-topic}, {name: other, fifo: true}]}\n"
    assert _allowed(_task(WEB, text))["sns:Publish"] == [{"Ref": "mytopicSNSTopic"}, {"Ref": "otherfifoSNSTopic"}]


def test_policies_of_the_addons_are_attached() -> None:
    addons = Addons("https://bucket/addons.yml", outputs={"Access": "policy", "Name": "variable"})
    assert _task(WEB, addons=addons)["ManagedPolicyArns"] == [{"Fn::GetAtt": ["AddonsStack", "Outputs.Access"]}]
