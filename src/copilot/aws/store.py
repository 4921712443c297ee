"""Applications, environments and workloads as they stand in SSM, where AWS Copilot looks for them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.records import ApplicationRecord, EnvironmentRecord, Record, WorkloadRecord, write_json
from copilot.errors import ConflictError, NotFoundError

RULE_PLACES = 362
"""How many workloads of an application can have listener rules: the rules' priorities are counted from their places."""


class Store:
    """The records of the applications of one account and region. Safe to use from several threads and processes at once."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._parameters = _Parameters(aws)

    def applications(self) -> list[ApplicationRecord]:
        """All applications, by name."""
        return [ApplicationRecord.from_json(each.value, each.name) for each in self._parameters.under(names.applications_path())]

    def application(self, name: str) -> ApplicationRecord:
        """An application. Raises NotFoundError if there is none of that name in this account and region."""
        found = self._parameters.get(names.application_parameter(name))
        if found is None:
            raise NotFoundError(
                f"there is no application `{name}` in account {self._aws.account}, region {self._aws.region}",
                hint="`copilot app ls` lists those there are; AWS_PROFILE and AWS_REGION choose where to look",
            )
        return ApplicationRecord.from_json(found.value, found.name)

    def create_application(self, record: ApplicationRecord) -> None:
        """Writes down a new application. Raises ConflictError if there is one of that name."""
        where = names.application_parameter(record.name)
        if not self._parameters.create(where, record.to_json(), "A Copilot application", _tags(record.name)):
            raise ConflictError(
                f"there is an application `{record.name}` already, in account {self._aws.account}, region {self._aws.region}",
                hint="choose another name",
            )

    def update_application(self, record: ApplicationRecord) -> None:
        """Writes down what has changed of an application. Raises NotFoundError."""
        current = self.application(record.name)
        self._update(names.application_parameter(record.name), current, record)

    def delete_application(self, name: str) -> None:
        """Forgets an application and all that is written down of it. Does nothing if it is not there."""
        for path in (names.rules_path(name), names.workloads_path(name), names.environments_path(name)):
            for each in self._parameters.under(path):
                self._parameters.delete(each.name)
        self._parameters.delete(names.application_parameter(name))

    def environments(self, application: str) -> list[EnvironmentRecord]:
        """An application's environments in the order they were made.

        That is when their parameters were written: nothing changes those.
        """
        found = sorted(self._parameters.under(names.environments_path(application)), key=lambda each: (each.at, each.name))
        return [EnvironmentRecord.from_json(each.value, each.name) for each in found]

    def environment(self, application: str, name: str) -> EnvironmentRecord:
        """An environment. Raises NotFoundError."""
        found = self._parameters.get(names.environment_parameter(application, name))
        if found is None:
            raise NotFoundError(
                f"there is no environment `{name}` in application `{application}`",
                hint=f"`copilot env ls` lists those there are; `copilot env init --name {name}` makes it",
            )
        return EnvironmentRecord.from_json(found.value, found.name)

    def create_environment(self, record: EnvironmentRecord) -> None:
        """Writes down a new environment. Raises NotFoundError without its application, ConflictError if the name is taken."""
        self.application(record.application)
        where = names.environment_parameter(record.application, record.name)
        tags = {**_tags(record.application), names.ENVIRONMENT_TAG: record.name}
        if not self._parameters.create(where, record.to_json(), f"The {record.name} environment", tags):
            raise ConflictError(
                f"there is an environment `{record.name}` in application `{record.application}` already",
                hint=f"`copilot env deploy --name {record.name}` updates it",
            )

    def update_environment(self, record: EnvironmentRecord) -> None:
        """Writes down what has changed of an environment. Raises NotFoundError."""
        current = self.environment(record.application, record.name)
        self._update(names.environment_parameter(record.application, record.name), current, record)

    def delete_environment(self, application: str, name: str) -> None:
        """Forgets an environment. Does nothing if it is not there."""
        self._parameters.delete(names.environment_parameter(application, name))

    def workloads(self, application: str) -> list[WorkloadRecord]:
        """An application's services and jobs, by name."""
        found = self._parameters.under(names.workloads_path(application))
        return [WorkloadRecord.from_json(each.value, each.name) for each in found]

    def workload(self, application: str, name: str) -> WorkloadRecord:
        """A workload. Raises NotFoundError."""
        found = self._parameters.get(names.workload_parameter(application, name))
        if found is None:
            raise NotFoundError(
                f"there is no service or job `{name}` in application `{application}`",
                hint="`copilot svc ls` and `copilot job ls` list those there are",
            )
        return WorkloadRecord.from_json(found.value, found.name)

    def create_workload(self, record: WorkloadRecord) -> None:
        """Writes down a new workload. Raises NotFoundError without its application, ConflictError if the name is taken."""
        self.application(record.application)
        where = names.workload_parameter(record.application, record.name)
        tags = {**_tags(record.application), names.SERVICE_TAG: record.name}
        if not self._parameters.create(where, record.to_json(), f"The {record.name} workload, a {record.type}", tags):
            raise ConflictError(
                f"there is a service or job `{record.name}` in application `{record.application}` already",
                hint="choose another name",
            )

    def delete_workload(self, application: str, name: str) -> None:
        """Forgets a workload and frees its place for listener rules. Does nothing if it is not there."""
        for claim in _of(name, self._claims(application)):
            self._parameters.delete(_place(application, claim.place))
        self._parameters.delete(names.workload_parameter(application, name))

    def claim_rule_place(self, application: str, workload: str) -> int:
        """The place of one workload: see `claim_rule_places`."""
        return self.claim_rule_places(application, [workload])[workload]

    def claim_rule_places(self, application: str, workloads: Sequence[str]) -> dict[str, int]:
        """The places that the priorities of workloads' listener rules are counted from, each 0 to `RULE_PLACES` - 1.

        They stay the same until the workload is deleted, and no other workload of its application has it, even if many ask.

        Raises:
            ConflictError: All places are taken.
        """
        claims = self._claims(application)
        while missing := [workload for workload in workloads if not _of(workload, claims)]:
            for workload in missing:
                place = self._next_place(application, workload, claims, missing)
                if any(claim.place == place for claim in claims):
                    self._parameters.delete(_place(application, place))
                # Only one writer can create a parameter. When somebody else was quicker, the next round takes another place.
                tags = {**_tags(application), names.SERVICE_TAG: workload}
                self._parameters.create(_place(application, place), workload, "Whose listener rules have this place", tags)
                claims = [*(claim for claim in claims if claim.place != place), _Claim(place, workload, datetime.now(UTC))]
            claims = self._claims(application)
        return {workload: self._oldest(application, _of(workload, claims)) for workload in workloads}

    def expected_rule_place(self, application: str, workload: str) -> int:
        """The place that `claim_rule_place` would answer now. Nothing is claimed: another workload may be quicker."""
        claims = self._claims(application)
        own = _of(workload, claims)
        return _by_age(own)[0].place if own else self._next_place(application, workload, claims, [workload])

    def _oldest(self, application: str, claims: list[_Claim]) -> int:
        oldest, *others = _by_age(claims)
        for claim in others:
            self._parameters.delete(_place(application, claim.place))
        return oldest.place

    def _claims(self, application: str) -> list[_Claim]:
        path = names.rules_path(application)
        named = [(each.name.removeprefix(path), each) for each in self._parameters.under(path)]
        return [_Claim(int(place), each.value, each.at) for place, each in named if place.isdecimal()]

    def _next_place(self, application: str, workload: str, claims: list[_Claim], claiming: Sequence[str]) -> int:
        """A place that nobody has, or that only somebody has claimed who is gone."""
        taken = {claim.place for claim in claims}
        free = next((place for place in range(RULE_PLACES) if place not in taken), None)
        if free is not None:
            return free
        # AWS Copilot, which knows nothing of places, may have deleted a workload that has one.
        present = {*claiming, *(record.name for record in self.workloads(application))}
        for claim in claims:
            if claim.workload not in present:
                return claim.place
        raise ConflictError(
            f"application `{application}` has {RULE_PLACES} services with listener rules, so `{workload}` cannot have any",
            hint="delete a service that is not needed any more with `copilot svc delete`",
        )

    def _update(self, where: str, current: Record, record: Record) -> None:
        # Keys that only the stored value has were written by another version or tool, and stay.
        self._parameters.overwrite(where, write_json({**record.to_dict(), **current.extra, **record.extra}))


@dataclass(frozen=True)
class _Claim:
    place: int
    workload: str
    at: datetime


@dataclass(frozen=True)
class _Parameter:
    name: str
    value: str
    at: datetime


class _Parameters:
    """SSM parameters of type String."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def under(self, path: str) -> list[_Parameter]:
        """Those directly under a path, by name; none that is deeper."""
        pages = self._aws.ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=False)
        with explained():
            found = [
                _Parameter(each["Name"], each["Value"], each["LastModifiedDate"]) for page in pages for each in page["Parameters"]
            ]
        return sorted(found, key=lambda each: each.name)

    def get(self, name: str) -> _Parameter | None:
        """One of them, or None."""
        with explained():
            try:
                found = self._aws.ssm.get_parameter(Name=name)["Parameter"]
            except self._aws.ssm.exceptions.ParameterNotFound:
                return None
        return _Parameter(name, found["Value"], found["LastModifiedDate"])

    def create(self, name: str, value: str, description: str, tags: Mapping[str, str]) -> bool:
        """Makes one; of several who try at once, exactly one succeeds. Whether this one did."""
        with explained():
            try:
                self._aws.ssm.put_parameter(
                    Name=name,
                    Value=value,
                    Description=description,
                    Type="String",
                    Tags=[{"Key": key, "Value": tag} for key, tag in tags.items()],
                )
            except self._aws.ssm.exceptions.ParameterAlreadyExists:
                return False
        return True

    def overwrite(self, name: str, value: str) -> None:
        """Gives one another value; its description and tags stay."""
        with explained():
            self._aws.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def delete(self, name: str) -> None:
        """Deletes one. Does nothing if it is not there."""
        with explained():
            try:
                self._aws.ssm.delete_parameter(Name=name)
            except self._aws.ssm.exceptions.ParameterNotFound:
                return


def _tags(application: str) -> dict[str, str]:
    return {names.APPLICATION_TAG: application}


def _place(application: str, place: int) -> str:
    return f"{names.rules_path(application)}{place}"


def _of(workload: str, claims: list[_Claim]) -> list[_Claim]:
    return [claim for claim in claims if claim.workload == workload]


def _by_age(claims: list[_Claim]) -> list[_Claim]:
    # Two deployments of the same workload can both have claimed a place: for both of them the older claim counts.
    return sorted(claims, key=lambda claim: (claim.at, claim.place))
