"""The part of a workload's stack that asks the environment's stack for what the workload needs.

An environment has its load balancers, NAT gateways and file system only while a workload asks for them, and only the
environment's stack can make them. So each workload's stack has a resource of its own kind, behind which is a function that
updates the environment's stack. That way a pipeline, which knows only of the workload's template, brings them up as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, awslambda, iam

from copilot.aws.templates.policies import allow, policy, trusted
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.settings import EnvironmentFacts, WorkloadSettings

RUNTIME = "python3.14"
_ENVIRONMENT_STACK = "${AppName}-${EnvName}"
_FUNCTION = "EnvControllerFunction"
_LONGEST_RUN = 900  # seconds, and all that AWS lets a function have
_ROLE = "EnvControllerRole"


class _EnvironmentController(AWSObject):
    resource_type = "Custom::EnvControllerFunction"
    props = {  # noqa: RUF012 - troposphere's own way to say what properties there are
        "ServiceToken": (str, True),
        "Workload": (str, True),
        "EnvStack": (str, True),
        "Parameters": ([str], True),
        "Aliases": ([str], False),
        "EnvVersion": (str, True),
        "ServiceTimeout": (int, True),
    }


def controller_resources(settings: WorkloadSettings, parameters: Sequence[str], aliases: Sequence[str] = ()) -> list[AWSObject]:
    """The resources by which a workload's stack asks its environment for something.

    The stack must have the parameters AppName, EnvName and WorkloadName, and the log group `LogGroup`. The attributes of
    `EnvControllerAction` are the outputs of the environment's stack. What exists on demand must be taken from there: an export
    that somebody imports could not be removed when the last workload that needs it goes.

    Args:
        settings: The workload.
        parameters: Which of the environment's parameters are to list the workload, such as ``ALBWorkloads``; others are not to.
        aliases: Names of hosts under the application's domain. AWS Copilot's environments make certificates for them.
    """
    named: dict[str, Any] = {"Aliases": list(aliases)} if aliases else {}
    action = _EnvironmentController(
        "EnvControllerAction",
        ServiceToken=GetAtt(_FUNCTION, "Arn"),
        Workload=Ref("WorkloadName"),
        EnvStack=Sub(_ENVIRONMENT_STACK),
        Parameters=list(parameters),
        EnvVersion=_state(settings.facts),
        # A function that could not even answer would keep the stack waiting for an hour.
        ServiceTimeout=_LONGEST_RUN + 60,
        Metadata=described("What the workload needs of its environment"),
        **named,
    )
    function = awslambda.Function(
        _FUNCTION,
        Code=awslambda.Code(ZipFile=_source()),
        Handler="index.handler",
        Runtime=RUNTIME,
        Role=GetAtt(_ROLE, "Arn"),
        # A load balancer takes minutes, and another workload's may come first.
        Timeout=_LONGEST_RUN,
        MemorySize=512,
        LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("LogGroup")),
        Metadata=described("A function to update the environment's stack"),
    )
    return [action, function, _role(settings)]


def _state(facts: EnvironmentFacts) -> str:
    """Another text once the environment has other outputs: else CloudFormation would go on with those of the last time."""
    has = {
        "domain": facts.domain is not None,
        "certificates": facts.public_certificates,
        "private certificates": facts.private_certificates,
        "private subnets": facts.private_subnets,
    }
    return ", ".join(name for name, there in has.items() if there) or "nothing of these"


@cache
def _source() -> str:
    source = files(__package__).joinpath("controller_function.py").read_text(encoding="utf-8")
    return re.sub(r" +# noqa:.*", "", source)


def _role(settings: WorkloadSettings) -> iam.Role:
    boundary: dict[str, Any] = {}
    if settings.permissions_boundary:
        arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{settings.permissions_boundary}"
        boundary["PermissionsBoundary"] = Sub(arn)
    stack = f"arn:${{AWS::Partition}}:cloudformation:${{AWS::Region}}:${{AWS::AccountId}}:stack/{_ENVIRONMENT_STACK}/*"
    execution_role = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{_ENVIRONMENT_STACK}-CFNExecutionRole"
    actions = ["cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:UpdateStack"]
    passed = {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    return iam.Role(
        _ROLE,
        AssumeRolePolicyDocument=trusted({"Service": "lambda.amazonaws.com"}),
        Path="/",
        Policies=[
            iam.Policy(PolicyName="EnvControllerStackUpdate", PolicyDocument=policy(allow(actions, Sub(stack)))),
            iam.Policy(
                PolicyName="EnvControllerRolePass",
                PolicyDocument=policy(allow(["iam:PassRole"], Sub(execution_role), condition=passed)),
            ),
            iam.Policy(
                PolicyName="EnvControllerLogs",
                PolicyDocument=policy(allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("LogGroup", "Arn"))),
            ),
        ],
        Metadata=described("An IAM role to update the environment's stack"),
        **boundary,
    )
