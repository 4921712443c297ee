"""What must fit between the containers of a task. Read off a manifest before it is validated, next to all other faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from copilot.errors import KeyPath
from copilot.manifest.faults import Fault
from copilot.manifest.logs import LOG_ROUTER
from copilot.manifest.scalars import flag_of
from copilot.manifest.values import plain, shown


def task_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong between the containers of a workload, its volumes and its routing rules."""
    main = str(data.get("name", ""))
    sidecars = {name: _mapping(sidecar) for name, sidecar in _mapping(data.get("sidecars")).items()}
    if main in sidecars:
        text = f"sidecar `{main}` is called as the workload, whose main container has that name"
        yield Fault(("sidecars", main), "sentence", text, "give it another name", "key")
    yield from _volume_faults(data, sidecars)
    yield from _port_faults(data, sidecars)
    yield from _target_faults(data, main, sidecars)
    yield from _order_faults(data, main, sidecars)
    connect = _mapping(_mapping(data.get("network")).get("connect"))
    if "alias" in connect and "port" not in _mapping(data.get("image")):
        text = "`alias` needs a port that others connect to"
        yield Fault(("network", "connect", "alias"), "sentence", text, "write `port` under `image`, or `connect: true`", "key")


def _volume_faults(data: Mapping[str, Any], sidecars: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    volumes = list(_mapping(_mapping(data.get("storage")).get("volumes")))
    for name, sidecar in sidecars.items():
        mounts = sidecar.get("mount_points")
        for index, mount in enumerate(mounts if isinstance(mounts, list) else ()):
            source = _mapping(mount).get("source_volume")
            if isinstance(source, str) and source not in volumes:
                there = f"there are: {', '.join(volumes)}" if volumes else "name it in `storage.volumes`"
                path: KeyPath = ("sidecars", name, "mount_points", index, "source_volume")
                yield Fault(path, "sentence", f"the workload has no volume {shown(source)}", there)


def _port_faults(data: Mapping[str, Any], sidecars: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """Containers of a task have one network interface."""
    taken: dict[str, str] = {}
    main = _number(_mapping(data.get("image")).get("port"))
    if main:
        taken[main] = "the main container"
    for name, sidecar in sidecars.items():
        port = _number(sidecar.get("port"))
        if port in taken:
            path: KeyPath = ("sidecars", name, "port")
            yield Fault(path, "value", f"is where {taken[port]} listens, and they share their ports: {port}")
        elif port:
            taken[port] = f"sidecar `{name}`"


def _number(port: Any) -> str:
    """The number of a port, without ``/tcp``; empty if there is none."""
    return "" if plain(port) is None else str(port).partition("/")[0]


def _target_faults(data: Mapping[str, Any], main: str, sidecars: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    http = _mapping(data.get("http"))
    more = http.get("additional_rules")
    rules: list[tuple[KeyPath, Mapping[str, Any]]] = [(("http",), http)]
    rules += [(("http", "additional_rules", i), _mapping(rule)) for i, rule in enumerate(more if isinstance(more, list) else ())]
    for at, rule in rules:
        target = rule.get("target_container")
        if not isinstance(target, str) or target == main:
            continue
        path = (*at, "target_container")
        if target not in sidecars:
            yield Fault(path, "sentence", f"the workload has no container {shown(target)}", _there([main, *sidecars]))
        elif "port" not in sidecars[target] and "target_port" not in rule:
            yield Fault(path, "sentence", f"sidecar {shown(target)} has no port that requests could go to", "give it a `port`")


def _order_faults(data: Mapping[str, Any], main: str, sidecars: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """The containers that others wait for exist, can come so far, and do not wait for each other."""
    waits = {name: _mapping(sidecar.get("depends_on")) for name, sidecar in sidecars.items()}
    waits[main] = _mapping(_mapping(data.get("image")).get("depends_on"))
    essential = {main, *(name for name, sidecar in sidecars.items() if flag_of(sidecar.get("essential")) is not False)}
    if _mapping(data.get("logging")).keys() - {"retention"}:
        waits[LOG_ROUTER] = {}
        essential.add(LOG_ROUTER)
    reported: set[frozenset[str]] = set()
    for name, conditions in waits.items():
        at: KeyPath = ("image", "depends_on") if name == main else ("sidecars", name, "depends_on")
        for other, state in conditions.items():
            circle = _way(waits, other, name)
            ended = state.lower() if isinstance(state, str) else ""
            if other not in waits:
                hint = _there([container for container in waits if container != name])
                yield Fault((*at, other), "sentence", f"the workload has no container {shown(other)}", hint, "key")
            elif circle and frozenset(circle) not in reported:
                reported.add(frozenset(circle))
                text = (
                    f"containers wait for each other: {' → '.join([name, *circle])}"
                    if other != name
                    else f"`{name}` waits for itself"
                )
                yield Fault((*at, other), "sentence", text, "remove one of them", "key")
            elif not circle and other in essential and ended in ("complete", "success"):
                hint = f"write `start` or `healthy`, or `essential: false` in `{other}`"
                yield Fault((*at, other), "value", f"cannot be `{ended}`: the task ends when `{other}` does", hint)


def _way(waits: Mapping[str, Mapping[str, Any]], start: str, goal: str) -> list[str]:
    """Containers from one to another, each waiting for the next, both included; empty if there is no such way."""
    ways = [[start]]
    seen = {start}
    for way in ways:
        if way[-1] == goal:
            return way
        onward = [other for other in waits.get(way[-1], ()) if other not in seen]
        seen.update(onward)
        ways += [[*way, other] for other in onward]
    return []


def _there(containers: Iterable[str]) -> str:
    names = ", ".join(container for container in containers if container)
    return f"there are: {names}" if names else "name it in `sidecars`"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
