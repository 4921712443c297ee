"""How containers reach this machine, where the front door is: by which name, and at which of its addresses."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_network
from threading import Lock

from copilot.docker.client import Answer, Docker
from copilot.errors import EngineUnavailableError
from copilot.local.docker import command, names

_DOCKERS_NETWORK = "bridge"
_DOCKERS_NAME = "host.docker.internal"
_PODMANS_NAME = "host.containers.internal"

_log = logging.getLogger(__name__)


class Bridge:
    """From the containers of a home to this machine.

    With Docker, containers of all networks reach this machine at the gateway of Docker's own network. Podman makes a network's
    bridge only while containers are in it, and knows a name for each network's gateway.
    """

    def __init__(self, docker: Docker, home: str) -> None:
        self._docker = docker
        self._home = home
        self._podman: bool | None = None
        self._gateways: tuple[str, ...] | None = None
        self._lock = Lock()

    def name(self) -> str:
        """What containers call this machine."""
        return _PODMANS_NAME if self._is_podman() else _DOCKERS_NAME

    def hosts(self) -> Mapping[str, str]:
        """Names and addresses that a container must be told so that it finds this machine."""
        return {} if self._is_podman() else {_DOCKERS_NAME: "host-gateway"}

    def addresses(self) -> tuple[str, ...]:
        """Addresses where containers reach this machine now. Where an engine runs in a virtual machine there are none."""
        if sys.platform != "linux":
            return ()
        with self._lock:
            if self._gateways is not None:
                return self._gateways
            podman = self._is_podman()
            networks = self._networks() if podman else [_DOCKERS_NETWORK]
            answer = self._ask(command.gateways(networks)) if networks else None
            if answer is None:
                return ()
            found = tuple(address for address in _gateways(answer.text.splitlines()) if _is_ours(address))
            if not podman:
                self._gateways = found
            return found

    def _networks(self) -> list[str]:
        answer = self._ask(command.list_networks({names.HOME: self._home}))
        return answer.text.split() if answer is not None else []

    def _is_podman(self) -> bool:
        if self._podman is None:
            answer = self._ask(command.components())
            if answer is None:
                return False
            self._podman = "Podman Engine" in answer.text.splitlines()
        return self._podman

    def _ask(self, arguments: Sequence[str]) -> Answer | None:
        """The answer, or None if there is none to be had."""
        try:
            answer = self._docker.ask(arguments)
        except EngineUnavailableError as error:
            _log.warning("%s", error.message)
            return None
        return None if answer.code else answer


def _gateways(networks: Iterable[str]) -> list[str]:
    """The gateways of networks; the first address of a subnet for which none is told, as some engines do."""
    found = []
    for part in (part for line in networks for part in json.loads(line) or []):
        with suppress(ValueError):
            found.append(part.get("Gateway") or str(next(ip_network(part["Subnet"]).hosts())))
    return found


def _is_ours(address: str) -> bool:
    """Whether this machine has an address: it can listen on it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
