"""Workload manifests: what a service is made of and how it runs, with overrides for single environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from copilot.errors import Diagnostic, KeyPath, ManifestError, Problem
from copilot.manifest.containers import Platform, SidecarSettings
from copilot.manifest.deployment import Deployment, TaskdefChange
from copilot.manifest.faults import Fault, bad_value, suggestion
from copilot.manifest.http import HttpField
from copilot.manifest.image import Image, PublicImage, ServiceImage
from copilot.manifest.loader import Document, SourceText, display_path, read, span_of, tree_of, validate
from copilot.manifest.logs import Logging
from copilot.manifest.network import Network
from copilot.manifest.overrides import Overridable
from copilot.manifest.scalars import Arguments, Duration, Flag, Name, Text, Whole
from copilot.manifest.scaling import Count, CountField
from copilot.manifest.schedule import ScheduleError, parse_schedule
from copilot.manifest.section import Section
from copilot.manifest.storage import PartName, Storage
from copilot.manifest.task import task_faults
from copilot.manifest.topics import Publish, Subscribe
from copilot.manifest.values import plain, shown
from copilot.manifest.variables import EnvFile, Secrets, Variables, load_env_file

KINDS = ("Load Balanced Web Service", "Backend Service", "Worker Service", "Scheduled Job")
NOT_YET = ("Request-Driven Web Service", "Static Site")
_OF_A_WORKER = "is for a worker service, which has a queue"
_OF_HTTP = "is for a service behind a load balancer, which has `http`"
_KINDS_HINT = "it is `Load Balanced Web Service`, `Backend Service`, `Worker Service` or `Scheduled Job`"


def _kind(value: Any) -> Any:
    if plain(value) is None:
        raise bad_value("has no value", _KINDS_HINT)
    if value not in KINDS:
        meant = suggestion(str(value), KINDS)
        raise bad_value(f"is unknown: {shown(value)}", f"did you mean `{meant}`?" if meant else _KINDS_HINT)
    return value


def _exec(value: Any) -> Any:
    if isinstance(value, Mapping) and value.keys() == {"enable"}:
        return value["enable"]
    return value


def _schedule(value: str) -> str:
    try:
        parse_schedule(value)
    except ScheduleError as error:
        raise bad_value(error.text, error.hint) from None
    return value


class Workload(Overridable):
    """What every kind of workload has."""

    unsupported = frozenset({"nlb", "observability"})

    hints: ClassVar[Mapping[str, str]] = {
        "type": _KINDS_HINT,
        "image": "such as `image: {build: Dockerfile, port: 8080}`",
        "http": "such as `http: {path: /}`",
    }

    name: Name = Field(description="Name of the workload.")
    type: str
    image: Image = Field(description="The container image.")
    cpu: Annotated[Whole, Field(gt=0)] = Field(256, description="CPU units of a task; 1024 is one vCPU.")
    memory: Annotated[Whole, Field(gt=0)] = Field(512, description="Memory of a task, in MiB.")
    entrypoint: Arguments | None = Field(None, description="Replaces the image's entrypoint.")
    command: Arguments | None = Field(None, description="Replaces the image's command.")
    variables: Variables = Field(default_factory=dict, description="Environment variables: values, or mappings with `from_cfn`.")
    env_file: EnvFile | None = Field(
        None,
        description="Path, from the repository's root, of a file with more environment variables. Those in `variables` win.",
    )
    secrets: Secrets = Field(
        default_factory=dict,
        description="Environment variable to the name of its secret, or a mapping: `secretsmanager` or `from_cfn`.",
    )
    platform: Platform | None = Field(None, description="What the image is built for. Default: this machine's.")
    storage: Storage = Field(default_factory=Storage, description="Volumes, and the disk of a task.")
    sidecars: dict[PartName, SidecarSettings] = Field(
        default_factory=dict, description="Containers beside the main one in each task, by name."
    )
    network: Network = Field(default_factory=Network, description="How it reaches others, and where it is on AWS.")
    publish: Publish = Field(default_factory=Publish, description="Messages that it sends to other workloads.")
    logging: Logging = Field(default_factory=Logging, description="How long logs are kept on AWS, and where else they go.")
    taskdef_overrides: tuple[TaskdefChange, ...] = Field(
        (), description="Changes to the task definition on AWS that no other key makes."
    )
    exec: Annotated[Flag, BeforeValidator(_exec)] = Field(
        False, description="Allow commands in tasks on AWS. On this machine `svc exec` always works."
    )

    @property
    def env_files(self) -> Mapping[str, str]:
        """The files with more environment variables, by container; the main one has the workload's name."""
        files = {self.name: self.env_file, **{name: sidecar.env_file for name, sidecar in self.sidecars.items()}}
        return {container: file for container, file in files.items() if file is not None}

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Containers fit each other, and so do overrides."""
        yield from task_faults(data)
        yield from super().rules(data)


class Service(Workload):
    """What every kind of service has."""

    count: CountField = Field(
        default_factory=lambda: Count.of(1),
        description="How many tasks run: a number, or a mapping to scale between two. Default: 1.",
    )
    deployment: Deployment = Field(default_factory=Deployment, description="How new releases replace old ones on AWS.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """It is scaled by what it has, and deployments watch what it has."""
        yield from super().rules(data)
        refused = cls._not_scaled_by(data)
        count = data.get("count")
        for key in count if isinstance(count, Mapping) else ():
            if key in refused:
                yield Fault(("count", key), "sentence", f"`{key}` {refused[key]}", "use `cpu_percentage`", "key")
        deployment = data.get("deployment")
        alarms = deployment.get("rollback_alarms") if isinstance(deployment, Mapping) else None
        if isinstance(alarms, Mapping) and "messages_delayed" in alarms and "queue_delay" in refused:
            path: KeyPath = ("deployment", "rollback_alarms", "messages_delayed")
            yield Fault(path, "sentence", f"`messages_delayed` {refused['queue_delay']}", "remove it", "key")

    @classmethod
    def _not_scaled_by(cls, data: Mapping[str, Any]) -> Mapping[str, str]:
        """Keys of ``count`` that such a service cannot be scaled by, each with what follows it in a sentence."""
        del data
        return {"queue_delay": _OF_A_WORKER}


class ReachableService(Service):
    """A service that others may connect to."""

    image: ServiceImage = Field(description="The container image.")


class LoadBalancedWebService(ReachableService):
    """A service that the environment's load balancer sends requests to."""

    type: Annotated[Literal["Load Balanced Web Service"], BeforeValidator(_kind)] = Field(description="The kind of workload.")
    image: PublicImage = Field(description="The container image.")
    http: HttpField = Field(description="How requests reach the service.")


class BackendService(ReachableService):
    """A service that only other services of the environment can reach."""

    type: Annotated[Literal["Backend Service"], BeforeValidator(_kind)] = Field(description="The kind of workload.")
    http: HttpField | None = Field(
        None, description="How requests reach the service through the environment's internal load balancer."
    )

    @classmethod
    def _not_scaled_by(cls, data: Mapping[str, Any]) -> Mapping[str, str]:
        behind = {} if "http" in data else {"requests": _OF_HTTP, "response_time": _OF_HTTP}
        return {**super()._not_scaled_by(data), **behind}


class WorkerService(Service):
    """A service that works on messages from a queue. Nothing connects to it."""

    type: Annotated[Literal["Worker Service"], BeforeValidator(_kind)] = Field(description="The kind of workload.")
    subscribe: Subscribe = Field(default_factory=Subscribe, description="Where its messages come from.")

    @classmethod
    def _not_scaled_by(cls, data: Mapping[str, Any]) -> Mapping[str, str]:
        del data
        return {"requests": _OF_HTTP, "response_time": _OF_HTTP}


class Trigger(Section):
    """What starts a job."""

    hints: ClassVar[Mapping[str, str]] = {"schedule": "such as `schedule: '@daily'`"}

    schedule: Annotated[Text, AfterValidator(_schedule)] = Field(
        description="When it runs, in UTC: `@daily`, `@every 5m`, a cron expression of five fields, `rate(5 minutes)`, "
        "`cron(0 9 ? * MON-FRI *)`, or `none`."
    )


class ScheduledJob(Workload):
    """A task that runs to its end, again and again."""

    unsupported = Workload.unsupported | {"count"}
    hints: ClassVar[Mapping[str, str]] = {**Workload.hints, "on": "such as `on: {schedule: '@daily'}`"}

    type: Annotated[Literal["Scheduled Job"], BeforeValidator(_kind)] = Field(description="The kind of workload.")
    on: Trigger = Field(description="What starts it.")
    retries: Annotated[Whole, Field(ge=0, le=100)] = Field(0, description="How often a run that failed is tried again.")
    timeout: Annotated[Duration, Field(ge=1)] | None = Field(
        None, description="How long a run may take, all tries together, before it is ended and counts as failed."
    )


WorkloadManifest = LoadBalancedWebService | BackendService | WorkerService | ScheduledJob
WorkloadDocument = Document[LoadBalancedWebService] | Document[BackendService] | Document[WorkerService] | Document[ScheduledJob]


def load_workload(path: Path, *, shown_as: str | None = None) -> WorkloadDocument:
    """Read and check the manifest of a workload of any kind.

    Raises:
        ManifestError: It cannot be read, or something is wrong in it; all that is wrong, in the order of the file.
    """
    return parse_workload(read(path, shown_as))


def parse_workload(source: SourceText) -> WorkloadDocument:
    """As `load_workload`, for text that was read already."""
    tree = tree_of(source)
    kind = tree.root.data.get("type")
    if kind in NOT_YET:
        at = span_of(tree.root, source.text, ("type",), "value")
        raise ManifestError([source.diagnostic(at, f"the type `{kind}` is not supported yet", _KINDS_HINT)])
    meant = kind if kind in KINDS else suggestion(str(kind), KINDS)
    if meant == "Scheduled Job" or (meant is None and "on" in tree.root.data):
        return validate(source, tree, ScheduledJob)
    if meant == "Worker Service" or (meant is None and "subscribe" in tree.root.data):
        return validate(source, tree, WorkerService)
    if meant == "Backend Service" or (meant is None and "http" not in tree.root.data):
        return validate(source, tree, BackendService)
    return validate(source, tree, LoadBalancedWebService)


def read_env_files(document: WorkloadDocument, root: Path, application: str, environment: str) -> dict[str, dict[str, str]]:
    """The variables that the containers' ``env_file`` hold in one environment, by container.

    Args:
        document: The workload's manifest.
        root: Folder that the paths in it begin at. The files must be inside.
        application: The application, for placeholders in the paths.
        environment: The environment.

    Raises:
        ManifestError: A file is not there, or something is wrong in it; all that is wrong.
    """
    manifest = document.model.resolved(environment, application)
    found: dict[str, dict[str, str]] = {}
    diagnostics: list[Diagnostic] = []
    for container, named in manifest.env_files.items():
        path: KeyPath = ("env_file",) if container == manifest.name else ("sidecars", container, "env_file")
        try:
            found[container] = load_env_file(*_env_file(document, document.model.written_at(environment, path), root, named))
        except ManifestError as error:
            diagnostics += error.diagnostics
    if diagnostics:
        raise ManifestError(diagnostics)
    return found


def _env_file(document: WorkloadDocument, path: KeyPath, root: Path, named: str) -> tuple[Path, str]:
    """A file, and its path as messages show it."""
    file = root / named
    if not file.resolve().is_relative_to(root.resolve()):
        raise ManifestError([document.diagnostic(Problem(path, f"the file `{named}` is outside of the repository"))])
    if not file.is_file():
        message = f"the file `{named}` does not exist" if not file.exists() else f"`{named}` is not a file"
        raise ManifestError([document.diagnostic(Problem(path, message, "paths begin at the repository's root"))])
    return file, display_path(file)
