"""What of a manifest cannot be honoured outside of AWS: by the local engine, or by its runtime without containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from copilot.errors import KeyPath, Problem
from copilot.manifest.containers import SidecarSettings
from copilot.manifest.http import Http
from copilot.manifest.variables import FromCfn
from copilot.manifest.workload import BackendService, LoadBalancedWebService, Workload
from copilot.release.description import ReleaseDescription


@dataclass(frozen=True)
class Refusal:
    """A key that the local engine refuses, because a workload that has it would not behave as asked.

    Attributes:
        key: The key, as the reference lists it.
        reason: Why; it follows the key in a sentence.
        hint: What to do.
        find: Where it is in a manifest that is resolved for an environment.
    """

    key: str
    reason: str
    hint: str
    find: Callable[[Workload], Iterable[KeyPath]]


_NONE = "write `[]` for this environment under `environments`"
_OVERRIDE = "give it another value for this environment under `environments`"


def _type(manifest: Workload) -> Iterator[KeyPath]:
    if manifest.type == "Worker Service":
        yield ("type",)


def _topics(manifest: Workload) -> Iterator[KeyPath]:
    if manifest.publish.topics:
        yield ("publish", "topics")


def _imports(manifest: Workload) -> Iterator[KeyPath]:
    own: list[tuple[KeyPath, Workload | SidecarSettings]] = [((), manifest)]
    for at, container in [*own, *((("sidecars", name), sidecar) for name, sidecar in manifest.sidecars.items())]:
        for key, values in (("variables", container.variables), ("secrets", container.secrets)):
            yield from ((*at, key, name) for name, value in values.items() if isinstance(value, FromCfn))


def _internal_http(manifest: Workload) -> Iterator[KeyPath]:
    if isinstance(manifest, BackendService) and manifest.http is not None:
        yield ("http",)


def _rules(manifest: Workload) -> Iterator[KeyPath]:
    http = _http(manifest)
    if http is not None and http.additional_rules:
        yield ("http", "additional_rules")


def _version(manifest: Workload) -> Iterator[KeyPath]:
    http = _http(manifest)
    if http is not None and http.version != "http1":
        yield ("http", "version")


def _target(manifest: Workload) -> Iterator[KeyPath]:
    http = _http(manifest)
    if http is None or not isinstance(manifest, LoadBalancedWebService):
        return
    if http.target_container not in (None, manifest.name):
        yield ("http", "target_container")
    elif http.target_port not in (None, manifest.image.port):
        yield ("http", "target_port")


def _http(manifest: Workload) -> Http | None:
    """How requests reach it from outside."""
    return manifest.http if isinstance(manifest, LoadBalancedWebService) else None


def _alias(manifest: Workload) -> Iterator[KeyPath]:
    if manifest.network.connect is not None and manifest.network.connect.alias is not None:
        yield ("network", "connect", "alias")


def _order(manifest: Workload) -> Iterator[KeyPath]:
    image: KeyPath = ("image", "depends_on")
    sidecars = ((("sidecars", name, "depends_on"), s.depends_on) for name, s in manifest.sidecars.items())
    for at, conditions in ((image, manifest.image.depends_on), *sidecars):
        yield from ((*at, name) for name, state in conditions.items() if state != "start")


def _file_systems(manifest: Workload) -> Iterator[KeyPath]:
    for name, volume in manifest.storage.volumes.items():
        if volume.efs is not None and not volume.efs.managed:
            yield ("storage", "volumes", name, "efs", "id")


REFUSED_BY_LOCAL = (
    Refusal("type: Worker Service", "is for AWS only: its queue is there", "deploy it with the aws engine", _type),
    Refusal("publish.topics", "is for AWS only: topics are there", _NONE, _topics),
    Refusal(
        "variables.<name>.from_cfn, secrets.<name>.from_cfn",
        "is for AWS only: stacks that export a value are there",
        _OVERRIDE,
        _imports,
    ),
    Refusal("http (Backend Service)", "is for AWS only: there is no internal load balancer here", "leave it out", _internal_http),
    Refusal("http.additional_rules", "is for AWS only: here a service has one path", _NONE, _rules),
    Refusal("http.version", "must be `http1` here, which the front door speaks with tasks", _OVERRIDE, _version),
    Refusal(
        "http.target_container, http.target_port", "is for AWS only: here requests go to the main container", _OVERRIDE, _target
    ),
    Refusal("network.connect.alias", "is for AWS only: here services have their own names", _OVERRIDE, _alias),
    Refusal(
        "image.depends_on, sidecars.<name>.depends_on",
        "must be `start` here: containers of a task start one after the other",
        _OVERRIDE,
        _order,
    ),
    Refusal("storage.volumes.<name>.efs.id", "is for AWS only: the file system is there", "write `efs: true`", _file_systems),
)
"""Keys that the local engine refuses."""

WITHOUT_EFFECT_HERE = {
    "count.range": "The fewest tasks run, and nothing scales.",
    "count.spot": "So many tasks run.",
    "deployment": "New tasks always start before old ones stop.",
    "exec": "`svc exec` always works.",
    "http.alias": "Requests are told apart by their path only.",
    "http.allowed_source_ips": "The front door answers on this machine only.",
    "http.redirect_to_https": "The front door speaks HTTP.",
    "http.stickiness": "Each request goes to any task.",
    "image.credentials": "Docker's own logins are used.",
    "logging": "Logs are kept with each task.",
    "network.connect": "Services always reach each other by their names.",
    "network.vpc": "All tasks of an environment are in one network.",
    "sidecars.<name>.credentialsParameter": "Docker's own logins are used.",
    "storage.ephemeral": "Tasks share this machine's disk.",
    "storage.readonly_fs": "Containers can write to their own files.",
    "storage.volumes.<name>.efs": "Volumes always outlive releases, and belong to whom the folder in the image belongs to.",
    "taskdef_overrides": "There is no task definition.",
}
"""Keys that change nothing on this machine, with what is so instead."""


def refused_by_local(manifest: Workload) -> tuple[Problem, ...]:
    """What the local engine cannot honour in a manifest that is resolved for an environment, with places in it."""
    return tuple(
        Problem(path, f"{_subject(refusal, path)} {refusal.reason}", refusal.hint, "key")
        for refusal in REFUSED_BY_LOCAL
        for path in refusal.find(manifest)
    )


def _subject(refusal: Refusal, path: KeyPath) -> str:
    return f"`{refusal.key}`" if path == ("type",) else f"`{'.'.join(map(str, path))}`"


def unsupported_by_host(description: ReleaseDescription, machine: str) -> tuple[str, ...]:
    """The settings, by their keys in a manifest, that the host runtime cannot honour; empty if it can run the release.

    Args:
        description: The release.
        machine: The platform of this machine, such as ``linux/amd64``.
    """
    found = {
        f"image.location: {description.image}": not description.image.startswith("sha256:"),
        "image.healthcheck": description.check is not None,
        "sidecars": bool(description.sidecars),
        "storage.volumes": bool(description.volumes),
        f"platform: {description.platform}": description.platform not in (None, machine),
    }
    return tuple(key for key, there in found.items() if there)
