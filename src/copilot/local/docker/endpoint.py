"""Which container engine the environments of a home are on.

The first of them settles it. After that it does not matter with which DOCKER_HOST or context somebody builds an image, or has
started the server: all of it takes place on that engine, where the images and the containers are.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from copilot.docker.client import Docker
from copilot.errors import ConflictError, UnsupportedError
from copilot.local.docker import command
from copilot.local.home import Home

_LOCAL_SCHEMES = ("unix", "npipe", "fd")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
DEFAULT = "unix:///var/run/docker.sock"
"""Where `docker` looks if nothing is said."""


class Endpoint:
    """The address of a home's container engine."""

    def __init__(self, home: Home) -> None:
        self._file = home.container_engine

    def address(self) -> str | None:
        """Where it is; None as long as no environment needs one."""
        try:
            return self._file.read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None

    def settle(self, address: str) -> None:
        """Let it be this one.

        Raises:
            UnsupportedError: It is on another machine.
            ConflictError: It is another one already.
        """
        check_is_here(address)
        settled = self.address()
        if settled is None:
            temporary = self._file.with_suffix(".new")
            temporary.write_text(f"{address}\n", "utf-8")
            temporary.replace(self._file)
        elif _real(settled) != _real(address):
            raise ConflictError(
                f"environments are on the container engine at {settled}, and `docker` of this shell uses the one at {address}",
                hint="Unset DOCKER_HOST and DOCKER_CONTEXT, or run `docker context use`, to go on with the first; "
                "environments on the other one need a folder of their own in COPILOT_HOME",
            )

    def forget(self) -> None:
        """No environment needs one any more."""
        self._file.unlink(missing_ok=True)


def wanted_here() -> str | None:
    """The address that DOCKER_HOST, DOCKER_CONTEXT or `docker context use` gives to this process's `docker`; None: none does.

    Raises EngineUnavailableError if there is no `docker`.
    """
    answer = Docker().ask(command.current_context())
    name, _, address = answer.text.strip().partition(" ")
    if answer.code or not address:
        # What answers to the name of `docker` may have no contexts, as Podman's own client.
        return os.environ.get("DOCKER_HOST") or None
    return address if name != "default" or os.environ.get("DOCKER_HOST") else None


def check_is_here(address: str) -> None:
    """Raises UnsupportedError if an engine is on another machine: its containers' ports would be published there."""
    parts = urlsplit(address)
    if parts.scheme not in _LOCAL_SCHEMES and parts.hostname not in _LOCAL_HOSTS:
        raise UnsupportedError(
            f"the container engine at {address} is on another machine", hint="Use one that runs on this machine"
        )


def _real(address: str) -> str:
    """The same for all paths of a socket."""
    scheme, _, path = address.partition("://")
    return f"{scheme}://{os.path.realpath(path)}" if scheme == "unix" else address
