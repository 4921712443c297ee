"""The CodeBuild projects of a pipeline: the build, what runs before and after deployments, the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from troposphere import AWSObject, GetAtt, ImportValue, Ref, Sub, codebuild, iam

from copilot.aws import names
from copilot.aws.templates.pipeline.network import network_policies, vpc_config
from copilot.aws.templates.pipeline.permissions import build_policy, project_policy
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.policies import trusted
from copilot.aws.templates.rendering import described, dump
from copilot.release.plan import BuildAction, CommandsAction, ProjectAction

BUILD, BUILD_ROLE, BUILD_POLICY = "BuildProject", "BuildProjectRole", "BuildProjectPolicy"
_ADDITIONAL_POLICY = "BuildProjectAdditionalPolicy"

DEFAULT_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
"""What builds run in. It has Docker, git and the AWS CLI; tests and what runs around deployments always run in it."""
DEFAULT_COMPUTE = "BUILD_GENERAL1_SMALL"

_BUILDS = {"Service": "codebuild.amazonaws.com"}

# The load balancer comes with the first service that asks for one and goes with the last, so the template cannot name it: the
# address is asked for when the tests run. Without a load balancer it is empty. The role's keys are never in an argument.
_FIND_LOAD_BALANCER = """\
COPILOT_LB_DNS="$(
  keys="$(aws sts assume-role --role-arn "$COPILOT_MANAGER_ROLE" --role-session-name copilot-tests \
--query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)" || exit
  set -- $keys
  AWS_ACCESS_KEY_ID="$1" AWS_SECRET_ACCESS_KEY="$2" AWS_SESSION_TOKEN="$3" \
aws cloudformation describe-stacks --region "$COPILOT_ENVIRONMENT_REGION" \
--stack-name "$COPILOT_APPLICATION_NAME-$COPILOT_ENVIRONMENT_NAME" \
--query "Stacks[0].Outputs[?OutputKey=='PublicLoadBalancerDNSName'].OutputValue" --output text
)" && export COPILOT_LB_DNS
"""


def environment_type(image: str) -> str:
    """The kind of machine that an image runs on; as in AWS Copilot, the name of AWS's images for ARM says so."""
    return "ARM_CONTAINER" if "aarch64" in image else "LINUX_CONTAINER"


def build_project(settings: PipelineSettings, action: BuildAction) -> Iterator[AWSObject]:
    """The build's project, with its role."""
    yield _role(settings, BUILD_ROLE, "the build")
    yield iam.PolicyType(
        BUILD_POLICY,
        PolicyName=Sub("${AWS::StackName}-CodeBuildPolicy"),
        PolicyDocument=build_policy(settings, BUILD),
        Roles=[Ref(BUILD_ROLE)],
        Metadata=described("A policy by which the build reads the application, pushes images and hands on artifacts"),
    )
    additional = settings.manifest.build.additional_policy if settings.manifest.build else None
    if additional is not None:
        # AWS Copilot's tests run with the build's role, and may need what it may do.
        tests = [name for action, name in settings.projects.items() if isinstance(action, CommandsAction)]
        yield iam.PolicyType(
            _ADDITIONAL_POLICY,
            PolicyName=Sub("${AWS::StackName}-BuildProjectAdditionalPolicy"),
            PolicyDocument=additional.PolicyDocument,
            Roles=[Ref(BUILD_ROLE), *(Ref(_role_id(name)) for name in tests)],
            Metadata=described("A policy with what the pipeline's manifest allows the build and the tests besides"),
        )
    image = action.image or DEFAULT_IMAGE
    yield codebuild.Project(
        BUILD,
        Name=Sub("${AWS::StackName}-BuildProject"),
        Description=Sub("Build of ${AWS::StackName}"),
        **_common(settings, BUILD_ROLE, action.timeout),
        Cache=_layers(),
        Environment=_environment(image, action.compute or DEFAULT_COMPUTE, action.variables),
        Source=codebuild.Source(Type="CODEPIPELINE", BuildSpec=action.buildspec),
        Metadata=described("A CodeBuild project to build images and make templates"),
    )


def environment_projects(settings: PipelineSettings) -> Iterator[AWSObject]:
    """The projects of all stages that deploy, each with a role of its own."""
    for action, name in settings.projects.items():
        yield from _environment_project(settings, action, name)


def policy_ids(settings: PipelineSettings) -> list[str]:
    """The policies that must be there before an execution starts."""
    additional = [_ADDITIONAL_POLICY] if settings.manifest.build and settings.manifest.build.additional_policy else []
    return [BUILD_POLICY, *additional, *(_policy_id(name) for name in settings.projects.values())]


def project_ids(project: str) -> tuple[str, str, str]:
    """The logical IDs of a project of `environment_projects`, its role and its policy."""
    return project, _role_id(project), _policy_id(project)


def _environment_project(settings: PipelineSettings, action: ProjectAction | CommandsAction, name: str) -> Iterator[AWSObject]:
    place = settings.environments[action.environment]
    what = f'"{action.name}" of environment {action.environment}'
    variables = {
        "COPILOT_APPLICATION_NAME": settings.plan.application,
        "COPILOT_ENVIRONMENT_NAME": action.environment,
    }
    optional: dict[str, Any] = {}
    if isinstance(action, CommandsAction):
        buildspec = _tests(action)
        variables |= {"COPILOT_ENVIRONMENT_REGION": place.region, "COPILOT_MANAGER_ROLE": place.manager_role}
    else:
        buildspec = action.buildspec
    # What may be done in a network is part of the role: it must be there before the project is.
    inside = [iam.Policy(PolicyName="Network", PolicyDocument=each) for each in network_policies(settings, place.name)]
    if inside:
        optional["VpcConfig"] = vpc_config(settings, place.name)
    elif isinstance(action, ProjectAction):
        optional["Cache"] = _layers()  # which CodeBuild does not have inside of a network
    yield _role(settings, _role_id(name), what, inside)
    yield iam.PolicyType(
        _policy_id(name),
        PolicyName="Build",
        PolicyDocument=project_policy(settings, name, place),
        Roles=[Ref(_role_id(name))],
        Metadata=described(f"A policy by which {what} reads the code and works on the environment"),
    )
    yield codebuild.Project(
        name,
        Description=Sub(f"{action.name} of {action.environment} in ${{AWS::StackName}}"),
        **_common(settings, _role_id(name), action.timeout),
        Environment=_environment(DEFAULT_IMAGE, DEFAULT_COMPUTE, variables),
        Source=codebuild.Source(Type="CODEPIPELINE", BuildSpec=buildspec),
        Metadata=described(f"A CodeBuild project for {what}"),
        **optional,
    )


def _role_id(project: str) -> str:
    return f"{project}BuildProjectRole"


def _policy_id(project: str) -> str:
    return f"{project}BuildProjectPolicy"


def _role(settings: PipelineSettings, name: str, what: str, policies: Sequence[iam.Policy] = ()) -> iam.Role:
    own: dict[str, Any] = {"Policies": list(policies)} if policies else {}
    return iam.Role(
        name,
        AssumeRolePolicyDocument=trusted(_BUILDS),
        Path="/",
        Metadata=described(f"An IAM role for {what}"),
        **own,
        **settings.role_bounds,
    )


def _common(settings: PipelineSettings, role: str, timeout: int) -> dict[str, Any]:
    return {
        "EncryptionKey": ImportValue(names.artifact_key_export(settings.plan.application)),
        "ServiceRole": GetAtt(role, "Arn"),
        "Artifacts": codebuild.Artifacts(Type="CODEPIPELINE"),
        "TimeoutInMinutes": timeout,
    }


def _layers() -> codebuild.ProjectCache:
    # Layers stay with a machine for a while: a build that comes soon after another one is quicker.
    return codebuild.ProjectCache(Type="LOCAL", Modes=["LOCAL_DOCKER_LAYER_CACHE"])


def _environment(image: str, compute: str, variables: Mapping[str, str]) -> codebuild.Environment:
    # AWS Copilot's buildspecs ask for these two.
    values: dict[str, Any] = {"AWS_ACCOUNT_ID": Ref("AWS::AccountId"), "PARTITION": Ref("AWS::Partition"), **variables}
    return codebuild.Environment(
        Type=environment_type(image),
        ComputeType=compute,
        Image=image,
        PrivilegedMode=True,  # without it there is no Docker
        EnvironmentVariables=[codebuild.EnvironmentVariable(Name=name, Value=value) for name, value in values.items()],
    )


def _tests(action: CommandsAction) -> str:
    phases = {"pre_build": {"commands": [_FIND_LOAD_BALANCER]}, "build": {"commands": list(action.commands)}}
    return dump({"version": 0.2, "phases": phases})
