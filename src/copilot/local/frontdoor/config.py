"""The front door's configuration as data: what Caddy is told, and the files that say where tasks answer.

Caddy loses a request now and then when it loads a configuration: closing the old listening socket resets the connections that
wait in it, and a request that arrives on an idle connection as it is closed goes unanswered. So a release must not need a load.
The configuration therefore names no task. Each service has a fixed number of slots, each slot is a file that holds
``127.0.0.1:<port>``, nothing, or the word ``paused``, and Caddy reads it for each request (its ``{file.*}`` placeholder). A
switch from one release to the next, or to more tasks or fewer, replaces files; a load is needed only when an environment, a
service or its path changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

SLOTS_FOLDER = "slots"
"""Folder of the slot files, inside Caddy's working folder."""

Json = dict[str, Any]

_SLOTS = 12
_PAUSED = "paused"
_FORWARDED = "X-Copilot-Forwarded"
# Websockets of a service that a load did not touch must not end because of it.
_STREAMS_OUTLIVE_LOADS = "24h"
# Shorter than any common server keeps an idle connection, so that Caddy never sends a request into one that is being closed.
_IDLE_CONNECTIONS = "1s"


@dataclass(frozen=True)
class Service:
    """A service behind the front door.

    Attributes:
        path: Its routing path; None if it is reached only by name, from other tasks.
        slots: As `slots_for` has it for its desired number of tasks; 0 if nothing can connect to it.
        tasks: Ports of the tasks that get requests, at most one for each slot.
        paused: Whether it has no task because it is meant to have none.
    """

    name: str
    path: str | None
    slots: int
    tasks: tuple[int, ...]
    paused: bool = False


@dataclass(frozen=True)
class EnvironmentRoutes:
    """An environment: the port that its front door answers on, and its services.

    ``addresses``: where it answers besides the loopback addresses, so that containers reach it too.
    """

    app: str
    name: str
    port: int
    services: tuple[Service, ...]
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrontDoorState:
    """All that the front door does.

    Attributes:
        internal_port: Where tasks reach each other by name, as an HTTP proxy.
        socket: Caddy's admin socket.
        loopbacks: The addresses it listens on.
    """

    environments: tuple[EnvironmentRoutes, ...]
    internal_port: int
    socket: Path
    loopbacks: tuple[str, ...]


def slots_for(count: int) -> int:
    """How many slots a service of so many tasks has: a multiple of 12, which 1, 2, 3, 4 and 6 tasks share evenly."""
    return -(-max(count, 1) // _SLOTS) * _SLOTS


def normal_path(path: str) -> str:
    """A routing path with one leading slash and no trailing one: ``api``, ``/api`` and ``/api/`` mean the same."""
    return "/" + path.strip("/")


def config(state: FrontDoorState) -> Json:
    """Caddy's configuration. Equal for two states that differ only in the tasks of their services."""
    servers = {f"{e.app}-{e.name}": _environment_server(e, state.loopbacks) for e in state.environments}
    servers["(internal)"] = _internal_server(state)
    return {
        "admin": {"listen": f"unix/{state.socket}|0600", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR", "writer": {"output": "file", "filename": "errors.log"}}}},
        # What is in flight when a configuration is loaded may take as long as a task may take to drain.
        "apps": {"http": {"grace_period": "30s", "servers": servers}},
    }


def idle_config(socket: Path) -> Json:
    """The configuration of a front door that only listens to its engine."""
    return {"admin": {"listen": f"unix/{socket}|0600", "config": {"persist": False}}}


def listening_ports(live: Json | None) -> frozenset[int]:
    """The ports that a configuration, as Caddy gives it back, listens on."""
    servers: Mapping[str, Json] = ((live or {}).get("apps") or {}).get("http", {}).get("servers", {})
    return frozenset(int(address.rpartition(":")[2]) for server in servers.values() for address in server.get("listen", []))


def slot_files(environments: Sequence[EnvironmentRoutes]) -> dict[str, str]:
    """What each slot file holds. With fewer tasks than slots, tasks are in several; with none, the files are empty."""
    return {
        _slot(environment, service, number): _content(service, number)
        for environment in environments
        for service in environment.services
        for number in range(service.slots)
    }


def _content(service: Service, number: int) -> str:
    if not service.tasks:
        return _PAUSED if service.paused else ""
    return f"127.0.0.1:{service.tasks[number % len(service.tasks)]}"


def _slot(environment: EnvironmentRoutes, service: Service, number: int) -> str:
    return ".".join(quote(part, safe="") for part in (environment.app, environment.name, service.name, str(number)))


def _placeholder(slot: str) -> str:
    return f"{{file.{SLOTS_FOLDER}/{slot}}}"


def _environment_server(environment: EnvironmentRoutes, loopbacks: Sequence[str]) -> Json:
    routed = [(normal_path(s.path), s) for s in environment.services if s.path is not None]
    longest_first = sorted(routed, key=lambda item: (-len(item[0]), item[0]))
    routes = [_route(_path_match(path), _to_service(environment, service)) for path, service in longest_first]
    nowhere = _sentence(404, f"no service of environment `{environment.name}` answers this path")
    return _server(environment.port, (*loopbacks, *environment.addresses), [*routes, _route({}, [nowhere])])


def _internal_server(state: FrontDoorState) -> Json:
    """Names of services lead to their tasks; for any other host it is a plain HTTP proxy."""
    looping = _route({"header": {_FORWARDED: ["*"]}}, [_sentence(508, "this request came from the proxy itself")])
    routes = [looping]
    for environment in state.environments:
        domain = f"{environment.name}.{environment.app}.local"
        routes += [_route({"host": [f"{s.name}.{domain}"]}, _to_service(environment, s)) for s in environment.services]
        unknown = _sentence(404, f"environment `{environment.name}` has no service of that name")
        routes.append(_route({"host": [f"*.{domain}"]}, [unknown]))
    mark = {"request": {"set": {_FORWARDED: ["1"]}}}
    default_port = {"vars": {"{http.request.port}": [""]}}
    routes.append(_route(default_port, [_proxy(["{http.request.host}:80"], headers=mark)]))
    routes.append(_route({}, [_proxy(["{http.request.hostport}"], headers=mark)]))
    return _server(state.internal_port, ["127.0.0.1"], routes)


def _to_service(environment: EnvironmentRoutes, service: Service) -> list[Json]:
    nobody = _sentence(503, f"service `{service.name}` of environment `{environment.name}` has no healthy task")
    if not service.slots:
        return [nobody]
    slots = [_placeholder(_slot(environment, service, number)) for number in range(service.slots)]
    paused = _sentence(503, f"service `{service.name}` of environment `{environment.name}` is paused")
    routes = [
        _route({"vars": {slots[0]: [""]}}, [nobody]),
        _route({"vars": {slots[0]: [_PAUSED]}}, [paused]),
        _route({}, [_proxy(slots)]),
    ]
    return [{"handler": "subroute", "routes": routes}]


def _path_match(path: str) -> Json:
    """Matches the path and all below it, as an ALB's rule ``/api``, ``/api/*``; unlike Caddy's own path matcher, by case."""
    return {} if path == "/" else {"path_regexp": {"pattern": f"^{re.escape(path)}(?:/|$)"}}


def _server(port: int, loopbacks: Sequence[str], routes: list[Json]) -> Json:
    failed = {"handler": "static_response", "status_code": "{http.error.status_code}", "body": "the service did not answer\n"}
    return {
        "listen": [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in loopbacks],
        "automatic_https": {"disable": True},
        "routes": routes,
        "errors": {"routes": [{"handle": [failed]}]},
    }


def _route(match: Json, handlers: list[Json]) -> Json:
    return {"match": [match], "handle": handlers, "terminal": True} if match else {"handle": handlers, "terminal": True}


def _proxy(dials: Sequence[str], headers: Json | None = None) -> Json:
    proxy: Json = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial} for dial in dials],
        "transport": {"protocol": "http", "keep_alive": {"idle_timeout": _IDLE_CONNECTIONS}},
        # A task that ends between two looks at its health: the request goes to the next slot, or to what is in it by then.
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            "try_duration": "2s",
            "try_interval": "50ms",
        },
        "flush_interval": -1,
        "stream_close_delay": _STREAMS_OUTLIVE_LOADS,
    }
    if headers:
        proxy["headers"] = headers
    return proxy


def _sentence(status: int, text: str) -> Json:
    return {"handler": "static_response", "status_code": status, "body": f"{text}\n"}
