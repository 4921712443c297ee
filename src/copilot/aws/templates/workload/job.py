"""What runs a job on its schedule: a rule of EventBridge that starts a state machine, which runs a task to its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from troposphere import Equals, GetAtt, If, ImportValue, Join, Parameter, Ref, Split, Sub, Template, events, iam, stepfunctions

from copilot.aws.templates.policies import allow, policy, trusted
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.network import imported, public_address, security_groups, subnets
from copilot.aws.templates.workload.parameters import Declared
from copilot.aws.templates.workload.schedules import eventbridge_schedule
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.schedule import NEVER
from copilot.manifest.workload import ScheduledJob

_MACHINE, _MACHINE_ROLE, _RULE_ROLE = "StateMachine", "StateMachineRole", "RuleRole"
_NEVER = "IsNever"
_RUN = "Run Fargate Task"
_FIRST_RETRY_SECONDS, _LATER_RETRIES = 10, 1.5
_TASKS = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Cluster}/*"
_CLUSTER = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}"
# Step Functions learns the end of a task through this rule of its own.
_RULE_OF_STEP_FUNCTIONS = (
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForECSTaskRule"
)


def add_job(template: Template, settings: WorkloadSettings) -> None:
    """Add the rule and the state machine of a job.

    The template must have, or get, the resources TaskDefinition, LogGroup, ExecutionRole and TaskRole, the parameters AppName,
    EnvName and WorkloadName, and those of `job_parameters`.

    Raises:
        UnsupportedError: EventBridge has no expression for the schedule, or the environment no private subnets.
    """
    job = _job(settings)
    eventbridge_schedule(job.on.schedule)
    template.add_condition(_NEVER, Equals(Ref("Schedule"), NEVER))
    template.add_resource(_rule())
    template.add_resource(_rule_role(settings))
    template.add_resource(_machine(settings, job))
    template.add_resource(_machine_role(settings))


def job_parameters(settings: WorkloadSettings) -> Mapping[str, Declared]:
    """The parameter of a job's schedule; none for a service.

    Raises:
        UnsupportedError: EventBridge has no expression for the schedule.
    """
    if not isinstance(settings.manifest, ScheduledJob):
        return {}
    return {"Schedule": Declared(Parameter("Schedule", Type="String"), eventbridge_schedule(settings.manifest.on.schedule))}


def _job(settings: WorkloadSettings) -> ScheduledJob:
    if not isinstance(settings.manifest, ScheduledJob):
        raise TypeError(f"{settings.manifest.type} is no job")
    return settings.manifest


def _bounded(settings: WorkloadSettings) -> dict[str, Any]:
    if settings.permissions_boundary is None:
        return {}
    arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{settings.permissions_boundary}"
    return {"PermissionsBoundary": Sub(arn)}


def _rule() -> events.Rule:
    return events.Rule(
        "Rule",
        # A rule must have a schedule, also one that is turned off.
        ScheduleExpression=If(_NEVER, "rate(5 minutes)", Ref("Schedule")),
        State=If(_NEVER, "DISABLED", "ENABLED"),
        Targets=[events.Target(Arn=Ref(_MACHINE), Id="statemachine", RoleArn=GetAtt(_RULE_ROLE, "Arn"))],
        Metadata=described("A rule to start your job on its schedule"),
    )


def _rule_role(settings: WorkloadSettings) -> iam.Role:
    start = policy(allow(["states:StartExecution"], Ref(_MACHINE)))
    return iam.Role(
        _RULE_ROLE,
        AssumeRolePolicyDocument=trusted({"Service": "events.amazonaws.com"}),
        Policies=[iam.Policy(PolicyName="EventRulePolicy", PolicyDocument=start)],
        Metadata=described("An IAM role for the rule to start your job"),
        **_bounded(settings),
    )


def _machine(settings: WorkloadSettings, job: ScheduledJob) -> stepfunctions.StateMachine:
    return stepfunctions.StateMachine(
        _MACHINE,
        StateMachineName=Sub("${AppName}-${EnvName}-${WorkloadName}"),
        RoleArn=GetAtt(_MACHINE_ROLE, "Arn"),
        LoggingConfiguration=stepfunctions.LoggingConfiguration(
            Destinations=[
                stepfunctions.LogDestination(
                    CloudWatchLogsLogGroup=stepfunctions.CloudWatchLogsLogGroup(LogGroupArn=GetAtt("LogGroup", "Arn"))
                )
            ],
            IncludeExecutionData=True,
            Level="ALL",
        ),
        DefinitionSubstitutions={
            "Cluster": imported(settings, "ClusterId"),
            "TaskDefinition": Ref("TaskDefinition"),
            "RunTask": Sub("arn:${AWS::Partition}:states:::ecs:runTask.sync"),
            "Subnets": _in_quotes(subnets(settings)),
            "AssignPublicIp": public_address(settings),
            "SecurityGroups": _in_quotes(security_groups(settings)),
        },
        DefinitionString=json.dumps(_definition(job), indent=2),
        Metadata=described("A state machine to run your job, and to try again when it fails"),
    )


def _in_quotes(items: list[Any] | Split) -> Join:
    """A list as it is put between the quotes of a JSON list of one text."""
    return Join('","', items)


def _definition(job: ScheduledJob) -> dict[str, Any]:
    run: dict[str, Any] = {
        "Type": "Task",
        "Resource": "${RunTask}",
        "Parameters": {
            "LaunchType": "FARGATE",
            "PlatformVersion": "LATEST",
            "Cluster": "${Cluster}",
            "TaskDefinition": "${TaskDefinition}",
            "PropagateTags": "TASK_DEFINITION",
            "Group.$": "$$.Execution.Name",
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": ["${Subnets}"],
                    "AssignPublicIp": "${AssignPublicIp}",
                    "SecurityGroups": ["${SecurityGroups}"],
                }
            },
        },
    }
    if job.retries:
        run["Retry"] = [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": _FIRST_RETRY_SECONDS,
                "MaxAttempts": job.retries,
                "BackoffRate": _LATER_RETRIES,
            }
        ]
    # As in AWS Copilot, the time is that of all tries together.
    limit = {} if job.timeout is None else {"TimeoutSeconds": int(job.timeout)}
    return {"Version": "1.0", "Comment": "Runs a job", **limit, "StartAt": _RUN, "States": {_RUN: {**run, "End": True}}}


def _machine_role(settings: WorkloadSettings) -> iam.Role:
    cluster = {"Cluster": imported(settings, "ClusterId")}
    return iam.Role(
        _MACHINE_ROLE,
        AssumeRolePolicyDocument=trusted({"Service": "states.amazonaws.com"}),
        Policies=[iam.Policy(PolicyName="StateMachine", PolicyDocument=policy(*_running(cluster), *_logging()))],
        Metadata=described("An IAM role for the state machine to run tasks"),
        **_bounded(settings),
    )


def _running(cluster: Mapping[str, ImportValue]) -> list[dict[str, Any]]:
    """What it takes to run a task and wait for its end (https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html)."""
    roles = [GetAtt("ExecutionRole", "Arn"), GetAtt("TaskRole", "Arn")]
    here = {"ArnEquals": {"ecs:cluster": Sub(_CLUSTER, dict(cluster))}}
    tagged = {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    return [
        allow(["iam:PassRole"], roles, condition=to_tasks),
        allow(["ecs:RunTask"], Ref("TaskDefinition"), condition=here),
        allow(["ecs:DescribeTasks", "ecs:StopTask"], Sub(_TASKS, dict(cluster))),
        allow(["ecs:TagResource"], Sub(_TASKS, dict(cluster)), condition=tagged),
        allow(["events:DescribeRule", "events:PutRule", "events:PutTargets"], Sub(_RULE_OF_STEP_FUNCTIONS)),
    ]


def _logging() -> list[dict[str, Any]]:
    """What it takes to log a state machine (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html)."""
    deliveries = [f"logs:{verb}LogDelivery" for verb in ("Create", "Delete", "Get", "Update")]
    groups = Sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*")
    return [
        allow([*deliveries, "logs:DescribeResourcePolicies", "logs:ListLogDeliveries", "logs:PutResourcePolicy"], "*"),
        allow(["logs:DescribeLogGroups"], groups),
    ]
