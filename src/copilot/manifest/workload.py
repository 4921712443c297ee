"""Workload manifests: what a service is made of and how it runs, with overrides for single environments."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from copilot.errors import ManifestError
from copilot.manifest.faults import Fault, bad_value, suggestion
from copilot.manifest.loader import Document, SourceText, read, span_of, tree_of, validate
from copilot.manifest.overrides import Overridable
from copilot.manifest.scalars import AnyText, Arguments, Duration, FilePath, Name, OrText, Text, VariableName, Whole, Word
from copilot.manifest.schedule import ScheduleError, parse_schedule
from copilot.manifest.section import Section
from copilot.manifest.values import plain, shown

Port = Annotated[Whole, Field(ge=1, le=65535)]
Threshold = Annotated[Whole, Field(ge=1, le=10)]
KINDS = ("Load Balanced Web Service", "Backend Service", "Scheduled Job")
NOT_YET = ("Request-Driven Web Service", "Worker Service", "Static Site")
_KINDS_HINT = "it is `Load Balanced Web Service`, `Backend Service` or `Scheduled Job`"
_AUTOSCALING = {"range", "cooldown", "cpu_percentage", "memory_percentage", "requests", "response_time", "queue_delay", "spot"}
_ROUTE = re.compile(r"[A-Za-z0-9_\-.$/~\"'@:+&{}]*")
_SUCCESS_CODES = re.compile(r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*")


def _kind(value: Any) -> Any:
    if plain(value) is None:
        raise bad_value("has no value", _KINDS_HINT)
    if value not in KINDS:
        meant = suggestion(str(value), KINDS)
        raise bad_value(f"is unknown: {shown(value)}", f"did you mean `{meant}`?" if meant else _KINDS_HINT)
    return value


def _build(value: Any) -> Any:
    """Dockerfile and context follow from each other, as in AWS Copilot."""
    if isinstance(value, str):
        value = {"dockerfile": value}
    if not isinstance(value, Mapping):
        return value
    dockerfile, context = value.get("dockerfile"), value.get("context")
    if dockerfile is None and isinstance(context, str):
        return {**value, "dockerfile": posixpath.join(context, "Dockerfile")}
    if context is None and isinstance(dockerfile, str):
        return {**value, "context": posixpath.dirname(dockerfile) or "."}
    return value


def _healthcheck(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _count(value: Any) -> Any:
    if isinstance(value, Mapping) and _AUTOSCALING & value.keys():
        raise bad_value("with autoscaling is not supported yet", "write a whole number")
    return value


def _setting(value: Any) -> Any:
    if isinstance(value, Mapping) and value.keys() & {"from_cfn", "secretsmanager"}:
        raise bad_value(f"with `{next(iter(value))}` is not supported yet", "write it as text")
    return value


def _success_codes(value: str) -> str:
    if not _SUCCESS_CODES.fullmatch(value):
        raise bad_value("must be HTTP status codes from 200 to 499, such as `200`, `200,301` or `200-299`")
    return value


def _route(value: str) -> str:
    wrong = _ROUTE.match(value)
    end = wrong.end() if wrong else 0
    if end < len(value):
        raise bad_value("must not contain a space" if value[end] == " " else f"must not contain {shown(value[end])}")
    if len(value) > 128:
        raise bad_value(f"must have at most 128 characters, not {len(value)}")
    return value


def _schedule(value: str) -> str:
    try:
        parse_schedule(value)
    except ScheduleError as error:
        raise bad_value(error.text, error.hint) from None
    return value


def _check_path(value: str) -> str:
    if not value.startswith("/") or not value.isprintable() or " " in value:
        raise bad_value("must be a path that begins with `/` and has no spaces", "such as `/health`")
    return value


class ImageBuild(Section):
    """How the image is built."""

    unsupported = frozenset({"cache_from"})

    dockerfile: FilePath = Field("Dockerfile", description="Path of the Dockerfile. Default: `Dockerfile` in the context.")
    context: FilePath = Field(".", description="Folder that the build may read. Default: the Dockerfile's folder.")
    target: Word | None = Field(None, description="Stage of the Dockerfile to build. Default: the last one.")
    args: dict[VariableName, AnyText] = Field(default_factory=dict, description="Build arguments.")


class Image(Section):
    """The container image of a workload that nothing connects to."""

    unsupported = frozenset({"credentials", "labels", "depends_on", "healthcheck"})

    build: Annotated[ImageBuild, BeforeValidator(_build), OrText()] | None = Field(
        None, description="Path of the Dockerfile, or more about the build. Paths are relative to the repository's root."
    )
    location: Word | None = Field(None, description="An existing image to use instead of building one.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """An image is built or it exists already."""
        given = [key for key in ("build", "location") if data.get(key) is not None]
        if len(given) == 2:
            yield Fault(("location",), "sentence", "an image has either `build` or `location`, not both", "remove one", "key")
        if not given:
            yield Fault(("build",), "missing", hint="such as `build: Dockerfile`, or `location` for an existing image", at="key")


class ServiceImage(Image):
    """The image of a service that others may connect to."""

    port: Port | None = Field(None, description="The port the service listens on.")


class PublicImage(ServiceImage):
    """The image of a service that the load balancer connects to."""

    port: Port = Field(description="The port the service listens on.")


class HealthCheckSettings(Section):
    """When a task counts as healthy."""

    path: Annotated[Text, AfterValidator(_check_path)] = Field("/", description="Path to ask for.")
    port: Port | None = Field(None, description="Port to ask. Default: the image's.")
    success_codes: Annotated[AnyText, AfterValidator(_success_codes)] = Field(
        "200", description="HTTP status codes of a healthy task."
    )
    healthy_threshold: Threshold = Field(2, description="So many good answers in a row make a task healthy.")
    unhealthy_threshold: Threshold = Field(2, description="So many bad answers in a row make it unhealthy.")
    interval: Annotated[Duration, Field(gt=0, le=300)] = Field(10.0, description="Time between two questions.")
    timeout: Annotated[Duration, Field(gt=0, le=120)] = Field(5.0, description="How long to wait for an answer.")
    grace_period: Annotated[Duration, Field(ge=0, le=86400)] = Field(
        60.0, description="How long a new task may take before bad answers count."
    )


class Http(Section):
    """How requests reach the service."""

    unsupported = frozenset(
        {
            "additional_rules",
            "alb",
            "alias",
            "allowed_source_ips",
            "hosted_zone",
            "redirect_to_https",
            "ssl_policy",
            "stickiness",
            "target_container",
            "targetContainer",
            "version",
        }
    )

    path: Annotated[Text, AfterValidator(_route)] = Field(
        description="Requests for this path and all below it reach the service; `/` is every path that no other service has."
    )
    healthcheck: Annotated[HealthCheckSettings, BeforeValidator(_healthcheck), OrText()] = Field(
        default_factory=HealthCheckSettings, description="The path to ask for, or more about it."
    )
    deregistration_delay: Annotated[Duration, Field(ge=0, le=3600)] = Field(
        60.0, description="How long a task may finish its requests before it is stopped."
    )


class Workload(Overridable):
    """What every kind of workload has."""

    unsupported = frozenset(
        {
            "deployment",
            "env_file",
            "exec",
            "logging",
            "network",
            "nlb",
            "observability",
            "platform",
            "publish",
            "sidecars",
            "storage",
            "taskdef_overrides",
        }
    )

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
    variables: dict[VariableName, Annotated[AnyText, BeforeValidator(_setting)]] = Field(
        default_factory=dict, description="Environment variables."
    )
    secrets: dict[VariableName, Annotated[Text, BeforeValidator(_setting)]] = Field(
        default_factory=dict, description="Environment variable to the name of the secret that holds its value."
    )


class Service(Workload):
    """What every kind of service has."""

    image: ServiceImage = Field(description="The container image.")
    count: Annotated[Whole, Field(ge=0), BeforeValidator(_count)] = Field(1, description="How many tasks run.")


class LoadBalancedWebService(Service):
    """A service that the environment's load balancer sends requests to."""

    type: Annotated[Literal["Load Balanced Web Service"], BeforeValidator(_kind)] = Field(description="The kind of workload.")
    image: PublicImage = Field(description="The container image.")
    http: Http = Field(description="How requests reach the service.")


class BackendService(Service):
    """A service that only other services of the environment can reach."""

    unsupported = Workload.unsupported | {"http"}

    type: Annotated[Literal["Backend Service"], BeforeValidator(_kind)] = Field(description="The kind of workload.")


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
        None, description="How long a run may take before it is ended and counts as failed."
    )


WorkloadManifest = LoadBalancedWebService | BackendService | ScheduledJob
WorkloadDocument = Document[LoadBalancedWebService] | Document[BackendService] | Document[ScheduledJob]


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
    if meant == "Backend Service" or (meant is None and "http" not in tree.root.data):
        return validate(source, tree, BackendService)
    return validate(source, tree, LoadBalancedWebService)
