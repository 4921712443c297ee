"""Applications on AWS: what all environments and workloads of one share, in each region that has some.

Everything here can be stopped at any moment and run again. The record in SSM is written last, and deleted last: an application
that is listed is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import reduce

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.contents import empty_bucket, empty_repository, has_images, has_objects
from copilot.aws.errors import explained
from copilot.aws.records import ApplicationRecord
from copilot.aws.regional_resources import RegionalResources, find_regional_resources, regional_resources
from copilot.aws.stack_sets import CURRENT, OutdatedError, StackSet, StackSetRequest, StackSets
from copilot.aws.stack_templates import LARGEST_BODY
from copilot.aws.stack_values import StackRequest, Watch, unwatched
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.aws.templates.infrastructure import Infrastructure, infrastructure_template, read_infrastructure
from copilot.aws.templates.roles import DELEGATED_ACCOUNTS, roles_parameters, roles_template
from copilot.errors import ConflictError, NotFoundError, UnsupportedError

_ATTEMPTS = 5
_DESCRIPTION = "Key, artifact bucket and image repositories of a Copilot application"


class Applications:
    """The applications of an account and region. Environments may be elsewhere; applications stay where they were made.

    Args:
        aws: That account and region.
        pause: Seconds between two looks at what CloudFormation is doing.
    """

    def __init__(self, aws: Aws, *, pause: float = 3.0) -> None:
        self._aws = aws
        self._pause = pause
        self._sets = StackSets(aws, pause=pause)
        self._stacks = Stacks(aws, pause=pause)
        self.store = Store(aws)

    def create(
        self,
        name: str,
        *,
        domain: str | None = None,
        permissions_boundary: str | None = None,
        tags: Mapping[str, str] | None = None,
        watch: Watch = unwatched,
    ) -> ApplicationRecord:
        """Makes an application, or brings an existing one up to date in place.

        Args:
            name: Of the application.
            domain: What its environments are to have subdomains of: a domain with a public hosted zone in this account.
            permissions_boundary: Name of the policy in this account that bounds every role made for it.
            tags: What goes on every resource of it. None: those it has.
            watch: Is told each event.

        Raises:
            NotFoundError: There is no such hosted zone, or no such policy.
            ConflictError: There is such an application, with another domain or boundary.
            DeploymentError: AWS could not make something.
        """
        record = self._wanted(name, domain, permissions_boundary, tags)
        self._deploy_roles(record, [], watch)
        if self._sets.find(names.stack_set(name)) is None:
            template = infrastructure_template(Infrastructure(name))
            self._sets.create(self._request(record, StackSet(names.stack_set(name), "", {}), template))
        self._change(record, lambda current: current, watch)
        if self._existing(name) is None:
            self.store.create_application(record)
        else:
            self.store.update_application(record)
        return record

    def add_workload(self, application: str, workload: str, watch: Watch = unwatched) -> None:
        """Gives a workload a repository in each region that the application is in. Raises NotFoundError, DeploymentError."""
        self.add_workloads(application, [workload], watch)

    def add_workloads(self, application: str, workloads: Sequence[str], watch: Watch = unwatched) -> None:
        """`add_workload` for several, with one update of the StackSet."""
        self._change(
            self.store.application(application),
            lambda current: reduce(Infrastructure.with_workload, workloads, current),
            watch,
        )

    def remove_workload(self, application: str, workload: str, *, empty: bool = False, watch: Watch = unwatched) -> None:
        """Deletes a workload's repositories. Does nothing where there are none.

        Args:
            application: Its application.
            workload: Whose repositories.
            empty: Whether images in them are deleted too.
            watch: Is told each event.

        Raises:
            ConflictError: There are images in them, and they are not to be deleted.
            NotFoundError: There is no such application.
            DeploymentError: AWS could not delete one.
        """
        record = self.store.application(application)
        repository = names.repository(application, workload)
        for region in self.regions(application):
            aws = self._aws.in_region(region)
            if empty:
                empty_repository(aws, repository)
            elif has_images(aws, repository):
                raise ConflictError(
                    f"there are images in repository `{repository}` in {region}", hint="let them be deleted, or keep the workload"
                )
        self._change(record, lambda current: current.without_workload(workload), watch)

    def add_environment(self, application: str, account: str, region: str, watch: Watch = unwatched) -> RegionalResources:
        """Lets an account use the application's resources, and makes them in a region. What is there already stays.

        Args:
            application: Its name.
            account: Number of the account that has the environment.
            region: Where the environment is.
            watch: Is told each event.

        Raises:
            NotFoundError: There is no such application.
            DeploymentError: AWS could not make something.
        """
        record = self.store.application(application)
        if record.domain:
            self._deploy_roles(record, [account], watch)
        # First the region: with a bucket, the template may be as long as many workloads make it.
        self.add_region(application, region, watch)
        self._change(record, lambda current: current.with_accounts([*current.accounts, account]), watch)
        return self.resources(application, region)

    def add_region(self, application: str, region: str, watch: Watch = unwatched) -> None:
        """Makes the application's resources in a region, if they are not there: a pipeline needs them in its own."""
        name = names.stack_set(application)
        self._sets.settle(name, watch)
        if self._sets.instance(name, region) is None:
            self._sets.add_instance(name, self.store.application(application).account, region, watch)

    def remove_environment(
        self, application: str, account: str, region: str, *, empty: bool = False, watch: Watch = unwatched
    ) -> None:
        """Takes back what `add_environment` gave, as far as no other environment that is written down needs it.

        The application's own region keeps its resources: pipelines are there.

        Args:
            application: Its name.
            account: Number of the account that had the environment.
            region: Where it was.
            empty: Whether what is in the region's bucket and repositories is deleted, and they too; otherwise they stay.
            watch: Is told each event.
        """
        record = self.store.application(application)
        others = self.store.environments(application)
        if empty and region != self._aws.region and region not in {each.region for each in others}:
            self._remove_region(record, region, watch)
        if account not in {each.account for each in others}:
            if record.domain:
                self._deploy_roles(record, [], watch, without=account)
            accounts = [each.account for each in others]
            self._change(record, lambda current: current.with_accounts(_kept(current.accounts, account, accounts)), watch)

    def regions(self, application: str) -> list[str]:
        """Where an application has resources, by name."""
        return sorted(each.region for each in self._sets.instances(names.stack_set(application)))

    def resources(self, application: str, region: str) -> RegionalResources:
        """What an application has in a region. Raises NotFoundError if it has nothing there."""
        return regional_resources(self._aws, application, region)

    def contents(self, application: str) -> list[str]:
        """Buckets and repositories of an application with something in them, each in a few words, for a person to decide."""
        found = []
        for region in self.regions(application):
            aws, resources = self._aws.in_region(region), find_regional_resources(self._aws, application, region)
            if resources is None:
                continue
            if has_objects(aws, resources.bucket):
                found.append(f"bucket `{resources.bucket}` in {region}")
            repositories = [names.repository(application, workload) for workload in resources.repositories]
            found += [f"repository `{each}` in {region}" for each in sorted(repositories) if has_images(aws, each)]
        return found

    def delete(self, application: str, *, empty: bool = False, watch: Watch = unwatched) -> None:
        """Deletes an application, and what is left of one that was never finished.

        Args:
            application: Its name.
            empty: Whether what is in its buckets and repositories is deleted too.
            watch: Is told each event.

        Raises:
            ConflictError: It has environments; or something is in its buckets or repositories, and is not to be deleted.
            NotFoundError: There is nothing of such an application.
            DeploymentError: AWS could not delete something.
        """
        name = names.stack_set(application)
        environments = [each.name for each in self.store.environments(application)]
        if environments:
            listed = ", ".join(f"`{each}`" for each in environments)
            raise ConflictError(
                f"application `{application}` has environments: {listed}", hint="delete them first, with `copilot env delete`"
            )
        if self._sets.find(name) is None and self._stacks.find(names.roles_stack(application)) is None:
            self.store.application(application)
        self._sets.settle(name, watch)
        if empty:
            for region in self.regions(application):
                self._empty(application, region)
        elif full := self.contents(application):
            raise ConflictError(
                f"application `{application}` cannot be deleted: there is something in {full[0]}",
                hint="let it be emptied, or keep the application",
                details=full[1:],
            )
        self._sets.delete(name, watch)
        self._stacks.delete(names.roles_stack(application), watch=watch)
        self.store.delete_application(application)

    def _wanted(self, name: str, domain: str | None, boundary: str | None, tags: Mapping[str, str] | None) -> ApplicationRecord:
        existing = self._existing(name)
        domain = domain if domain is None else domain.rstrip(".")
        if existing is None:
            zone = self._hosted_zone(domain) if domain else ""
            self._check_boundary(boundary)
            return ApplicationRecord(name, self._aws.account, boundary or "", domain or "", zone, tags=dict(tags or {}))
        for what, given, has in (
            ("domain", domain, existing.domain),
            ("permissions boundary", boundary, existing.permissions_boundary),
        ):
            if given is not None and given != has:
                now = f"with {what} `{has}`" if has else f"without a {what}"
                raise ConflictError(
                    f"application `{name}` was made {now}; that cannot be changed",
                    hint=f"leave `{given}` out, or choose another name",
                )
        return existing if tags is None else replace(existing, tags=dict(tags))

    def _existing(self, name: str) -> ApplicationRecord | None:
        with suppress(NotFoundError):
            return self.store.application(name)
        return None

    def _hosted_zone(self, domain: str) -> str:
        with explained():
            zones = self._aws.route53.list_hosted_zones_by_name(DNSName=domain)["HostedZones"]
        for zone in zones:
            if zone["Name"].rstrip(".") == domain and not zone.get("Config", {}).get("PrivateZone"):
                return zone["Id"].removeprefix("/hostedzone/")
        raise NotFoundError(
            f"there is no public hosted zone for `{domain}` in account {self._aws.account}",
            hint="make one in Route 53, and let the domain's registrar name its name servers",
        )

    def _check_boundary(self, boundary: str | None) -> None:
        if boundary is None:
            return
        arn = f"arn:{self._aws.identity.partition}:iam::{self._aws.account}:policy/{boundary}"
        with explained():
            try:
                self._aws.iam.get_policy(PolicyArn=arn)
            except self._aws.iam.exceptions.NoSuchEntityException:
                raise NotFoundError(
                    f"there is no policy `{boundary}` in account {self._aws.account}",
                    hint="make it in IAM first; give its name, not its ARN",
                ) from None

    def _deploy_roles(self, record: ApplicationRecord, more: Sequence[str], watch: Watch, *, without: str | None = None) -> None:
        name = names.roles_stack(record.name)
        stack = self._stacks.find(name)
        deployed = stack.parameters.get(DELEGATED_ACCOUNTS, "").split(",") if stack else []
        known = [account for account in deployed if account and account != without]
        accounts = list(dict.fromkeys([record.account, *known, *more]))
        request = StackRequest(
            name,
            roles_template(record.permissions_boundary or None),
            roles_parameters(record.name, record.domain, record.hosted_zone, accounts),
            {**(stack.tags if stack else {}), **record.tags, names.APPLICATION_TAG: record.name},
        )
        self._stacks.deploy(request, watch, clear_failed=True)

    def _change(self, record: ApplicationRecord, change: Callable[[Infrastructure], Infrastructure], watch: Watch) -> None:
        """Brings the StackSet and all its instances to what it is to be, if they are not."""
        name = names.stack_set(record.name)
        for _ in range(_ATTEMPTS):
            self._sets.settle(name, watch)
            deployed = self._sets.require(name)
            current = read_infrastructure(record.name, deployed.template)
            request = self._request(record, deployed, infrastructure_template(change(current)))
            whole = all(each.status == CURRENT for each in self._sets.instances(name))
            if whole and (request.template, request.tags) == (deployed.template, deployed.tags):
                return
            wanted = replace(change(current), version=current.version + 1)
            request = replace(request, template=infrastructure_template(wanted))
            try:
                # As with AWS Copilot, the version names the operation: whoever else has read this version cannot write the next.
                self._sets.update(request, str(wanted.version), watch)
            except OutdatedError:
                continue
            return
        raise ConflictError(f"StackSet `{name}` is being changed again and again by someone else", hint="run this again later")

    def _request(self, record: ApplicationRecord, deployed: StackSet, template: str) -> StackSetRequest:
        partition = self._aws.identity.partition
        return StackSetRequest(
            deployed.name,
            template,
            _DESCRIPTION,
            f"arn:{partition}:iam::{record.account}:role/{names.administration_role(record.name)}",
            names.execution_role(record.name),
            {**deployed.tags, **record.tags, names.APPLICATION_TAG: record.name},
            self._bucket(record.name) if len(template.encode()) > LARGEST_BODY else None,
        )

    def _bucket(self, application: str) -> tuple[str, str]:
        found = (find_regional_resources(self._aws, application, region) for region in self.regions(application))
        bucket = next(((each.bucket, each.region) for each in found if each is not None), None)
        if bucket is None:
            raise UnsupportedError(
                f"application `{application}` has too many workloads while it has no environment: there is no bucket yet that "
                "CloudFormation could read so long a template from",
                hint="make an environment first, with `copilot env init`",
            )
        return bucket

    def _remove_region(self, record: ApplicationRecord, region: str, watch: Watch) -> None:
        name = names.stack_set(record.name)
        self._sets.settle(name, watch)
        if self._sets.instance(name, region) is not None:
            self._empty(record.name, region)
            self._sets.remove_instances(name, record.account, [region], watch)

    def _empty(self, application: str, region: str) -> None:
        resources = find_regional_resources(self._aws, application, region)
        if resources is None:
            return
        aws = self._aws.in_region(region)
        for workload in resources.repositories:
            empty_repository(aws, names.repository(application, workload))
        empty_bucket(aws, resources.bucket)


def _kept(accounts: Sequence[str], gone: str, needed: Sequence[str]) -> list[str]:
    return [account for account in accounts if account != gone or account in needed]
