"""The state of a home's containers, kept current by the engine's events, so that asking for it costs nothing.

One `docker events` tells which containers changed; those are inspected. When that stream ends (the engine was restarted, or the
stream was killed) it is opened again and everything is read anew; that is also done now and then in case an event got lost.
What this process does to a container itself it writes down at once.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, RLock, Thread
from typing import Any

from copilot.docker.client import Docker
from copilot.docker.failures import failure
from copilot.errors import CopilotError
from copilot.local.docker import command, names

_SHELL = "/bin/sh"
# The shell ends `docker events` when its standard input is closed: by this process, or by its end, even if it was killed.
_EVENTS = '"$@" </dev/null & exec >&- 2>&-; read -r _; kill "$!" 2>/dev/null'
_READ_ANEW = 60.0
_SOONEST, _LATEST = 0.2, 5.0
# Events from before the first look may be told again; a clock that is a little off loses none.
_MARGIN = 5.0
_SECONDS = 10.0
_AT_ONCE = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """A container as it was last seen.

    Attributes:
        sidecar: The sidecar that it is; None for the main container of a task.
        essential: Whether the task ends when it ends.
        pid: The process on this machine; None if it is not known, or the container does not run.
        health: ``starting``, ``healthy`` or ``unhealthy``; None if it has no health check.
        memory: Its limit in MiB; 0 if there is none.
        stop_seconds: Between being asked to stop and being killed.
        said: What its health check printed last.
    """

    name: str
    id: str
    task: str
    running: bool
    sidecar: str | None = None
    essential: bool = True
    pid: int | None = None
    exit_code: int = 0
    out_of_memory: bool = False
    memory: int = 0
    stop_seconds: float = 10.0
    health: str | None = None
    said: str = ""


class Containers:
    """All containers that bear the label of a home."""

    def __init__(self, docker: Docker, home: str, ended: Callable[[str], None]) -> None:
        """``ended`` is told, on a thread of its own, the task of which a container was seen to have ended."""
        self._docker = docker
        self._labels = {names.HOME: home}
        self._ended = ended
        self._states: dict[str, State] = {}
        self._versions: Counter[str] = Counter()
        self._unavailable: CopilotError | None = None
        self._lock = RLock()
        self._known = Event()
        self._stopping = Event()
        self._again = Event()
        self._thread: Thread | None = None
        self._events: subprocess.Popen[bytes] | None = None

    @property
    def unavailable(self) -> CopilotError | None:
        """Why the engine cannot be asked now; None if it can."""
        self._begin()
        return self._unavailable

    def of(self, task: str) -> list[State]:
        """The containers of a task, the main one first. Empty if there are none, or none are known yet as no engine answers."""
        self._begin()
        with self._lock:
            found = [state for state in self._states.values() if state.task == task]
        return sorted(found, key=lambda state: state.sidecar or "")

    def tasks(self) -> list[str]:
        """Every task that has a container."""
        self._begin()
        with self._lock:
            return sorted({state.task for state in self._states.values()})

    def put(self, state: State) -> None:
        """Write down what this process did."""
        with self._lock:
            self._versions[state.name] += 1
            self._states[state.name] = state

    def drop(self, gone: Iterable[str]) -> None:
        """Forget containers that this process deleted."""
        with self._lock:
            for name in gone:
                self._versions[name] += 1
                self._states.pop(name, None)

    def refresh(self, wanted: Sequence[str]) -> None:
        """Look at these containers (ids or names) now. Raises CopilotError when the engine cannot be asked."""
        left = list(dict.fromkeys(wanted))
        while left:
            left = self._look_at(left[:_AT_ONCE]) + left[_AT_ONCE:]

    def look_elsewhere(self) -> None:
        """Know the containers of another engine, of which the client has been told."""
        self._known.clear()
        self._end_stream()
        self._again.set()

    def close(self) -> None:
        """Stop to follow the events."""
        self._stopping.set()
        self._again.set()
        self._end_stream()
        if self._thread is not None:
            self._thread.join(_SECONDS)

    def _end_stream(self) -> None:
        events = self._events
        if events is not None and events.stdin is not None:
            events.stdin.close()

    def _begin(self) -> None:
        if self._known.is_set():
            return
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = Thread(target=self._run, name="containers", daemon=True)
                self._thread.start()
        self._known.wait(2 * _SECONDS)

    def _run(self) -> None:
        delay = _SOONEST
        while not self._stopping.is_set():
            try:
                with self._opened() as stream:
                    self._read_all()
                    if self._unavailable is not None:
                        _log.info("the container engine answers again")
                    self._unavailable, delay = None, _SOONEST
                    self._known.set()
                    self._follow(stream)
            except CopilotError as error:
                if self._unavailable is None:
                    _log.warning("%s", error.message)
                self._unavailable = error
                self._known.set()
            except Exception:  # noqa: BLE001 - whatever went wrong, the next look must take place
                _log.exception("the state of the containers could not be read")
                self._known.set()
            self._again.wait(delay)
            if not self._stopping.is_set():
                self._again.clear()
            delay = min(_LATEST, 2 * delay)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The stream of events, as a descriptor."""
        arguments = command.events(self._labels, time.time() - _MARGIN)
        process = subprocess.Popen(
            [_SHELL, "-c", _EVENTS, "copilot-events", self._docker.program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._docker.variables(),
        )
        self._events = process
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield process.stdout.fileno()
        finally:
            self._events = None
            for end in (process.stdin, process.stdout):
                if end is not None:
                    end.close()
            process.wait()

    def _follow(self, stream: int) -> None:
        """Take note of events until there are no more."""
        poll = select.poll()
        poll.register(stream, select.POLLIN | select.POLLHUP)
        rest = b""
        read_at = time.monotonic()
        while not self._stopping.is_set():
            left = _READ_ANEW - (time.monotonic() - read_at)
            if left <= 0 or not poll.poll(left * 1000):
                self._read_all()
                read_at = time.monotonic()
                continue
            data = os.read(stream, 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            self.refresh([changed for line in lines if (changed := _changed(line))])

    def _read_all(self) -> None:
        with self._lock:
            before = {state.name: self._versions[state.name] for state in self._states.values()}
        ids = self._docker.ask(command.list_containers(self._labels), seconds=_SECONDS)
        if ids.code:
            raise failure(ids.output)
        present = ids.text.split()
        self.refresh(present)
        with self._lock:
            for name, version in before.items():
                state = self._states.get(name)
                if state is not None and state.id not in present and self._versions[name] == version:
                    del self._states[name]

    def _look_at(self, wanted: Sequence[str]) -> list[str]:
        """Inspect some; the answer is those that this process changed meanwhile, so that what was seen may be old."""
        with self._lock:
            versions = dict(self._versions)
            before = {key: state for state in self._states.values() for key in (state.id, state.name)}
        answer = self._docker.ask(command.inspect(wanted), seconds=_SECONDS)
        if answer.code and not answer.text.strip().startswith("["):
            raise failure(answer.output)
        seen = [state for content in json.loads(answer.text) if (state := _state(content)) is not None]
        found = {key for state in seen for key in (state.id, state.name)}
        again, ended = [], []
        with self._lock:
            for state in seen:
                known = self._states.get(state.name)
                if self._versions[state.name] != versions.get(state.name, 0):
                    again.append(state.id)
                    continue
                # A new container of the same name may have been seen before the end of the old one was heard of.
                self._states[state.name] = state
                if known is not None and known.running and not state.running:
                    ended.append(state.task)
            for key in wanted:
                gone = before.get(key)
                if gone is not None and key not in found and self._states.get(gone.name) is gone:
                    del self._states[gone.name]
                    if gone.running:
                        ended.append(gone.task)
        for task in dict.fromkeys(ended):
            Thread(target=self._ended, args=(task,), name=f"ended {task}", daemon=True).start()
        return again


def started(name: str, identity: str, task: str, sidecar: str | None, *, essential: bool, checked: bool) -> State:
    """A container that this process has just started. ``checked``: it has a health check."""
    health = "starting" if checked else None
    return State(name=name, id=identity, task=task, running=True, sidecar=sidecar, essential=essential, health=health)


def stopped(state: State) -> State:
    """A container that this process has stopped, before it was looked at again."""
    return replace(state, running=False, pid=None)


def _changed(line: bytes) -> str | None:
    """The container that an event is about; None for a line that is none."""
    try:
        event = json.loads(line)
        return str(event["Actor"]["ID"] if "Actor" in event else event["ID"])
    except (ValueError, KeyError, TypeError):
        return None


def _state(content: dict[str, Any]) -> State | None:
    """A container as `docker inspect` tells it; None if it is none of ours."""
    labels = content.get("Config", {}).get("Labels") or {}
    state = content.get("State") or {}
    task = labels.get(names.TASK)
    if not task:
        return None
    # Podman calls it `Healthcheck` in some versions.
    health = state.get("Health") or state.get("Healthcheck") or {}
    last = (health.get("Log") or [{}])[-1]
    status = health.get("Status")
    return State(
        name=str(content["Name"]).lstrip("/"),
        id=str(content["Id"]),
        task=str(task),
        sidecar=labels.get(names.SIDECAR),
        essential=labels.get(names.ESSENTIAL) != "false",
        running=bool(state.get("Running")),
        pid=state.get("Pid") or None,
        exit_code=int(state.get("ExitCode") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        memory=int((content.get("HostConfig") or {}).get("Memory") or 0) >> 20,
        stop_seconds=float(content.get("Config", {}).get("StopTimeout") or 10.0),
        health=status if status in {"starting", "healthy", "unhealthy"} else None,
        said=str(last.get("Output") or "").strip(),
    )
