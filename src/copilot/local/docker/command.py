"""Command lines of `docker` for containers, networks and volumes, as argument lists. No value of a variable is in any of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from copilot.docker.command import Arguments
from copilot.release.description import ContainerCheck

EVENTS = ("start", "die", "oom", "destroy", "pause", "unpause", "health_status", "died", "remove")
"""What changes the state of a container, as far as anyone asks for it. The last two are Podman's words for two of the others."""

_LONGEST_LOG = "20000"


@dataclass(frozen=True)
class Mount:
    """A named volume inside a container."""

    volume: str
    path: str
    read_only: bool


@dataclass(frozen=True)
class Container:
    """A container to run.

    Attributes:
        network: A network, or ``container:<name>`` for that of another container.
        aliases: Names in the network.
        hosts: Further names and their addresses.
        publish: Loopback port and container port, or None.
        cpus: Cores; memory: MiB; None: no limit of its own.
        inherited: Names of the variables whose values the client has in its own environment.
        described: Whether further variables come as an environment file on the standard input.
        stop_seconds: Between being asked to stop and being killed.
    """

    name: str
    image: str
    network: str
    labels: Mapping[str, str]
    aliases: Sequence[str] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    publish: tuple[int, int] | None = None
    inherited: Sequence[str] = ()
    described: bool = False
    cpus: float | None = None
    memory: int | None = None
    platform: str | None = None
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] | None = None
    mounts: Sequence[Mount] = ()
    check: ContainerCheck | None = None
    stop_seconds: float = 10.0


def run(container: Container) -> Arguments:
    """Create and start a container in the background; prints its id. The image is never pulled."""
    c = container
    arguments = ["run", "--detach", "--pull", "never", "--name", c.name, *_labels(c.labels), "--network", c.network]
    if not c.network.startswith("container:"):
        arguments += [part for alias in c.aliases for part in ("--network-alias", alias)]
        arguments += [part for name, address in c.hosts.items() for part in ("--add-host", f"{name}:{address}")]
    if c.publish is not None:
        arguments += ["--publish", f"127.0.0.1:{c.publish[0]}:{c.publish[1]}"]
    arguments += [part for name in c.inherited for part in ("--env", name)]
    if c.described:
        arguments += ["--env-file", "/dev/stdin"]
    if c.cpus is not None:
        arguments += ["--cpus", f"{c.cpus:.3f}"]
    if c.memory is not None:
        # As much with swap as without: a task that needs more is ended, as on ECS, and does not slow the machine down.
        arguments += ["--memory", f"{c.memory}m", "--memory-swap", f"{c.memory}m"]
    if c.platform is not None:
        arguments += ["--platform", c.platform]
    for mount in c.mounts:
        arguments += ["--mount", _mount(mount)]
    arguments += [*_health(c.check), "--stop-timeout", str(round(c.stop_seconds))]
    arguments += ["--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=3"]
    entrypoint = list(c.entrypoint) if c.entrypoint is not None else None
    if entrypoint is not None:
        arguments += ["--entrypoint", entrypoint[0] if entrypoint else ""]
    return [*arguments, c.image, *(entrypoint or [])[1:], *(c.command or ())]


def stop(names: Iterable[str], grace_period: float) -> Arguments:
    """Ask containers to stop, and kill those that have not after ``grace_period`` seconds."""
    return ["stop", "-t", str(round(grace_period)), *names]


def remove(names: Iterable[str]) -> Arguments:
    """Kill and delete containers with their nameless volumes. It is no error if one is not there."""
    return ["rm", "--force", "--volumes", *names]


def list_containers(labels: Mapping[str, str]) -> Arguments:
    """Ids of all containers with these labels, running or not, one a line."""
    return ["ps", "--all", "--quiet", "--no-trunc", *_filters(labels)]


def inspect(names: Iterable[str]) -> Arguments:
    """All about containers, as a JSON list. Those that are not there are left out, and the exit code tells of them."""
    return ["inspect", "--type", "container", *names]


def events(labels: Mapping[str, str], since: float) -> Arguments:
    """What happens to containers with these labels, one JSON value a line, without an end. ``since`` is a time of the epoch."""
    wanted = [part for event in EVENTS for part in ("--filter", f"event={event}")]
    return [
        "events",
        "--since",
        f"{since:.3f}",
        "--filter",
        "type=container",
        *_filters(labels),
        *wanted,
        "--format",
        "{{json .}}",
    ]


def logs(name: str, *, since: str = "", lines: int | None = None) -> Arguments:
    """What a container printed, each line after its time."""
    begin = ["--since", since] if since else []
    return ["logs", "--timestamps", "--tail", _LONGEST_LOG if lines is None else str(lines), *begin, name]


def execute(name: str, argv: Sequence[str], *, interactive: bool) -> Arguments:
    """Run a command inside a container."""
    return ["exec", "--interactive", *(["--tty"] if interactive else []), name, *argv]


def create_network(name: str, labels: Mapping[str, str]) -> Arguments:
    """Make a network."""
    return ["network", "create", *_labels(labels), name]


def remove_network(name: str) -> Arguments:
    """Delete a network."""
    return ["network", "rm", name]


def list_networks(labels: Mapping[str, str]) -> Arguments:
    """Ids of all networks with these labels, one a line."""
    return ["network", "ls", "--quiet", *_filters(labels)]


def gateways(networks: Iterable[str]) -> Arguments:
    """Gateways and subnets of networks, for each a line of JSON."""
    return ["network", "inspect", "--format", "{{json .IPAM.Config}}", *networks]


def create_volume(name: str, labels: Mapping[str, str]) -> Arguments:
    """Make a volume. It is no error if it is there."""
    return ["volume", "create", *_labels(labels), name]


def list_volumes(labels: Mapping[str, str]) -> Arguments:
    """Names of all volumes with these labels, one a line."""
    return ["volume", "ls", "--quiet", *_filters(labels)]


def remove_volumes(names: Iterable[str]) -> Arguments:
    """Delete volumes."""
    return ["volume", "rm", "--force", *names]


def current_context() -> Arguments:
    """The name of the client's context, and the address of its engine."""
    return ["context", "inspect", "--format", "{{.Name}} {{.Endpoints.docker.Host}}"]


def components() -> Arguments:
    """What the engine is made of, a name a line."""
    return ["version", "--format", "{{range .Server.Components}}{{println .Name}}{{end}}"]


def _labels(labels: Mapping[str, str]) -> Arguments:
    return [part for name, value in labels.items() for part in ("--label", f"{name}={value}")]


def _filters(labels: Mapping[str, str]) -> Arguments:
    """For what has these labels; with an empty value, the label may have any."""
    wanted = (f"{name}={value}" if value else name for name, value in labels.items())
    return [part for label in wanted for part in ("--filter", f"label={label}")]


def _mount(mount: Mount) -> str:
    parts = ["type=volume", f"source={mount.volume}", f"target={mount.path}"]
    if mount.read_only:
        parts.append("readonly")
    return ",".join(_csv(part) for part in parts)


def _csv(text: str) -> str:
    """A field of a line of comma-separated values, which is what ``--mount`` reads."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _health(check: ContainerCheck | None) -> Arguments:
    if check is None:
        # An image's own HEALTHCHECK counts nowhere else either: not on ECS, not on the host runtime.
        return ["--no-healthcheck"]
    return [
        "--health-cmd",
        shell_line(check.command),
        "--health-interval",
        f"{check.interval:g}s",
        "--health-retries",
        str(check.retries),
        "--health-timeout",
        f"{check.timeout:g}s",
        "--health-start-period",
        f"{check.start_period:g}s",
    ]


def shell_line(command: Sequence[str]) -> str:
    """A health check's command as the shell line that `docker run` takes, whether it was written as one or as a list."""
    kind, *rest = command
    if kind == "CMD-SHELL":
        return " ".join(rest)
    return shlex.join(rest if kind == "CMD" else command)
