"""Why `docker build` failed, in one sentence: of what the classic builder, BuildKit or Podman printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from copilot.docker.failures import failure, not_executed
from copilot.errors import BuildError, EngineUnavailableError

_STEP = re.compile(r"Step (\d+)/\d+ : (.*)")
_RUN_FAILED = re.compile(r"The command '(.*)' returned a non-zero code: (\d+)", re.DOTALL)
_PARSE = re.compile(r"[Dd]ockerfile parse error (?:on )?line (\d+): (.*)")
_KIT_PLACE = re.compile(r"^\S+:(\d+)$")
_KIT_RUN = re.compile(r"did not complete successfully: exit code: (\d+)")
_KIT_STEP = re.compile(r"^ > \[.*?\d+/\d+\] (.*):$")
_KIT_REASON = re.compile(r"(?:ERROR: )?failed to (?:solve|build): (.*)")
_KIT_MARK = re.compile(r"^\s*(\d+) \| >>> (.*)$")
_MISSING = re.compile(r"(?:COPY|ADD) failed: .*?: (?:stat|lstat) ([^:]+): (?:file does not exist|no such file or directory)")
_KIT_MISSING = re.compile(
    r"(?:failed to calculate checksum of ref [^:]*|failed to compute cache key)[^\"]*\"([^\"]+)\": not found"
)
_TARGET = re.compile(r"(?:failed to reach build target|target stage|[Tt]he target) \"?([\w.-]+)\"?")
_NO_DOCKERFILE = re.compile(
    r"(?:unable to prepare context: unable to evaluate symlinks in Dockerfile path|failed to read dockerfile)"
)
_FULL = re.compile(r"no space left on device", re.IGNORECASE)
_PODMAN_STEP = re.compile(r"(?:\[(\d+)/\d+\] )?STEP (\d+)/\d+: (.*)")
_PODMAN_REASON = re.compile(r"^(?:Error: )?building at STEP \".*?\": (?:Build error: )?(.*)$", re.MULTILINE)
_PODMAN_RUN = re.compile(r"while running runtime: exit status (\d+)")
_PODMAN_MISSING = re.compile(r"copier: stat: \"([^\"]+)\": no such file or directory")
_PODMAN_UNKNOWN = re.compile(r"[Uu]nknown instruction: \"(\w+)\".*")
_BANNER = re.compile(
    r"\s*(?:--->.*|Removing intermediate container .*|Sending build context .*|Step \d+/\d+ : .*"
    r"|(?:\[\d+/\d+\] )?STEP \d+/\d+: .*|--> .*|(?:Error: )?building at STEP .*)"
)
_TAIL = 15

EMULATOR = "install QEMU for it, on Debian with `apt-get install qemu-user-static`"


def explain(dockerfile: Path, name: str, lines: Sequence[str], code: int) -> BuildError:
    """The error of a build.

    Args:
        dockerfile: What was built.
        name: How a person calls it.
        lines: The last lines that `docker build` printed.
        code: Its exit code.
    """
    text = "\n".join(lines)
    if _FULL.search(text):
        return BuildError(
            f"{_place(name, _line(dockerfile, lines))}the disk is full",
            hint="Free space: `docker system df` shows what takes it, and `docker builder prune` and `docker image prune` help",
            details=_tail(lines),
        )
    if _NO_DOCKERFILE.search(text):
        return BuildError(f"`{name}` cannot be read", hint="Check `image.build` of the manifest")
    parse = _PARSE.search(text)
    if parse:
        return BuildError(f"{name}:{parse[1]}: {parse[2]}")
    target = _TARGET.search(text)
    if target:
        return BuildError(f"{name} has no stage `{target[1]}`", hint="Check `image.build.target` of the manifest")
    place = _place(name, _line(dockerfile, lines))
    step = _step(lines)
    missing = _MISSING.search(text) or _KIT_MISSING.search(text) or _PODMAN_MISSING.search(text)
    if missing:
        return BuildError(
            f"{place}`{missing[1].lstrip('/')}` is not in the build context",
            hint="Paths are relative to `image.build.context`; `.dockerignore` may leave it out",
        )
    ran = _RUN_FAILED.search(text) or _KIT_RUN.search(text) or _PODMAN_RUN.search(text)
    if ran:
        exit_code = ran[ran.re.groups]
        why = not_executed(text)
        return BuildError(
            f"{place}`{_short(step or ran[1])}` failed: {why or f'exit {exit_code}'}",
            hint=f"To build for another platform, the engine needs an emulator: {EMULATOR}" if why else None,
            details=_tail(lines),
        )
    return _other(place, text, lines, code)


def _other(place: str, text: str, lines: Sequence[str], code: int) -> BuildError:
    reason = _KIT_REASON.search(text) or _PODMAN_REASON.search(text)
    error = failure(_PODMAN_UNKNOWN.sub(r"unknown instruction: \1", reason[1]) if reason else text)
    if isinstance(error, EngineUnavailableError):
        return BuildError(error.message, hint=error.hint)
    said = error.message.removeprefix("the container engine refused: ")
    return BuildError(f"{place}{said or f'exit {code}'}", hint=error.hint, details=_tail(lines))


def _step(lines: Sequence[str]) -> str | None:
    """The instruction that was carried out last."""
    for line in reversed(lines):
        match = _STEP.fullmatch(line) or _KIT_MARK.match(line) or _PODMAN_STEP.fullmatch(line)
        if match:
            return match[match.re.groups].strip()
        kit = _KIT_STEP.match(line)
        if kit:
            return kit[1]
    return None


def _line(dockerfile: Path, lines: Sequence[str]) -> int | None:
    """Where in the Dockerfile the instruction is that was carried out last; None if that cannot be told."""
    for line in reversed(lines):
        kit = _KIT_PLACE.match(line)
        if kit and line.startswith(dockerfile.name):
            return int(kit[1])
        classic = _STEP.fullmatch(line)
        if classic:
            return _line_of_step(dockerfile, int(classic[1]), classic[2])
        podman = _PODMAN_STEP.fullmatch(line)
        if podman:
            return _line_of_step(dockerfile, int(podman[2]), podman[3], stage=int(podman[1] or 1))
    return None


def _line_of_step(dockerfile: Path, number: int, text: str, stage: int | None = None) -> int | None:
    """``stage``: the one in which steps are counted; None: they are counted from the beginning."""
    from dockerfile_parse import DockerfileParser  # noqa: PLC0415 - 60 ms that only a failed build needs

    try:
        with dockerfile.open("rb") as file:
            steps = [s for s in DockerfileParser(fileobj=file).structure if s["instruction"] != "COMMENT"]
        begins = [index for index, step in enumerate(steps) if step["instruction"] == "FROM"]
        step = steps[number - 1 + (begins[stage - 1] if stage is not None else 0)]
    except (OSError, IndexError, ValueError):
        return None
    return int(step["startline"]) + 1 if text.upper().startswith(step["instruction"]) else None


def _place(name: str, line: int | None) -> str:
    return f"{name}:{line}: " if line is not None else f"{name}: "


def _tail(lines: Sequence[str]) -> tuple[str, ...]:
    """What the failed step printed, as far as it is known."""
    said = [line for line in lines if line.strip() and not _BANNER.fullmatch(line)]
    return tuple(said[-_TAIL:])


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"
