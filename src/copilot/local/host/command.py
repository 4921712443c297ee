"""What exactly a task on the host runtime executes: program, arguments, variables and folder, on this machine.

An image believes its files are at ``/``; here they are in a folder. Any argument of its command, and any value of its ENV or
of the manifest's variables, that is an absolute path existing in the image becomes that file's real path. ``/`` itself stays,
as it is more often a URL's path than a folder. Lists of paths (``/app:/app/lib``) and ``--flag=/app/file`` are understood, and
so is a script given to ``sh -c``. A path inside any other text, such as a URL, stays as it is.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from copilot.errors import DeploymentError
from copilot.local.host.images import ImageConfig
from copilot.local.runtime import TaskSpec
from copilot.release.description import ReleaseDescription

TASK_VARIABLE = "COPILOT_TASK_ID"
"""Set for every process of a task; tells them from all others."""

_KEPT_VARIABLES = ("HOME", "LANG", "TMPDIR", "USER")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
_SCRIPT_FLAG = re.compile(r"-[a-zA-Z]*c")
_OPTION_WITH_PATH = re.compile(r"([\w.-]+=)(/.*)", re.DOTALL)
# Quoted pieces of a shell script, escaped characters, and bare absolute paths that begin a word.
_SCRIPT_PIECES = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|(?<![\w./:$}-])/[\w./+@%-]+""", re.DOTALL)
_SCRIPT_PATH = re.compile(r"(?<![\w./:$}-])/[\w./+@%-]+")


@dataclass(frozen=True)
class Command:
    """A program to execute. ``environment`` is complete, may hold secrets, and is therefore not shown."""

    argv: tuple[str, ...]
    workdir: Path
    environment: Mapping[str, str] = field(repr=False)


def prepare(config: ImageConfig, root: Path, spec: TaskSpec, machine: Mapping[str, str], tools: Path) -> Command:
    """What a task executes.

    Args:
        config: The image's.
        root: The task's copy of the image's file system.
        spec: The task.
        machine: The environment variables of this machine; of these only PATH, HOME, LANG, TMPDIR and USER are passed on.
        tools: A folder with programs for when the machine has none of that name; the last entry of PATH.

    Raises:
        DeploymentError: There is no command, or no such program.
    """
    description = spec.description
    argv = combine(config, description)
    if not argv:
        raise DeploymentError(
            f"the image of `{description.workload}` says no command to run",
            hint=f"Its base image `{config.base}` is not used on this machine: add a CMD to the Dockerfile",
        )
    environment = _environment(config, root, spec, machine, tools)
    odd = sorted(name for name in environment if not _VARIABLE.fullmatch(name))
    if odd:
        # The supervising shell would drop it without a word.
        raise DeploymentError(
            f"the host runtime cannot set a variable named `{odd[0]}`",
            hint="Use letters, digits and `_`, and no digit at the start",
        )
    workdir = Path(f"{root}{config.workdir}")
    program = _program(argv[0], root, workdir, environment["PATH"])
    return Command((program, *_arguments(argv, root)), workdir, environment)


def combine(config: ImageConfig, description: ReleaseDescription) -> tuple[str, ...]:
    """Entry point and command as a container engine combines them: a release's own entry point drops the image's command."""
    if description.entrypoint:
        return (*description.entrypoint, *(description.command or ()))
    command = config.command if description.command is None else description.command
    return (*(config.entrypoint or ()), *(command or ()))


def localise(text: str, root: Path) -> str:
    """The real path if the text is an absolute path that exists in the image (and is not ``/``); else the text."""
    if text.startswith("/") and text.strip("/") and "\0" not in text and os.path.lexists(f"{root}{text}"):
        return f"{root}{text}"
    return text


def localise_list(text: str, root: Path) -> str:
    """The same for a list of absolute paths, separated by colons."""
    parts = text.split(":")
    if any(part and not part.startswith("/") for part in parts):
        return text
    return ":".join(localise(part, root) for part in parts)


def localise_script(script: str, root: Path) -> str:
    """The same for every absolute path that begins a word of a shell script, inside quotes or not."""

    def changed(match: re.Match[str], quote: Callable[[str], str]) -> str:
        place = localise(match[0], root)
        return match[0] if place == match[0] else quote(place)

    def piece(match: re.Match[str]) -> str:
        kind = match[0][0]
        if kind == "'":
            return _SCRIPT_PATH.sub(lambda m: changed(m, lambda place: place.replace("'", "'\\''")), match[0])
        if kind == '"':
            return _SCRIPT_PATH.sub(lambda m: changed(m, lambda place: re.sub(r'([\\"$`])', r"\\\1", place)), match[0])
        return match[0] if kind == "\\" else changed(match, shlex.quote)

    return _SCRIPT_PIECES.sub(piece, script)


def _arguments(argv: tuple[str, ...], root: Path) -> tuple[str, ...]:
    script_at = None
    if Path(argv[0]).name in _SHELLS:
        script_at = next((n for n, text in enumerate(argv[:-1], 1) if _SCRIPT_FLAG.fullmatch(text)), None)
    arguments: list[str] = []
    for number, text in enumerate(argv[1:], 1):
        if number == script_at:
            arguments.append(localise_script(text, root))
        elif match := _OPTION_WITH_PATH.fullmatch(text):
            arguments.append(match[1] + localise(match[2], root))
        else:
            arguments.append(localise(text, root))
    return tuple(arguments)


def _environment(config: ImageConfig, root: Path, spec: TaskSpec, machine: Mapping[str, str], tools: Path) -> dict[str, str]:
    environment = {name: machine[name] for name in _KEPT_VARIABLES if name in machine}
    environment |= {name: localise_list(value, root) for name, value in config.env.items()}
    for name, value in spec.variables.items():
        # Only what people wrote into the manifest may be a path of the image; a secret is never touched.
        written = spec.description.variables.get(name) == value and name not in spec.description.secrets
        environment[name] = localise_list(value, root) if written else value
    own = [entry for entry in environment.get("PATH", "").split(":") if entry.startswith(f"{root}/")]
    environment["PATH"] = ":".join([*own, machine.get("PATH", os.defpath), str(tools)])
    if spec.port is not None:
        environment["PORT"] = str(spec.port)
    environment[TASK_VARIABLE] = spec.id
    return environment


def _program(name: str, root: Path, workdir: Path, path: str) -> str:
    if "/" in name:
        place = Path(localise(name, root)) if name.startswith("/") else workdir / name
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
        if place.is_file():
            raise DeploymentError(
                f"`{name}` is not executable", hint="Run `chmod +x` on it and commit that, or COPY it with `--chmod=755`"
            )
    # A path that only the base image has, such as /usr/local/bin/python, means the machine's program of that name.
    found = shutil.which(name if "/" not in name else Path(name).name, path=path) if not name.startswith(".") else None
    if found is None:
        raise DeploymentError(
            f"no such command `{name}`",
            hint="The host runtime uses the programs of this machine: install it, or COPY it into the image",
        )
    return found
