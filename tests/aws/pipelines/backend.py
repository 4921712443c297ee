"""CodePipeline in moto: the pipelines of a region, in stacks and by themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.codepipeline.models import codepipeline_backends
from moto.core.base_backend import BaseBackend
from moto.core.common_models import CloudFormationModel
from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.moto_api._internal.models import MotoAPIBackend

from tests.aws.pipelines import errors, sources
from tests.aws.pipelines.artifacts import put
from tests.aws.pipelines.builds import Builder
from tests.aws.pipelines.connections import connection_of
from tests.aws.pipelines.declarations import InvalidStructureError, check, structure_of
from tests.aws.pipelines.deploys import deploy
from tests.aws.pipelines.pipeline import LOCK, Pipeline
from tests.aws.pipelines.responses import PipelineResponse
from tests.aws.pipelines.runs import ActionFailedError, ActionRun, Run

_EVERY = 0.2
"""Seconds between two looks at repositories."""
_PATIENCE = 10.0
"""Seconds that builds have to end."""


class PipelineResource(CloudFormationModel):
    """A pipeline in a stack."""

    def __init__(self, name: str, version: int) -> None:
        self.name, self.version = name, version

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CodePipeline::Pipeline"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Version"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        del attribute_name
        return str(self.version)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> PipelineResource:
        backend: Any = codepipeline_backends[account_id][region_name]
        properties = cloudformation_json["Properties"]
        _check_tokens(properties, region_name)
        tags = {each["Key"]: each["Value"] for each in properties.get("Tags", [])}
        pipeline = backend.create(structure_of(properties, resource_name), tags, stack=more.get("StackId"))
        for stage in properties.get("DisableInboundStageTransitions", []):
            pipeline.set_transition(stage["StageName"], stage["Reason"])
        return cls(resource_name, pipeline.version)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        /,
        original_resource: PipelineResource,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> PipelineResource:
        backend: Any = codepipeline_backends[account_id][region_name]
        properties = cloudformation_json["Properties"]
        _check_tokens(properties, region_name)
        stack = backend.stacks.get(original_resource.name)
        if properties.get("Name", original_resource.name) != original_resource.name:
            made = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name, StackId=stack
            )
            original_resource.delete(account_id, region_name)
            return made
        original_resource.version = backend.update(structure_of(properties, original_resource.name)).version
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:
        backend: Any = codepipeline_backends[account_id][region_name]
        backend.delete(self.name)


class PipelinesBackend(BaseBackend, TaggableResourcesMixin):
    """The pipelines of a region."""

    SERVICE_NAMESPACE = "codepipeline"
    builder: Builder

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.pipelines: dict[str, Pipeline] = {}
        self.own_tags: dict[str, dict[str, str]] = {}
        self.stacks: dict[str, str] = {}

    @property
    def _url_module(self) -> Any:
        bases = [r"https?://codepipeline\.(.+)\.amazonaws\.com"]
        return SimpleNamespace(url_bases=bases, url_paths={"{0}/$": PipelineResponse.dispatch})

    def find(self, name: str) -> Pipeline:
        """Raises PipelineNotFoundError."""
        if name not in self.pipelines:
            raise errors.PipelineNotFoundError(f"Account '{self.account_id}' does not have a pipeline with name '{name}'")
        return self.pipelines[name]

    def create(self, structure: Mapping[str, Any], tags: Mapping[str, str], stack: str | None = None) -> Pipeline:
        """Make a pipeline, which starts an execution. Raises InvalidStructureException."""
        name = str(structure["name"])
        if name in self.pipelines:
            message = f"A pipeline with the name '{name}' already exists in account '{self.account_id}'"
            raise errors.InvalidStructureError(message)
        self._check(structure)
        pipeline = Pipeline(self.account_id, self.region_name, structure, self._perform)
        for action in pipeline.actions("Source"):
            pipeline.seen[action["name"]] = sources.head(action["configuration"])
        with LOCK:
            self.pipelines[name], self.own_tags[name] = pipeline, dict(tags)
            if stack is not None:
                self.stacks[name] = stack
            pipeline.start("CreatePipeline", pipeline.by)
        return pipeline

    def update(self, structure: Mapping[str, Any]) -> Pipeline:
        """Change a pipeline, if this is another structure. Raises InvalidStructureException."""
        pipeline = self.find(structure["name"])
        self._check(structure)
        with LOCK:
            if pipeline.structure != structure:
                pipeline.update(structure)
        return pipeline

    def delete(self, name: str) -> None:
        """Forget a pipeline; its executions end."""
        with LOCK:
            pipeline = self.pipelines.pop(name, None)
            self.own_tags.pop(name, None)
            self.stacks.pop(name, None)
            if pipeline is not None:
                pipeline.close()

    def tags(self, name: str) -> dict[str, str]:
        """Its own, and those that it has of its stack."""
        stack = cloudformation_backends[self.account_id][self.region_name].stacks.get(self.stacks.get(name, ""))
        if stack is None:
            return self.own_tags.get(name, {})
        logical = next((key for key, each in stack.resource_map._parsed_resources.items() if _is(each, name)), "")
        of_stack = {"stack-name": stack.name, "stack-id": stack.stack_id, "logical-id": logical}
        system = {f"aws:cloudformation:{key}": value for key, value in of_stack.items()}
        return {**stack.tags, **self.own_tags.get(name, {}), **system}

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        for name, pipeline in list(self.pipelines.items()):
            yield TaggedResource(pipeline.arn, self.tags(name), "codepipeline:pipeline")

    def look(self) -> None:
        """Start executions of what was pushed since the last look."""
        for pipeline in list(self.pipelines.values()):
            for action in pipeline.actions("Source"):
                head, before = sources.head(action["configuration"]), pipeline.seen.get(action["name"])
                if head is None or head == before:
                    continue
                pipeline.seen[action["name"]] = head
                trigger = self._trigger(pipeline, action, before, head)
                if trigger is not None:
                    with LOCK:
                        if not pipeline.closed:
                            pipeline.start(*trigger)

    def _trigger(self, pipeline: Pipeline, action: dict[str, Any], before: str | None, head: str) -> tuple[str, str] | None:
        """What starts an execution of a push, if anything does."""
        configuration = action["configuration"]
        provider = action["actionTypeId"]["provider"]
        if provider == "CodeStarSourceConnection":
            connection = connection_of(configuration["ConnectionArn"])
            files = sources.changed(configuration, before, head)
            if connection is None or connection.status != "AVAILABLE" or not sources.triggered(pipeline.structure, action, files):
                return None
            return "WebhookV2", configuration["ConnectionArn"]
        if provider == "GitHub":
            return "Webhook", ""
        rule = self._rule(pipeline, configuration, "referenceUpdated" if before else "referenceCreated", head)
        return ("CloudWatchEvent", rule) if rule else None

    def _rule(self, pipeline: Pipeline, configuration: Mapping[str, str], event: str, head: str) -> str | None:
        """The rule of EventBridge that starts the pipeline when a repository of CodeCommit changes."""
        repository = f"arn:aws:codecommit:{self.region_name}:{self.account_id}:{configuration['RepositoryName']}"
        message: Any = {
            "source": "aws.codecommit",
            "detail-type": "CodeCommit Repository State Change",
            "account": self.account_id,
            "region": self.region_name,
            "resources": [repository],
            "detail": {
                "event": event,
                "repositoryName": configuration["RepositoryName"],
                "referenceType": "branch",
                "referenceName": sources.branch(configuration),
                "commitId": head,
            },
        }
        events = events_backends[self.account_id][self.region_name]
        for bus in events.event_buses.values():
            for rule in bus.rules.values():
                targets = {target["Arn"] for target in rule.targets}
                if pipeline.arn in targets and rule.state == "ENABLED" and rule.event_pattern.matches_event(message):
                    return rule.arn
        return None

    def _check(self, structure: Mapping[str, Any]) -> None:
        try:
            check(structure)
        except InvalidStructureError as error:
            raise errors.InvalidStructureError(str(error)) from None
        role = structure["roleArn"]
        if role not in {each.arn for each in iam_backends[self.account_id][self.partition].roles.values()}:
            raise errors.InvalidStructureError(f"CodePipeline is not authorized to perform AssumeRole on role {role}")

    def _perform(self, pipeline: Pipeline, run: Run, action: ActionRun) -> None:
        """What an action does."""
        provider = action.declaration["actionTypeId"]["provider"]
        if action.category == "Source":
            self._fetch(pipeline, run, action)
        elif provider == "CodeBuild":
            self.builder.perform(pipeline, run, action)
        elif provider == "CloudFormation":
            deploy(pipeline, run, action)
        else:
            raise ActionFailedError("ConfigurationError", f"The emulator has no actions of {provider}")

    def _fetch(self, pipeline: Pipeline, run: Run, action: ActionRun) -> None:
        fetched = sources.Fetched(action.declaration, action.resolved, self.region_name, run.overrides.get(action.name))
        name = fetched.revision.artifact
        bucket = pipeline.store(self.region_name)
        action.outputs[name] = put(bucket, self.region_name, pipeline.name, name, fetched.content)
        action.variables, action.external_id = fetched.variables, fetched.commit
        action.external_url, action.summary = fetched.revision.url, fetched.revision.summary
        with LOCK:
            run.revisions[action.name] = fetched.revision


def _is(resource: Any, pipeline: str) -> bool:
    return isinstance(resource, PipelineResource) and resource.name == pipeline


def _check_tokens(properties: Mapping[str, Any], region: str) -> None:
    """Refuse an access token that is not there, as CloudFormation does when it puts it in."""
    for stage in properties["Stages"]:
        for action in stage["Actions"]:
            token = action.get("Configuration", {}).get("OAuthToken", "")
            if str(token).startswith("{{resolve:") and not sources.token_exists(token, region):
                raise errors.InvalidStructureError(f"Secrets Manager can't find the specified secret: {token}")


def _backends() -> list[PipelinesBackend]:
    found: list[Any] = [backend for _, _, backend in codepipeline_backends.iter_backends()]
    return found


def _watch() -> None:
    while True:
        time.sleep(_EVERY)
        for backend in _backends():
            try:
                backend.look()
            except Exception as error:  # noqa: BLE001 - the account may be reset meanwhile; the next look finds what is there
                print(f"emulator: {error!r}", flush=True)  # noqa: T201 - a server's log


def end_all() -> None:
    """End all executions, and wait for what they run."""
    with LOCK:
        threads = [thread for backend in _backends() for pipeline in backend.pipelines.values() for thread in pipeline.close()]
    deadline = time.monotonic() + _PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def mend() -> None:
    """Let moto's pipelines be in stacks and run."""
    PipelinesBackend.builder = Builder()
    setattr(codepipeline_backends, "backend", PipelinesBackend)  # noqa: B010 - it takes the place of moto's own
    reset = MotoAPIBackend.reset

    def reset_all(self: MotoAPIBackend) -> None:
        end_all()
        reset(self)

    setattr(MotoAPIBackend, "reset", reset_all)  # noqa: B010 - the type checker lets no method be assigned


def begin() -> None:
    """Watch repositories from now on."""
    threading.Thread(target=_watch, daemon=True, name="repositories").start()
