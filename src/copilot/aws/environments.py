"""Environments on AWS: the network, cluster and roles that workloads share, in one account and region each.

Everything here can be stopped at any moment and run again. An environment's record in SSM is written as soon as its roles are
there, and deleted last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from copilot.aws import names
from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environment_domains import delegate, is_delegated, zone_of_application
from copilot.aws.environment_facts import environment_stack as read_stack
from copilot.aws.environment_facts import is_deployed
from copilot.aws.environment_removal import Removal, clear_roles
from copilot.aws.environment_values import EnvironmentDetail, EnvironmentPackage, EnvironmentResource, stack_resources
from copilot.aws.overrides import overridden
from copilot.aws.pipelines import Pipelines
from copilot.aws.records import ApplicationRecord, EnvironmentRecord, WorkloadRecord
from copilot.aws.stack_values import StackRequest, Watch, unwatched
from copilot.aws.stacks import Outcome, Proposal, Stack, Stacks
from copilot.aws.store import Store
from copilot.aws.templates.environment.settings import ON_DEMAND, EnvironmentSettings
from copilot.aws.templates.environment.stack import EnvironmentStack, bootstrap_stack, environment_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from copilot.errors import ConflictError, UsageError
from copilot.manifest.environment import EnvironmentManifest

__all__ = ["EnvironmentDetail", "EnvironmentPackage", "EnvironmentResource", "Environments"]

_LONGEST_ROLE = 64  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
_TOKEN = "LastForceDeployID"  # noqa: S105 - no secret, but the name of an output


class Environments:
    """The environments of the applications in an account and region; they themselves may be elsewhere.

    Args:
        aws: The applications' account and region.
        pause: Seconds between two looks at what CloudFormation is doing.
    """

    def __init__(self, aws: Aws, *, pause: float = 3.0) -> None:
        self._aws = aws
        self._pause = pause
        self._applications = Applications(aws, pause=pause)
        self._store = Store(aws)
        self._inside: dict[tuple[str, str], Aws] = {}

    def inside(self, record: EnvironmentRecord) -> Aws:
        """AWS as an environment's manager role, in its account and region."""
        key = (record.manager_role, record.region)
        if key not in self._inside:
            self._inside[key] = self._aws.assumed(*key)
        return self._inside[key]

    def init(self, application: str, name: str, within: Aws | None = None, watch: Watch = unwatched) -> EnvironmentRecord:
        """Makes an environment with no more than its roles; `deploy` makes the rest. What is there already stays.

        Args:
            application: Its application.
            name: Of the environment.
            within: The account and region it is to be in, as somebody who may make roles there; None: those of the application.
            watch: Is told each event.

        Raises:
            NotFoundError: There is no such application.
            UsageError: Its roles would have too long names.
            ConflictError: There is such an environment elsewhere, or a stack of its name that is something else.
            DeploymentError: AWS could not make something.
        """
        within = within or self._aws
        _check_length(application, name)
        app = self._store.application(application)
        known = next((each for each in self._store.environments(application) if each.name == name), None)
        if known is not None and (known.account, known.region) != (within.account, within.region):
            raise ConflictError(
                f"environment `{name}` is in account {known.account}, region {known.region}",
                hint=f"choose another name for one in account {within.account}, region {within.region}",
            )
        stacks = self._stacks(within)
        stack = stacks.find(names.environment_stack(application, name))
        _check_is_ours(stack, application, name)
        self._applications.add_environment(application, within.account, within.region, watch)
        if stack is None or not is_deployed(stack):
            stack = self._make_roles(app, name, within, stack, watch)
        record = EnvironmentRecord(
            application,
            name,
            within.region,
            within.account,
            execution_role=stack.outputs["CFNExecutionRoleARN"],
            manager_role=stack.outputs["EnvironmentManagerRoleARN"],
        )
        if known is None:
            self._store.create_environment(record)
        return known or record

    def deploy(
        self,
        application: str,
        name: str,
        manifest: EnvironmentManifest,
        source: str,
        *,
        overrides: Path | None = None,
        force: bool = False,
        rollback: bool = True,
        detach: bool = False,
        watch: Watch = unwatched,
    ) -> Outcome:
        """Makes an environment what its manifest says. What workloads asked for stays as they asked.

        Args:
            application: Its application.
            name: Of the environment.
            manifest: With placeholders filled in.
            source: The manifest's text.
            overrides: The folder with the patches of the template, if there may be some.
            force: Update the stack even if nothing changes.
            rollback: Whether CloudFormation undoes what it did when something fails.
            detach: Do not wait until it is done.
            watch: Is told each event.

        Raises:
            ManifestError: Something is wrong with the patches.
            NotFoundError: There is no such application or environment, or its stack is gone.
            ConflictError: The stack is in a state from which it cannot be updated.
            DeploymentError: AWS could not make something.
        """
        work = self._work(application, name, manifest, source, overrides, force=force)
        stacks = self._stacks(work.aws)
        first: Outcome = "unchanged"
        if work.settings.own_domain and not work.settings.public_https:
            # In another account than the application: the internet must find the zone before it can have a certificate.
            first = stacks.deploy(work.request(rollback=rollback), watch)
            delegate(self._aws, work.app, name, stacks.require(work.stack.name))
            work = self._work(application, name, manifest, source, overrides, force=False, delegated=True)
        request = work.request(rollback=rollback)
        last = _begin(stacks, request, watch) if detach else stacks.deploy(request, watch)
        return first if last == "unchanged" else last

    def propose(
        self,
        application: str,
        name: str,
        manifest: EnvironmentManifest,
        source: str,
        *,
        overrides: Path | None = None,
        watch: Watch = unwatched,
    ) -> Proposal | None:
        """What `deploy` would change; None if nothing. Raises as it does."""
        work = self._work(application, name, manifest, source, overrides, force=False)
        return self._stacks(work.aws).propose(work.request(), watch)

    def package(
        self, application: str, name: str, manifest: EnvironmentManifest, source: str, *, overrides: Path | None = None
    ) -> EnvironmentPackage:
        """The stack that `deploy` would make. Raises NotFoundError, ManifestError."""
        work = self._work(application, name, manifest, source, overrides, force=False)
        current = work.stack.parameters
        parameters = {key: current.get(key, "") if value is None else value for key, value in work.parameters.items()}
        return EnvironmentPackage(name, work.template, parameters, work.tags)

    def show(self, application: str, name: str) -> EnvironmentDetail:
        """An environment as it is. Raises NotFoundError."""
        record = self._store.environment(application, name)
        inside = self.inside(record)
        stacks, stack_name = self._stacks(inside), names.environment_stack(application, name)
        stack = stacks.find(stack_name)
        if stack is None:
            return EnvironmentDetail(record, None, deployed=False, workloads=(), manifest=None, resources=())
        manifest = (read_template(stacks.template(stack_name)).get("Metadata") or {}).get("Manifest")
        deployed = is_deployed(stack)
        workloads = tuple(self._deployed(record, inside))
        return EnvironmentDetail(record, stack, deployed, workloads, manifest, tuple(stack_resources(inside, stack_name)))

    def delete(self, application: str, name: str, within: Aws | None = None, watch: Watch = unwatched) -> tuple[str, ...]:
        """Deletes an environment, and what is left of one whose deletion was stopped.

        Args:
            application: Its application.
            name: Of the environment.
            within: Its account and region, as somebody who may delete roles there. None: its manager role, and for roles the
                caller, if that is the caller's account.
            watch: Is told each event.

        Returns:
            ARNs of roles that could not be deleted.

        Raises:
            NotFoundError: There is no such environment.
            ConflictError: A pipeline deploys to it, or workloads are deployed to it.
            DeploymentError: AWS could not delete something.
        """
        app, record = self._store.application(application), self._store.environment(application, name)
        self._check_no_pipeline(application, name)
        removal = Removal(self._aws, app, record, within, self._pause)
        deployed = [each.name for each in self._deployed(record, removal.aws)] if removal.aws else []
        if deployed:
            listed = ", ".join(f"`{each}`" for each in deployed)
            raise ConflictError(
                f"environment `{name}` has workloads: {listed}",
                hint=f"delete them first, with `copilot svc delete --env {name}` or `copilot job delete --env {name}`",
            )
        left = removal.run(watch)
        self._store.delete_environment(application, name)
        self._applications.remove_environment(application, record.account, record.region, watch=watch)
        return left

    def _check_no_pipeline(self, application: str, name: str) -> None:
        for pipeline in Pipelines(self._aws).deploying_to(application, name):
            raise ConflictError(
                f"pipeline `{pipeline.name}` deploys to environment `{name}`",
                hint="remove its stage and run `copilot pipeline update`, or run `copilot pipeline delete` first",
            )

    def _stacks(self, aws: Aws) -> Stacks:
        return Stacks(aws, pause=self._pause)

    def _make_roles(self, app: ApplicationRecord, name: str, within: Aws, stack: Stack | None, watch: Watch) -> Stack:
        manifest = EnvironmentManifest(name=name, type="Environment")
        wanted = bootstrap_stack(self._settings(app, name, within.account, within.region, manifest))
        stack_name = names.environment_stack(app.name, name)
        if stack is None:
            clear_roles(within, app.name, name)
        stacks = self._stacks(within)
        stacks.deploy(StackRequest(stack_name, render(wanted.template), wanted.parameters, wanted.tags), watch, clear_failed=True)
        return stacks.require(stack_name)

    def _settings(
        self, app: ApplicationRecord, name: str, account: str, region: str, manifest: EnvironmentManifest
    ) -> EnvironmentSettings:
        resources = self._applications.resources(app.name, region)
        return EnvironmentSettings(
            application=app.name,
            environment=name,
            application_account=app.account,
            account=account,
            region=region,
            bucket_arn=f"arn:{self._aws.identity.partition}:s3:::{resources.bucket}",
            key_arn=resources.key_arn,
            manifest=manifest,
            domain=app.domain or None,
            permissions_boundary=app.permissions_boundary or None,
            tags=app.tags,
        )

    def _work(
        self,
        application: str,
        name: str,
        manifest: EnvironmentManifest,
        source: str,
        overrides: Path | None,
        *,
        force: bool,
        delegated: bool = False,
    ) -> _Work:
        app, record = self._store.application(application), self._store.environment(application, name)
        aws = self.inside(record)
        stacks, stack_name = self._stacks(aws), names.environment_stack(application, name)
        stack = read_stack(record, aws)
        current = read_template(stacks.template(stack_name))
        settings = replace(
            self._settings(app, name, record.account, record.region, manifest),
            source=source,
            domain_zone=zone_of_application(self._aws, app) if app.domain and record.account == app.account else None,
            delegated=delegated or is_delegated(current),
            update_token=uuid4().hex if force else stack.outputs.get(_TOKEN, ""),
        )
        bucket = settings.bucket_arn.rpartition(":")[2]
        wanted = environment_stack(settings, current)
        template = render(wanted.template)
        if overrides is not None:
            template = overridden(overrides, template)
        return _Work(app, record, aws, stack, settings, wanted, template, bucket)

    def _deployed(self, record: EnvironmentRecord, inside: Aws) -> list[WorkloadRecord]:
        """The workloads that have a stack in the environment."""
        stacks = self._stacks(inside)
        return [
            each
            for each in self._store.workloads(record.application)
            if stacks.find(names.workload_stack(record.application, record.name, each.name)) is not None
        ]


@dataclass(frozen=True)
class _Work:
    """All that is needed to update an environment's stack."""

    app: ApplicationRecord
    record: EnvironmentRecord
    aws: Aws
    stack: Stack
    settings: EnvironmentSettings
    wanted: EnvironmentStack
    template: str
    bucket: str

    @property
    def parameters(self) -> dict[str, str | None]:
        """The values that the stack is to have; None: the one it has. That is nobody's but the workloads' to change."""
        kept = {*ON_DEMAND, "ServiceDiscoveryEndpoint"}
        return {
            name: None if name in self.stack.parameters and (name in kept or name not in self.wanted.parameters) else value
            for name, value in {**dict.fromkeys(self.wanted.template.parameters, ""), **self.wanted.parameters}.items()
        }

    @property
    def tags(self) -> dict[str, str]:
        """The stack's tags: those it has stay."""
        return {**self.stack.tags, **self.wanted.tags}

    def request(self, *, rollback: bool = True) -> StackRequest:
        """What the stack is to be."""
        return StackRequest(
            self.stack.name,
            self.template,
            self.parameters,
            self.tags,
            self.record.execution_role,
            self.bucket,
            rollback,
        )


def _begin(stacks: Stacks, request: StackRequest, watch: Watch) -> Outcome:
    proposal = stacks.propose(request, watch)
    if proposal is None:
        return "unchanged"
    with proposal:
        stacks.begin(proposal)
    return "updated"


def _check_length(application: str, name: str) -> None:
    excess = len(names.cloudformation_execution_role(application, name)) - _LONGEST_ROLE
    if excess > 0:
        raise UsageError(
            f"the environment's name is too long by {excess}: with the application's it is part of the names of roles, "
            f"which may have {_LONGEST_ROLE} characters",
            hint=f"`{name[:-excess].rstrip('-')}` would fit"
            if excess < len(name)
            else "choose a shorter one for the application",
        )


def _check_is_ours(stack: Stack | None, application: str, name: str) -> None:
    if stack is None:
        return
    tags = stack.tags
    ours = (tags.get(names.APPLICATION_TAG), tags.get(names.ENVIRONMENT_TAG)) == (application, name)
    if not ours or names.SERVICE_TAG in tags:
        raise ConflictError(
            f"there is a stack `{stack.name}` already, which is not that of environment `{name}` of application `{application}`",
            hint="choose another name for the environment",
        )
