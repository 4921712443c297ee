"""What `docker` says when it fails, as sentences for the person who has to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.errors import CopilotError, DeploymentError, EngineUnavailableError, NotFoundError

_Make = Callable[[re.Match[str]], CopilotError]

_PREFIX = re.compile(r"^(docker: )?(Error response from daemon: |Error: |ERROR: )?", re.IGNORECASE)
_RUN_HELP = re.compile(r"^(Run 'docker .*--help' for more information|See 'docker .*--help'\.?)$")


def no_command() -> EngineUnavailableError:
    """There is no `docker` on the PATH."""
    return EngineUnavailableError(
        "the command `docker` is not on this machine",
        hint="Install Docker, or Podman and the `docker` command; the local engine needs neither with `env init --runtime host`",
    )


def no_answer(seconds: float) -> EngineUnavailableError:
    """The engine takes a connection and says nothing."""
    return EngineUnavailableError(
        f"the container engine does not answer within {seconds:g} s", hint="See `docker info`; it may have to be started again"
    )


def failure(output: str) -> CopilotError:
    """The error for what a `docker` command printed when it failed. A sentence of our own where the cause is known."""
    for pattern, make in _CAUSES:
        match = pattern.search(output)
        if match:
            return make(match)
    lines = [_PREFIX.sub("", line.strip()) for line in output.splitlines() if line.strip() and not _RUN_HELP.match(line.strip())]
    said = lines[-1].rstrip(".") if lines else "no reason given"
    return DeploymentError(f"the container engine refused: {said}", details=lines[:-1][-5:])


def is_conflict(output: str) -> bool:
    """Whether a container could not be made because one of its name is there."""
    return re.search(r"container name \S+ is already in use", output) is not None


def is_gone(output: str) -> bool:
    """Whether the container that something was to be done with is not there."""
    return re.search(r"no such container", output, re.IGNORECASE) is not None


def not_executed(output: str) -> str | None:
    """What was the matter, if a program printed by ``exec`` could not be executed because of its format."""
    match = re.search(r"exec \"?([^\s\"]+?)\"?: exec format error", output)
    if match is None:
        return None
    return f"`{match[1]}` cannot be executed: it is made for another processor, or is a script without `#!`"


def cpus_there(output: str) -> float | None:
    """How many CPUs there are, if a container could not be made because it asked for more."""
    match = re.search(r"as there are only (\d+) CPUs? available", output)
    return float(match[1]) if match else None


def _unreachable(match: re.Match[str]) -> CopilotError:
    where = f" at {match[1].rstrip('.')}" if match[1] else ""
    return EngineUnavailableError(
        f"no container engine answers{where}", hint="Start it, for example with `sudo systemctl start docker`"
    )


def _not_allowed(match: re.Match[str]) -> CopilotError:
    del match
    return EngineUnavailableError(
        "this user may not use the container engine: permission denied on its socket",
        hint="Add the user to the group `docker` and log in again: `sudo usermod --append --groups docker $USER`",
    )


def _no_image(match: re.Match[str]) -> CopilotError:
    return NotFoundError(f"image `{match[1].strip()}` is not on this machine", hint="Build it again")


def _not_pulled(match: re.Match[str]) -> CopilotError:
    return NotFoundError(
        f"image `{match[1]}` does not exist, or may not be read",
        hint="Check the name; a private image needs `docker login` first",
    )


def _not_in_registry(match: re.Match[str]) -> CopilotError:
    return NotFoundError(f"image `{match[2]}:{match[1]}` does not exist", hint="Check the name and the tag")


def _no_access(match: re.Match[str]) -> CopilotError:
    login = f"docker login {match[1]}".rstrip()
    return CopilotError(
        f"the registry refuses access: {match[2].strip()}", hint=f"Log in with `{login}`, as the user who runs this"
    )


def _no_registry(match: re.Match[str]) -> CopilotError:
    return CopilotError(
        f"the registry `{match[1]}` cannot be reached: {match[2].strip()}", hint="Check the image's name and the network"
    )


def _port_taken(match: re.Match[str]) -> CopilotError:
    return DeploymentError(f"port {match[1]} is taken by another program", hint="Try again: another port is chosen then")


def _disk_full(match: re.Match[str]) -> CopilotError:
    del match
    return DeploymentError(
        "the disk of the container engine is full",
        hint="Free space: `docker system df` shows what takes it, `docker image prune` helps",
    )


def _no_program(match: re.Match[str]) -> CopilotError:
    return DeploymentError(
        f"`{match[1]}` is not in the image, so the container cannot start",
        hint="Check `entrypoint`, `command` and the Dockerfile",
    )


def _not_executable(match: re.Match[str]) -> CopilotError:
    return DeploymentError(
        f"`{match[1]}` is not executable, so the container cannot start",
        hint="Run `chmod +x` on it, or COPY it with `--chmod=755`",
    )


def _platform(match: re.Match[str]) -> CopilotError:
    return DeploymentError(f"the image is not made for the platform that was asked for: {match[0]}", hint="Change `platform`")


def _other_platform(match: re.Match[str]) -> CopilotError:
    return DeploymentError(
        f"the image is made for {match[2]}, and {match[1]} was asked for",
        hint="Change `platform`, or use an image that is made for it",
    )


def _no_networks(match: re.Match[str]) -> CopilotError:
    del match
    return DeploymentError(
        "the container engine has no addresses left for another network",
        hint="Delete some: `docker network prune` removes unused ones",
    )


_TAKEN = (
    r"(?:listen tcp\d? \S*?:|Bind for \S*?:|port )(\d+)"
    r"(?:: bind: address already in use| failed: port is already allocated| is already allocated)"
)

# The first that matches counts.
_CAUSES: tuple[tuple[re.Pattern[str], _Make], ...] = (
    (re.compile(r"permission denied.*(?:socket|docker\.sock|daemon)", re.IGNORECASE), _not_allowed),
    (re.compile(r"(?:Cannot connect to the Docker daemon|Cannot connect to Podman)(?: at (\S+))?", re.IGNORECASE), _unreachable),
    (re.compile(r"error during connect:()", re.IGNORECASE), _unreachable),
    (re.compile(r"failed to connect to the docker API(?: at (\S+?))?;", re.IGNORECASE), _unreachable),
    (re.compile(r"no space left on device", re.IGNORECASE), _disk_full),
    (re.compile(_TAKEN), _port_taken),
    (re.compile(r"does not match the specified platform: wanted (\S+), actual: ([^\s.]+)"), _other_platform),
    (
        re.compile(r"image with reference .* (?:platform|did not match).*|no matching manifest for .*|exec format error"),
        _platform,
    ),
    (re.compile(r"exec: \"([^\"]+)\":.*(?:no such file or directory|executable file not found)"), _no_program),
    (re.compile(r"exec: \"([^\"]+)\":.*permission denied"), _not_executable),
    (re.compile(r"pull access denied for ([^\s,]+)"), _not_pulled),
    (re.compile(r"(?:manifest for|repository) (\S+) not found"), _not_pulled),
    (re.compile(r"reading manifest (\S+) in (\S+): manifest unknown"), _not_in_registry),
    (re.compile(r"(?:Head|Get) \"https?://([^/\"]+)/[^\"]*\": (no basic auth credentials|unauthorized.*|denied.*)"), _no_access),
    (re.compile(r"()((?:unauthorized|denied): .*)"), _no_access),
    (re.compile(r"(?:Head|Get) \"https?://([^/\"]+)/[^\"]*\": (.*)"), _no_registry),
    (re.compile(r"No such image: (?:docker\.io/library/(?=sha256:))?(\S+?):?(?:\s|$)", re.IGNORECASE), _no_image),
    (re.compile(r"Unable to find image '([^']+)' locally"), _no_image),
    (re.compile(r"non-overlapping IPv4 address pool|all predefined address pools have been fully subnetted"), _no_networks),
)
