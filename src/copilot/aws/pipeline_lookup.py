"""What AWS has of all that a pipeline needs, looked up at once; and what can be checked where AWS cannot be asked."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.connections import Connection, Connections
from copilot.aws.errors import explained
from copilot.aws.pipeline_networks import NetworkFindings, look_at_networks
from copilot.aws.records import ApplicationRecord, EnvironmentRecord
from copilot.aws.regional_resources import regional_resources
from copilot.aws.stack_lookup import is_oldest_layout
from copilot.aws.templates.pipeline.checks import codecommit_region
from copilot.aws.templates.pipeline.settings import ArtifactStore, PipelineEnvironment, PipelineSettings, source_kind
from copilot.errors import CopilotError, KeyPath, NotFoundError, Problem
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.plan import Plan

T = TypeVar("T")

_AT_ONCE = 8
"""How many things are asked at once."""
_PROPERTIES: KeyPath = ("source", "properties")
_ANY_ACCOUNT, _ANY_REGION = "123456789012", "us-east-1"


@dataclass(frozen=True)
class Lookup:
    """What was found.

    Attributes:
        settings: The pipeline as it is to be. Where something is missing, what stands in for it is as long as the real one.
        problems: What is missing, with places in the manifest.
        lacking: Likewise, what only a pipeline needs that is to run: a template can be made without it.
        failures: Why something could not be asked, such as for lack of permission.
        connection: The connection that the manifest names, if it is there.
        missing_regions: Where the application has no bucket and no key yet; what the pipeline needs there can be made.
    """

    settings: PipelineSettings
    problems: tuple[Problem, ...] = ()
    lacking: tuple[Problem, ...] = ()
    failures: tuple[CopilotError, ...] = ()
    connection: Connection | None = None
    missing_regions: tuple[str, ...] = ()


def look_up(
    aws: Aws,
    application: ApplicationRecord,
    environments: Mapping[str, EnvironmentRecord],
    manifest: PipelineManifest,
    plan: Plan,
) -> Lookup:
    """Look for everything that a pipeline is made from. Nothing is changed on AWS.

    Args:
        aws: The application's account, in the region that the pipeline is to be in.
        application: The application.
        environments: Its environments, by name.
        manifest: The pipeline's.
        plan: What was made from it. An environment that is not there is no problem here: it is one of the plan.
    """
    asked = _Asked()
    known = {name: environments[name] for name in plan.environments if name in environments}
    regions = sorted({aws.region, *(record.region for record in known.values())})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        resources = {region: pool.submit(regional_resources, aws, application.name, region) for region in regions}
        connection = pool.submit(_connection, aws, manifest)
        secret = pool.submit(_secret, aws, manifest)
        oldest = pool.submit(is_oldest_layout, aws, application.name, plan.pipeline)
        looked_at = pool.submit(look_at_networks, aws, application.name, known, manifest)
    assumed = without_aws(manifest, plan, aws.region)
    stores = {region: _assumed_store(region) for region in regions}
    missing = []
    for region, future in resources.items():
        try:
            found = future.result()
        except NotFoundError:
            missing.append(region)
        except CopilotError as error:
            asked.failures.append(error)
        else:
            stores[region] = ArtifactStore(found.region, found.bucket, found.key_arn)
    named = asked.answer(connection, (*_PROPERTIES, "connection_name"))
    before_running = _Asked(failures=asked.failures)
    before_running.answer(secret, (*_PROPERTIES, "access_token_secret"))
    settings = PipelineSettings(
        plan,
        manifest,
        aws.region,
        {**assumed.environments, **{name: _environment(record) for name, record in known.items()}},
        stores,
        connection_arn=named.arn if named is not None else assumed.connection_arn,
        oldest_layout=asked.answer(oldest, ("name",)) or False,
        permissions_boundary=application.permissions_boundary or None,
        tags=application.tags,
        account=aws.account,
    )
    networks = asked.answer(looked_at, ("stages",)) or NetworkFindings()
    without_roles = [
        Problem(
            ("stages", index, "name"),
            f"environment `{stage.name}` has no roles that a pipeline could take",
            f"`copilot env init --name {stage.name}` makes them",
        )
        for index, stage in enumerate(manifest.stages)
        if stage.name in known and not (known[stage.name].manager_role and known[stage.name].execution_role)
    ]
    problems = (*without_roles, *networks.problems, *asked.problems)
    lacking = (*networks.lacking, *before_running.problems)
    return Lookup(settings, problems, lacking, tuple(asked.failures), named, tuple(missing))


def without_aws(manifest: PipelineManifest, plan: Plan, region: str | None) -> PipelineSettings:
    """The pipeline with what stands in for all that only AWS knows. Without a region it is in that of its repository."""
    region = region or codecommit_region(manifest.source.properties.repository) or _ANY_REGION
    roles = (names.environment_manager_role, names.cloudformation_execution_role)
    # Each may be in an account of its own.
    environments = {
        name: PipelineEnvironment(
            name,
            region,
            f"{number:012}",
            *(f"arn:aws:iam::{number:012}:role/{role(plan.application, name)}" for role in roles),
        )
        for number, name in enumerate(plan.environments)
    }
    needed = manifest.source.properties.connection_name is not None and source_kind(manifest.source) == "connection"
    arn = f"arn:aws:codeconnections:{region}:{_ANY_ACCOUNT}:connection/{'0' * 36}"
    return PipelineSettings(
        plan, manifest, region, environments, {region: _assumed_store(region)}, connection_arn=arn if needed else None
    )


@dataclass
class _Asked:
    """What came of several questions."""

    problems: list[Problem] = field(default_factory=list)
    failures: list[CopilotError] = field(default_factory=list)

    def answer(self, question: Future[T], place: KeyPath) -> T | None:
        """The answer; None, with a note of it, if what was asked for is not there or could not be asked for."""
        try:
            return question.result()
        except NotFoundError as error:
            self.problems.append(Problem(place, error.message, error.hint))
        except CopilotError as error:
            self.failures.append(error)
        return None


def _connection(aws: Aws, manifest: PipelineManifest) -> Connection | None:
    """The connection that the manifest names."""
    name = manifest.source.properties.connection_name
    if name is None or source_kind(manifest.source) != "connection":
        return None
    connections = list(Connections(aws).all())
    found = next((each for each in connections if each.name == name), None)
    if found is not None:
        return found
    known = ", ".join(sorted(each.name for each in connections))
    raise NotFoundError(
        f"there is no connection `{name}` in account {aws.account}, region {aws.region}",
        hint=f"there is: {known}" if known else "there is none yet; make one in the console",
    )


def _secret(aws: Aws, manifest: PipelineManifest) -> None:
    """Raises NotFoundError if the secret of the token, which CloudFormation reads, is not there."""
    secret = manifest.source.properties.access_token_secret
    if secret is None or source_kind(manifest.source) != "token":
        return
    manager = aws.secretsmanager
    with explained():
        try:
            deleted = "DeletedDate" in manager.describe_secret(SecretId=secret)
        except (manager.exceptions.ResourceNotFoundException, manager.exceptions.InvalidParameterException):
            deleted = True
    if deleted:
        raise NotFoundError(
            f"there is no secret `{secret}` in account {aws.account}, region {aws.region}",
            hint="`copilot pipeline init`, without other flags, asks for a token and keeps it there",
        )


def _environment(record: EnvironmentRecord) -> PipelineEnvironment:
    return PipelineEnvironment(record.name, record.region, record.account, record.manager_role, record.execution_role)


def _assumed_store(region: str) -> ArtifactStore:
    key = f"arn:aws:kms:{region}:{_ANY_ACCOUNT}:key/{'0' * 36}"
    return ArtifactStore(region, "x" * 63, key)
