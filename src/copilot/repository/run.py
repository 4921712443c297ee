"""The one place that starts git: argument lists only, no prompts, no shell, no surprising transports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

from copilot.errors import RepositoryError

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds a git process may take when the caller names no other limit."""

_CANCEL_POLL = 0.1

# What `git rev-parse --local-env-vars` names, and what receive-pack adds for its hooks: left in place they would
# point git at the repository of whoever called us, and not at the one we mean. Configuration given by the caller stays.
_REPOSITORY_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)

_FIXED_VARIABLES = {
    "LC_ALL": "C",  # messages are matched, so they must be the English ones
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # an empty value also keeps core.askPass and SSH_ASKPASS from opening a window
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",  # overrides every protocol.*.allow: no `ext::` and the like
    "GIT_OPTIONAL_LOCKS": "0",  # looking never writes
    "GIT_TRACE_REDACT": "1",
}

_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
_TOKEN_SHAPES = re.compile(
    r"\b(?:gh[a-z]_\w{16,}|github_pat_\w{16,}|glpat-[\w.-]{16,}|AT[A-Z]{2}[\w=-]{20,}|AKIA[0-9A-Z]{16})"
    r"|(?<=[Aa]uthorization: )\S+ \S+"
)


class GitError(RepositoryError):
    """A git process failed.

    Attributes:
        stderr: What it printed, without secrets.
        code: Its exit code; None when it ran out of time or was cancelled.
        timed_out: It ran out of time.
    """

    def __init__(self, command: str, stderr: str, code: int | None, *, timed_out: bool = False) -> None:
        lines = [line for line in stderr.splitlines() if line.strip()]
        if timed_out:
            reason = "it took too long"
        elif lines:
            reason = re.sub(r"^(fatal|error): ", "", lines[-1])
        else:
            reason = f"exit {code}" if code is not None else "it was stopped"
        super().__init__(f"`git {command}` failed: {reason}", details=lines[-10:])
        self.stderr = stderr
        self.code = code
        self.timed_out = timed_out


def git(
    command: str,
    *arguments: str,
    folder: Path | None = None,
    config: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    timeout: float = DEFAULT_TIMEOUT,
    cancel: Event | None = None,
) -> str:
    """Run a git command and answer with what it printed, undecodable bytes kept as surrogates.

    Args:
        command: The git subcommand.
        arguments: Its arguments; the caller puts ``--`` or ``--end-of-options`` before values that come from people.
        folder: Working directory; None: a folder that is in no repository.
        config: ``key=value`` settings for this command only.
        environment: Variables on top of this process's.
        secrets: Values that must not show in an error.
        timeout: Seconds until the process and its children are killed.
        cancel: When set meanwhile, the process and its children are killed at once.

    Raises:
        GitError: it failed, took too long or was cancelled.
        RepositoryError: git is not installed, or the folder cannot be entered.
    """
    settings = [part for setting in config for part in ("-c", setting)]
    # Unknown to the terminal: ssh cannot prompt, and a time-out can kill the helpers that git starts as one group.
    try:
        process = subprocess.Popen(
            ["git", *settings, command, *arguments],
            cwd=folder or "/",
            env=_environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        if folder is not None and not os.path.isdir(folder):  # noqa: PTH112 - unlike pathlib's it never raises
            raise RepositoryError(f"`{folder}` is not a folder") from error
        if isinstance(error, FileNotFoundError):
            raise RepositoryError("`git` was not found on this machine", hint="Install git and try again") from error
        raise RepositoryError(f"`git` cannot be started: {error.strerror}") from error
    with process:
        out, err, timed_out = _communicate(process, timeout, cancel)
    stderr = scrub(err.decode("utf-8", "replace"), secrets)
    if timed_out or (cancel is not None and cancel.is_set() and process.returncode):
        raise GitError(command, stderr, None, timed_out=timed_out)
    if process.returncode:
        raise GitError(command, stderr, process.returncode)
    return os.fsdecode(out)


def scrub(text: str, secrets: Sequence[str] = ()) -> str:
    """The text without the given secrets, without credentials in URLs and without anything that looks like a token."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _TOKEN_SHAPES.sub("***", _CREDENTIALS_IN_URL.sub("***@", text))


def without_repository(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that tie git to one repository."""
    return {name: value for name, value in environment.items() if name not in _REPOSITORY_VARIABLES}


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {**without_repository(os.environ), **_FIXED_VARIABLES, **extra}


def _communicate(process: subprocess.Popen[bytes], timeout: float, cancel: Event | None) -> tuple[bytes, bytes, bool]:
    deadline = time.monotonic() + timeout
    try:
        while True:
            left = deadline - time.monotonic()
            try:
                out, err = process.communicate(timeout=max(0.0, left if cancel is None else min(left, _CANCEL_POLL)))
            except subprocess.TimeoutExpired:
                timed_out = time.monotonic() >= deadline
                if timed_out or (cancel is not None and cancel.is_set()):
                    _kill(process)
                    out, err = process.communicate()
                    return out, err, timed_out
            else:
                return out, err, False
    except BaseException:
        _kill(process)
        raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself meanwhile
        os.killpg(process.pid, signal.SIGKILL)
