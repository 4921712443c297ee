"""The aws engine: implements `copilot.engine.Engine` on AWS."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pydantic import Field

from copilot.aws import names
from copilot.aws import stack_states as states
from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.client import connect as connect_aws
from copilot.aws.environments import Environments
from copilot.aws.errors import explained
from copilot.aws.pipeline_operations import PipelineOperations
from copilot.aws.records import ApplicationRecord, EnvironmentRecord, WorkloadRecord
from copilot.aws.secrets import Secrets
from copilot.aws.services import Services, ServiceTask, revision_of
from copilot.aws.stacks import Stack, Stacks
from copilot.aws.store import Store
from copilot.engine import Application, Environment, PipelineSummary, ServiceDetail, ServiceState, Task, Workload
from copilot.errors import ConflictError

RUNTIME = "fargate"
_AT_ONCE = 8
"""How many environments are asked at once."""
_JOB = "Scheduled Job"
_HEALTH = {"HEALTHY": "Healthy", "UNHEALTHY": "Unhealthy"}


class AwsEnvironment(Environment):
    """An environment on AWS; in JSON with the keys of its SSM parameter besides."""

    region: str
    account_id: str = Field(alias="accountID")
    registry_url: str = Field(alias="registryURL")
    execution_role_arn: str = Field(alias="executionRoleARN")
    manager_role_arn: str = Field(alias="managerRoleARN")


def connect() -> AwsEngine:
    """The aws engine, as boto3's environment and configuration say who we are. Raises UsageError when no region is known."""
    return AwsEngine(connect_aws())


class AwsEngine(PipelineOperations):
    """The engine of the applications in one account and region."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws, self.inside)
        self.aws = aws
        self.store = Store(aws)
        self.in_account = Applications(aws)
        self.of_applications = Environments(aws)
        self._secrets = Secrets(aws, self.inside, lambda app: [e.name for e in self.store.environments(app)])

    def inside(self, app: str, environment: str) -> Aws:
        """An identity that may work on an environment: its manager role, in its account and region. Raises NotFoundError."""
        return self._inside(self.store.environment(app, environment))

    def _inside(self, record: EnvironmentRecord) -> Aws:
        return self.aws.assumed(record.manager_role, record.region)

    def deployed_to(self, app: str, workload: str) -> list[str]:
        """The environments that a workload is deployed to. Raises NotFoundError for the workload."""
        self.store.workload(app, workload)
        return [record.name for record, stack in self._stacks(app, workload) if stack is not None]

    def create_application(self, name: str) -> Application:
        """See `Engine`."""
        self.check_not_elsewhere(name)
        self.in_account.create(name)
        return self.application(name)

    def check_not_elsewhere(self, name: str) -> None:
        """Raises ConflictError if the account has an application of this name in another region: roles are of all regions."""
        if Stacks(self.aws).find(names.roles_stack(name)) is not None:
            return
        role = names.administration_role(name)
        with explained(), suppress(self.aws.iam.exceptions.NoSuchEntityException):
            self.aws.iam.get_role(RoleName=role)
            raise ConflictError(
                f"account {self.aws.account} has a role `{role}` already: there is an application `{name}` in another region",
                hint="set AWS_REGION to that region, choose another name, or delete the role if nothing else is left of it",
            )

    def applications(self) -> list[Application]:
        """See `Engine`."""
        return [_application(record) for record in self.store.applications()]

    def application(self, name: str) -> Application:
        """See `Engine`."""
        return _application(self.store.application(name))

    def delete_application(self, name: str, keep_volumes: bool = False) -> None:
        """See `Engine`. Its environments must be gone. Its pipelines, its images and what was built go with it."""
        del keep_volumes  # a volume goes with its environment
        environments = [record.name for record in self.store.environments(name)]
        if environments:
            raise ConflictError(
                f"application `{name}` has environments: {', '.join(environments)}",
                hint=f"delete them first: `copilot env delete --name {environments[0]}`",
            )
        for pipeline in self._pipelines.deployed(name):
            self._pipelines.delete(pipeline, abandon=True)
        self.in_account.delete(name, empty=True)

    def pipelines(self, app: str) -> list[PipelineSummary]:
        """See `Engine`."""
        found = super().pipelines(app)
        if not found:
            self.store.application(app)  # there may be none because it is looked for in another region, or account
        return found

    def environments(self, app: str) -> list[Environment]:
        """See `Engine`. Without their addresses, which only their stacks know."""
        self.store.application(app)
        return [_environment(record, None) for record in self.store.environments(app)]

    def environment(self, app: str, name: str) -> AwsEnvironment:
        """See `Engine`."""
        record = self.store.environment(app, name)
        return _environment(record, Stacks(self._inside(record)).find(names.environment_stack(app, name)))

    def delete_environment(self, app: str, name: str, keep_volumes: bool = False) -> None:
        """See `Engine`. Nothing must be deployed there any more."""
        del keep_volumes  # no workload, no volume
        self.of_applications.delete(app, name)

    def register_workload(self, app: str, name: str, type: str) -> Workload:  # noqa: A002 - the manifest's own word
        """See `Engine`."""
        self.register_workloads(app, {name: type})
        return Workload(app=app, name=name, type=type)

    def register_workloads(self, app: str, types: Mapping[str, str]) -> None:
        """`register_workload` for many in one go, by name: AWS takes as long for all of them as for one."""
        known = {record.name: record.type for record in self.store.workloads(app)}
        for name, type_ in types.items():
            if known.get(name, type_) != type_:
                raise ConflictError(f"`{name}` exists already and is a {known[name]}", hint="give this one another name")
        self.in_account.add_workloads(app, list(types))
        for name in types.keys() - known.keys():
            self.store.create_workload(WorkloadRecord(application=app, name=name, type=types[name]))

    def workloads(self, app: str) -> list[Workload]:
        """See `Engine`."""
        self.store.application(app)
        return [Workload(app=record.application, name=record.name, type=record.type) for record in self.store.workloads(app)]

    def delete_workload(self, app: str, name: str, environment: str | None = None) -> None:
        """See `Engine`."""
        self.undeploy(app, name, environment)
        if environment is None:
            self.in_account.remove_workload(app, name, empty=True)
            self.store.delete_workload(app, name)

    def undeploy(self, app: str, name: str, environment: str | None = None) -> None:
        """Delete a workload's stack in one environment, or in all; it stays part of the application. Raises NotFoundError."""
        self.store.workload(app, name)
        for record, stack in self._stacks(app, name):
            if stack is not None and environment in (None, record.name):
                Stacks(self._inside(record)).delete(stack.name, record.execution_role)

    def service(self, app: str, name: str) -> ServiceDetail:
        """See `Engine`."""
        record = self.store.workload(app, name)
        found = self._stacks(app, name)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            states_ = list(pool.map(lambda pair: self._state(pair[0], pair[1], record), found))
        return ServiceDetail(app=app, name=name, type=record.type, environments=tuple(states_))

    def put_secret(self, name: str, value: str, overwrite: bool = False) -> None:
        """See `Engine`."""
        self._secrets.put(name, value, overwrite=overwrite)

    def secrets(self, prefix: str = "") -> list[str]:
        """See `Engine`."""
        return self._secrets.names(prefix)

    def delete_secret(self, name: str) -> None:
        """See `Engine`."""
        self._secrets.delete(name)

    def _stacks(self, app: str, workload: str) -> list[tuple[EnvironmentRecord, Stack | None]]:
        """Each environment with the workload's stack in it, if it is there."""
        records = self.store.environments(app)

        def find(record: EnvironmentRecord) -> Stack | None:
            stack = Stacks(self._inside(record)).find(names.workload_stack(app, record.name, workload))
            return None if states.is_new(stack) else stack

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(zip(records, pool.map(find, records), strict=True))

    def _state(self, record: EnvironmentRecord, stack: Stack | None, workload: WorkloadRecord) -> ServiceState:
        if stack is None:
            return ServiceState(
                environment=record.name, url=None, release=None, image=None, revision=None, desired_count=0, deployed_at=None
            )
        services = Services(self._inside(record), record.application, record.name)
        deployed_at = stack.updated_at or stack.created_at
        if workload.type == _JOB:
            release = revision_of(services.resource(workload.name, "TaskDefinition"))
            image = services.images(workload.name, release).get(workload.name)
            return ServiceState(
                environment=record.name,
                url=None,
                release=release,
                image=image,
                revision=None,
                desired_count=0,
                deployed_at=deployed_at,
            )
        status = services.status(workload.name)
        return ServiceState(
            environment=record.name,
            url=self._url(record, stack),
            release=status.revision,
            image=services.images(workload.name).get(workload.name),
            revision=None,
            desired_count=status.desired_count,
            deployed_at=deployed_at,
            tasks=tuple(_task(task) for task in status.tasks),
        )

    def _url(self, record: EnvironmentRecord, stack: Stack) -> str | None:
        """Where the environment's public load balancer has the service; None if it does not."""
        path = stack.parameters.get("RulePath")
        if path is None:
            return None
        environment = Stacks(self._inside(record)).find(names.environment_stack(record.application, record.name))
        base = _address(environment) if environment else None
        return base and f"{base}/{path.strip('/')}".rstrip("/")


def _application(record: ApplicationRecord) -> Application:
    return Application(name=record.name, engine="aws", created_at=None)


def _environment(record: EnvironmentRecord, stack: Stack | None) -> AwsEnvironment:
    return AwsEnvironment(
        app=record.application,
        name=record.name,
        runtime=RUNTIME,
        port=None,
        url=_address(stack) if stack is not None else None,
        created_at=stack.created_at if stack is not None else None,
        region=record.region,
        account_id=record.account,
        registry_url=record.registry_url,
        execution_role_arn=record.execution_role,
        manager_role_arn=record.manager_role,
    )


def _address(environment: Stack) -> str | None:
    """Where an environment's public load balancer answers; None while it has none."""
    host = environment.outputs.get("PublicLoadBalancerDNSName")
    return f"http://{host}" if host else None


def _task(task: ServiceTask) -> Task:
    return Task(
        id=task.id,
        release=task.revision,
        status=_HEALTH.get(task.health, "Healthy" if task.last_status == "RUNNING" else "Starting"),
        port=None,
        pid=None,
        started_at=task.started_at or 0.0,
        restarts=0,
        last_exit=task.stopped_reason,
        last_exit_at=task.stopped_at,
    )
