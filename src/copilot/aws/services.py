"""How a service is doing on ECS, and a way into its tasks."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explain, explained, text_of
from copilot.engine import TaskCommand, Timestamp, Value
from copilot.errors import ConflictError, CopilotError, EngineUnavailableError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ServiceTypeDef, TaskTypeDef

_MOST_TASKS = 100
"""How many tasks one request may name (ECS DescribeTasks)."""

PLUGIN = "session-manager-plugin"
_SESSION = "AWS_SSM_START_SESSION_RESPONSE"
"""Where the plugin looks for the session when this name is its first argument (since 1.2.497)."""
_OLDEST_PLUGIN = (1, 2, 498)
_PLUGIN_PAGE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"


class ContainerImage(Value):
    """The image of one container: its name as the task definition has it, and its digest once it was pulled."""

    container: str
    name: str
    digest: str | None


class ServiceTask(Value):
    """A task, running or stopped within the last hour (ECS forgets it then).

    Attributes:
        id: The last part of its ARN.
        revision: Of its task definition.
        last_status: ECS's: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED.
        health: HEALTHY, UNHEALTHY or UNKNOWN (without a container health check).
        stopped_reason: Why it stopped, with the reason of the container that ended first and its exit code.
    """

    id: str
    arn: str
    revision: int
    last_status: str
    health: str
    images: tuple[ContainerImage, ...]
    capacity_provider: str | None
    started_at: Timestamp | None
    stopped_at: Timestamp | None
    stopped_reason: str | None


class ServiceDeployment(Value):
    """A deployment of a service: ``status`` is PRIMARY, ACTIVE or INACTIVE, ``rollout`` COMPLETED, FAILED or IN_PROGRESS."""

    id: str
    status: str
    rollout: str | None
    reason: str | None
    revision: int
    desired_count: int
    running_count: int
    updated_at: Timestamp | None


class TargetState(Value):
    """What the load balancer says of a task: ``state`` is healthy, unhealthy, initial, draining, unused or unavailable."""

    target: str
    task: str | None
    target_group: str
    state: str
    reason: str | None


class ServiceStatus(Value):
    """A service in one environment, as ECS and the load balancer have it now.

    Attributes:
        status: ACTIVE, DRAINING or INACTIVE.
        revision: Of the task definition that it runs, or changes to.
        deployed_at: When the newest deployment last changed.
    """

    name: str
    cluster: str
    status: str
    revision: int
    desired_count: int
    running_count: int
    deployed_at: Timestamp | None
    deployments: tuple[ServiceDeployment, ...]
    tasks: tuple[ServiceTask, ...]
    stopped_tasks: tuple[ServiceTask, ...]
    targets: tuple[TargetState, ...]


class Services:
    """The services of one environment.

    Args:
        aws: An identity that may look into the environment, in its region.
        application: The application.
        environment: The environment.
    """

    def __init__(self, aws: Aws, application: str, environment: str) -> None:
        self._aws = aws
        self._application = application
        self._environment = environment

    def status(self, workload: str) -> ServiceStatus:
        """How a service is doing. Raises NotFoundError if it is not deployed here."""
        with explained():
            service = self._service(workload)
            cluster, name = service["clusterArn"], service["serviceName"]
            running = self._tasks(cluster, name, "RUNNING")
            stopped = self._tasks(cluster, name, "STOPPED")
            targets = tuple(self._targets(service, running))
        deployments = tuple(_deployment(d) for d in service.get("deployments", []))
        newest = max((d.updated_at for d in deployments if d.updated_at is not None), default=None)
        return ServiceStatus(
            name=name,
            cluster=cluster.rpartition("/")[2],
            status=service["status"],
            revision=revision_of(service["taskDefinition"]),
            desired_count=service["desiredCount"],
            running_count=service["runningCount"],
            deployed_at=newest,
            deployments=deployments,
            tasks=tuple(as_task(task) for task in running),
            stopped_tasks=tuple(sorted((as_task(t) for t in stopped), key=lambda t: -(t.stopped_at or 0))),
            targets=targets,
        )

    def images(self, workload: str, revision: int | None = None) -> dict[str, str]:
        """The image of each container of a task definition; None: the one that the service runs. By container's name."""
        with explained():
            family = names.workload_stack(self._application, self._environment, workload)
            named = self._service(workload)["taskDefinition"] if revision is None else f"{family}:{revision}"
            found = self._aws.ecs.describe_task_definition(taskDefinition=named)["taskDefinition"]
        return {c["name"]: c["image"] for c in found.get("containerDefinitions", [])}

    def stopped_because(self, workload: str) -> tuple[str, ...]:
        """Why the newest deployment's tasks stopped, the last ones first, each reason once. Empty if none did."""
        try:
            status = self.status(workload)
        except NotFoundError:
            return ()
        reasons = [f"task {task.id[:8]}: {task.stopped_reason}" for task in status.stopped_tasks if task.stopped_reason]
        return tuple(dict.fromkeys(reasons))[:5]

    def restart(self, workload: str) -> None:
        """Replace the tasks of a service by new ones of the same kind. Raises NotFoundError if it is not deployed here."""
        with explained():
            service = self._service(workload)
            self._aws.ecs.update_service(cluster=service["clusterArn"], service=service["serviceName"], forceNewDeployment=True)

    def command(self, workload: str, task: str, argv: Sequence[str], *, container: str | None = None) -> TaskCommand:
        """How to run a command inside a task: a session of AWS Systems Manager.

        The session's token is handed over in an environment variable, never as an argument.

        Raises:
            EngineUnavailableError: The plugin that carries such sessions is not on this machine, or too old.
            ConflictError: The service was deployed without ``exec: true``, or the task is not ready for it.
            NotFoundError: There is no such task or container.
        """
        _check_plugin()
        with explained():
            cluster = self._service(workload)["clusterArn"]
            try:
                answer = self._aws.ecs.execute_command(
                    cluster=cluster, task=task, container=container or workload, command=shlex.join(argv), interactive=True
                )
            except ClientError as error:
                raise _refused(error, workload, task, container) from error
        session = {key: answer["session"][key] for key in ("sessionId", "streamUrl", "tokenValue")}
        content = {key[0].upper() + key[1:]: value for key, value in session.items()}
        target = {
            "Target": _target(answer["clusterArn"], answer["taskArn"], self._runtime_id(cluster, task, container or workload))
        }
        call = (PLUGIN, _SESSION, self._aws.region, "StartSession", "", json.dumps(target), self._aws.ssm.meta.endpoint_url)
        return TaskCommand(argv=call, variables={_SESSION: json.dumps(content)}, folder=None)

    def _runtime_id(self, cluster: str, task: str, container: str) -> str:
        (found,) = self._aws.ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        return next((c.get("runtimeId", "") for c in found.get("containers", []) if c.get("name") == container), "")

    def _service(self, workload: str) -> ServiceTypeDef:
        arn = self.resource(workload, "Service")
        cluster = arn.split(":")[-1].split("/")[1]
        found = self._aws.ecs.describe_services(cluster=cluster, services=[arn])["services"]
        if not found:
            raise NotFoundError(
                f"service `{workload}` is gone from environment `{self._environment}`, though its stack is there",
                hint=f"bring it back with `copilot svc deploy --name {workload} --env {self._environment}`",
            )
        return found[0]

    def resource(self, workload: str, logical_id: str) -> str:
        """The physical ID of a resource of a workload's stack. Raises NotFoundError if the workload is not deployed here."""
        stack = names.workload_stack(self._application, self._environment, workload)
        try:
            detail = self._aws.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        except ClientError as error:
            if code_of(error) != "ValidationError":
                raise
            raise NotFoundError(
                f"`{workload}` is not deployed to environment `{self._environment}`",
                hint=f"deploy it with `copilot deploy --name {workload} --env {self._environment}`",
            ) from error
        return detail["StackResourceDetail"].get("PhysicalResourceId", "")

    def _tasks(self, cluster: str, service: str, status: Any) -> list[TaskTypeDef]:
        pages = self._aws.ecs.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=service, desiredStatus=status)
        arns = [arn for page in pages for arn in page["taskArns"]]
        found: list[TaskTypeDef] = []
        for start in range(0, len(arns), _MOST_TASKS):
            answer = self._aws.ecs.describe_tasks(cluster=cluster, tasks=arns[start : start + _MOST_TASKS])
            found += answer["tasks"]
        return found

    def _targets(self, service: ServiceTypeDef, tasks: Sequence[TaskTypeDef]) -> Iterator[TargetState]:
        by_address = {address: task["taskArn"].rpartition("/")[2] for task in tasks for address in _addresses(task)}
        groups = dict.fromkeys(b["targetGroupArn"] for b in service.get("loadBalancers", []) if "targetGroupArn" in b)
        for group in groups:
            answer = self._aws.elbv2.describe_target_health(TargetGroupArn=group)
            for described in answer["TargetHealthDescriptions"]:
                target, health = described["Target"]["Id"], described.get("TargetHealth", {})
                yield TargetState(
                    target=target,
                    task=by_address.get(target),
                    target_group=group.split(":")[-1],
                    state=health.get("State", "unavailable"),
                    reason=health.get("Description") or health.get("Reason"),
                )


def _check_plugin() -> None:
    """Raises EngineUnavailableError."""
    hint = f"install it as {_PLUGIN_PAGE} says"
    program = shutil.which(PLUGIN)
    if program is None:
        raise EngineUnavailableError(f"`{PLUGIN}` of AWS is not installed, which carries sessions into tasks", hint=hint)
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout.strip()
    version = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:\.\d+)*", answer)
    if version is not None and tuple(map(int, version.groups())) < _OLDEST_PLUGIN:
        raise EngineUnavailableError(
            f"`{PLUGIN}` {answer} is too old: it takes a session's token only where others can see it", hint=hint
        )


def as_task(task: TaskTypeDef) -> ServiceTask:
    """ECS's answer about a task as a value."""
    containers = task.get("containers", [])
    return ServiceTask(
        id=task["taskArn"].rpartition("/")[2],
        arn=task["taskArn"],
        revision=revision_of(task["taskDefinitionArn"]),
        last_status=task["lastStatus"],
        health=task.get("healthStatus", "UNKNOWN"),
        images=tuple(
            ContainerImage(container=c.get("name", ""), name=c.get("image", ""), digest=c.get("imageDigest")) for c in containers
        ),
        capacity_provider=task.get("capacityProviderName"),
        started_at=_seconds(task.get("startedAt")),
        stopped_at=_seconds(task.get("stoppedAt")),
        stopped_reason=_why(task) if task["lastStatus"] == "STOPPED" else None,
    )


def revision_of(task_definition: str) -> int:
    """The revision in the ARN of a task definition."""
    return int(task_definition.rpartition(":")[2])


def _why(task: TaskTypeDef) -> str:
    """Why a task stopped: its own reason, then the first container that failed."""
    reasons = [task.get("stoppedReason", "").strip().rstrip(".")]
    for container in task.get("containers", []):
        code, reason = container.get("exitCode"), container.get("reason")
        if reason or code not in (None, 0):
            ended = f"container {container.get('name')}" + (f" exit {code}" if code is not None else "")
            reasons.append(f"{ended}: {reason.strip().rstrip('.')}" if reason else ended)
            break
    return "; ".join(reason for reason in reasons if reason) or "no reason was given"


def _deployment(deployment: Mapping[str, Any]) -> ServiceDeployment:
    return ServiceDeployment(
        id=deployment["id"],
        status=deployment["status"],
        rollout=deployment.get("rolloutState"),
        reason=deployment.get("rolloutStateReason"),
        revision=revision_of(deployment["taskDefinition"]),
        desired_count=deployment.get("desiredCount", 0),
        running_count=deployment.get("runningCount", 0),
        updated_at=_seconds(deployment.get("updatedAt")),
    )


def _addresses(task: TaskTypeDef) -> Iterator[str]:
    for attachment in task.get("attachments", []):
        for detail in attachment.get("details", []):
            if detail.get("name") == "privateIPv4Address":
                yield detail.get("value", "")


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None


def _target(cluster_arn: str, task_arn: str, runtime_id: str) -> str:
    """The target of the session, as the plugin shows it in its messages."""
    cluster, task = cluster_arn.rpartition("/")[2], task_arn.rpartition("/")[2]
    return f"ecs:{cluster}_{task}_{runtime_id}"


def _refused(error: ClientError, workload: str, task: str, container: str | None) -> CopilotError:
    code, text = code_of(error), text_of(error)
    if code == "InvalidParameterException" and "execute command" in text.lower():
        return ConflictError(
            f"tasks of `{workload}` cannot be entered: they were deployed without it",
            hint=f"put `exec: true` into copilot/{workload}/manifest.yml and deploy it again",
        )
    if code == "TargetNotConnectedException":
        return ConflictError(f"task `{task}` is not ready to be entered yet", hint="try again in a minute")
    if "container" in text.lower():
        return NotFoundError(f"task `{task}` has no running container `{container or workload}`")
    return NotFoundError(f"task `{task}` of `{workload}` does not run") if code == "InvalidParameterException" else explain(error)
