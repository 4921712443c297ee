"""Tasks of the host runtime: processes of this machine that outlive the server.

A task is two processes in a session of their own: a supervising shell, and the program. The supervisor holds the lock of the
task's folder as long as it lives, the program's process writes its pid before it becomes the program, and the supervisor writes
the exit status. So nothing is lost when the server is killed at any moment, and no later process with the same number is taken
for the task.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import get_ident

import psutil

from copilot.engine import LocalEnvironment
from copilot.errors import DeploymentError, NotFoundError
from copilot.local import processes
from copilot.local.home import Home
from copilot.local.host.command import TASK_VARIABLE, Command, prepare
from copilot.local.host.images import ImageStore
from copilot.local.host.rootfs import copy_tree, delete_tree
from copilot.local.logs import read_log
from copilot.local.runtime import ExecCommand, TaskLog, TaskSpec
from copilot.release.description import ReleaseDescription

_SHELL = "/bin/sh"
_LOCK_DESCRIPTOR = 9
# Arguments: the task's folder, the working folder, the program and its arguments. Traps keep the supervisor alive when a signal
# is meant for the whole group, and are reset in the program. When the program ends by itself, what it left behind in its group is
# killed, as when the first process of a container ends; `stop` gives the others their grace period instead.
_SUPERVISOR = """\
folder=$1
cd -- "$2" || exit 1
shift 2
trap : HUP INT QUIT TERM USR1 USR2
exec 3>&2 2>/dev/null
/bin/sh -c 'echo "$$ $PPID" >"$0" && exec "$@" 2>&3 3>&- 9>&-' "$folder/pid" "$@"
echo "$?" >"$folder/exit"
[ -e "$folder/stopping" ] || kill -s KILL -- "-$$"
"""
# What Python, or whoever started the server, may have set to be ignored; a program expects the defaults.
_DEFAULT_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGPIPE,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
)
_START_DEADLINE = 10.0
_PAUSE = 0.002
_SUPERVISOR_DEADLINE = 2.0
_LONGEST_TAIL = 1 << 18


class HostRuntime:
    """Runs tasks as processes of this machine (see `copilot.local.runtime.Runtime`)."""

    name = "host"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.images = ImageStore(home)
        self._supervisors: set[int] = set()

    def prepare(self, environment: LocalEnvironment) -> None:
        """Tasks on this machine share nothing that has to be made."""

    def variables(
        self, description: ReleaseDescription, port: int | None, environment: LocalEnvironment, proxy: int
    ) -> dict[str, str]:
        """See `Runtime`. The proxy makes the names of services work without DNS; a machine that has a proxy keeps it."""
        del description
        own = {} if port is None else {"PORT": str(port)}
        if "http_proxy" not in os.environ:
            own |= {"http_proxy": f"http://127.0.0.1:{proxy}", "no_proxy": "localhost,127.0.0.1,::1", "NODE_USE_ENV_PROXY": "1"}
        return own | {"COPILOT_LB_DNS": f"localhost:{environment.port}"}

    def front_door_addresses(self) -> tuple[str, ...]:
        """Tasks on this machine reach the front door where everyone does."""
        return ()

    def start(self, spec: TaskSpec) -> None:
        """Start the task and return once its process exists; a task that runs is left alone."""
        self._collect()
        folder = self.home.tasks / spec.id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + _START_DEADLINE
        while self.pid(spec.id) is None:
            with processes.locked(folder / "lock") as lock:
                if lock is not None:
                    self._launch(spec, folder, lock)
                    break
            # Someone else is starting it, or was looking at the lock just now.
            if time.monotonic() > deadline:
                raise DeploymentError(f"task `{spec.id}` is being started by another process that does not get on")
            time.sleep(_PAUSE)
        if not self._await_start(folder):
            self.stop(spec.id, 0)
            raise DeploymentError(
                f"task `{spec.id}` of `{spec.description.workload}` cannot be started", details=self.tail(spec.id)
            )

    def unavailable(self) -> None:
        """This machine always runs processes."""

    def runs(self, task_id: str) -> bool:
        """Whether the task's program runs."""
        return self.pid(task_id) is not None

    def pid(self, task_id: str) -> int | None:
        """The program's process id while it runs, else None."""
        self._collect()
        folder = self.home.tasks / task_id
        if not processes.is_locked(folder / "lock"):
            return self._survives(task_id)
        numbers = processes.read_numbers(folder / "pid")
        return numbers[0] if numbers and not (folder / "exit").exists() else None

    def exit_reason(self, task_id: str) -> str | None:
        """Why it ended: ``exit 1``, ``killed by SIGKILL``, or ``ended`` when unknown. None while it runs."""
        folder = self.home.tasks / task_id
        supervised = processes.is_locked(folder / "lock")
        numbers = processes.read_numbers(folder / "exit")
        if numbers is None:
            return None if supervised or self._survives(task_id) else "ended"
        # A shell cannot tell a program that a signal ended from one that exits with 128 and its number; nor do container engines.
        code = numbers[0]
        with suppress(ValueError):
            return f"killed by {signal.Signals(code - 128).name}"
        return f"exit {code}"

    def stop(self, task_id: str, grace_period: float) -> None:
        """Ask all processes of the task to stop, kill those left after ``grace_period`` seconds; returns when they are gone."""
        folder = self.home.tasks / task_id
        if not folder.is_dir():
            return
        self._await_start(folder)
        (folder / "stopping").touch()
        gone = processes.end(lambda: self._members(task_id), _stop_signal(folder), grace_period)
        # The supervisor ends by itself, after it wrote the exit status.
        numbers = processes.read_numbers(folder / "pid")
        if not processes.wait_until(lambda: not processes.is_locked(folder / "lock"), _SUPERVISOR_DEADLINE) and numbers:
            processes.send({numbers[1]}, signal.SIGKILL)
            processes.wait_until(lambda: not processes.is_locked(folder / "lock"), _SUPERVISOR_DEADLINE)
        self._collect()
        if not gone:
            raise DeploymentError(f"task `{task_id}` cannot be killed: the system does not end its processes")

    def remove(self, task_id: str) -> None:
        """Delete its files but not its log; what it left running is killed."""
        self.stop(task_id, 0)
        delete_tree(self.home.tasks / task_id)

    def tail(self, task_id: str, lines: int = 20) -> tuple[str, ...]:
        """The last lines it printed; only the end of the log is read."""
        try:
            with self._log(task_id).open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - _LONGEST_TAIL))
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ()
        return tuple(text.splitlines()[-lines:]) if lines > 0 else ()

    def healthy(self, task_id: str) -> bool | None:
        """The host runtime has no health checks of its own: a Dockerfile's HEALTHCHECK is passed over."""
        del task_id
        return None

    def log(self, task_id: str, cursor: str = "") -> TaskLog:
        """See `Runtime`. The cursor is an offset in bytes."""
        begin = int(cursor or 0)
        chunk = read_log(self._log(task_id), begin, finished=self.pid(task_id) is None)
        return TaskLog(chunk.text, str(chunk.next_offset))

    def command(self, task_id: str, argv: Sequence[str], *, interactive: bool, sidecar: str | None = None) -> ExecCommand:
        """See `Runtime`. The command runs with the task's own variables, in its working folder. No task has sidecars here."""
        del interactive, sidecar
        pid = self.pid(task_id)
        try:
            if pid is not None:
                process = psutil.Process(pid)
                return ExecCommand(tuple(argv), process.environ(), Path(process.cwd()))
        except psutil.Error:
            pass
        raise NotFoundError(f"task `{task_id}` does not run")

    def task_ids(self) -> list[str]:
        """Every task that has a folder."""
        return [folder.name for folder in self.home.tasks.iterdir()]

    def remove_environment(self, environment: LocalEnvironment, *, keep_volumes: bool) -> None:
        """Tasks on this machine share nothing that has to be deleted."""

    def close(self) -> None:
        """Nothing is held."""

    def _prepare(self, spec: TaskSpec, folder: Path) -> Command:
        try:
            image = self.images.image(spec.description.image)
        except NotFoundError as error:
            raise DeploymentError(error.message, hint=error.hint) from None
        root = folder / "root"
        delete_tree(root)
        copy_tree(image.rootfs, root)
        (folder / "stop-signal").write_text(image.config.stop_signal, "ascii")
        return prepare(image.config, root, spec, os.environ, self._tools())

    def _tools(self) -> Path:
        """A folder, last on every task's PATH, where ``python`` is there even if this machine only has ``python3``."""
        folder = self.home.tools
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, program in (("python", "python3"), ("python3", shlex.quote(sys.executable))):
            content = f'#!/bin/sh\nexec {program} "$@"\n'
            tool = folder / name
            if not tool.exists() or tool.read_text("utf-8") != content:
                written = folder / f".{name}.{os.getpid()}.{get_ident()}"
                written.write_text(content, "utf-8")
                written.chmod(0o700)
                written.replace(tool)
        return folder

    def _log(self, task_id: str) -> Path:
        return self.home.logs / f"task-{task_id}.log"

    def _launch(self, spec: TaskSpec, folder: Path, lock: int) -> None:
        processes.end(lambda: self._leftovers(spec.id), signal.SIGKILL, 0)
        for name in ("pid", "exit", "stopping"):
            (folder / name).unlink(missing_ok=True)
        self._supervisors.add(_spawn(folder, self._prepare(spec, folder), self._log(spec.id), lock))

    def _await_start(self, folder: Path) -> bool:
        """Wait while a supervisor is about to start its program; whether the program was started."""

        def started() -> bool:
            return processes.read_numbers(folder / "pid") is not None

        processes.wait_until(lambda: started() or not processes.is_locked(folder / "lock"), _START_DEADLINE)
        return started()

    def _survives(self, task_id: str) -> int | None:
        """The program's pid if it runs though its supervisor is gone."""
        folder = self.home.tasks / task_id
        numbers = processes.read_numbers(folder / "pid")
        if not numbers or (folder / "exit").exists() or not processes.is_marked(numbers[0], TASK_VARIABLE, task_id):
            return None
        return numbers[0]

    def _members(self, task_id: str) -> set[int]:
        """All processes of the task but its supervisor: its session, and those that moved to another but bear its mark."""
        folder = self.home.tasks / task_id
        found = self._leftovers(task_id)
        numbers = processes.read_numbers(folder / "pid")
        # A session's number is not given to another as long as one process is in it, so one that is known vouches for all.
        if numbers and (processes.is_locked(folder / "lock") or any(processes.session_of(p) == numbers[1] for p in found)):
            found |= processes.session_members(numbers[1])
            found.discard(numbers[1])
        return found

    def _leftovers(self, task_id: str) -> set[int]:
        """Processes that bear the task's mark, except its supervisor."""
        numbers = processes.read_numbers(self.home.tasks / task_id / "pid")
        return processes.marked(TASK_VARIABLE, task_id) - set(numbers[1:] if numbers else ())

    def _collect(self) -> None:
        """Take note of supervisors that ended, so that the system can forget them."""
        for pid in tuple(self._supervisors):
            try:
                ended = os.waitpid(pid, os.WNOHANG)[0] == pid
            except ChildProcessError:
                ended = True
            if ended:
                self._supervisors.discard(pid)


def _spawn(folder: Path, command: Command, log: Path, lock: int) -> int:
    """Start the supervisor; the answer is its pid. It inherits the lock and nothing else."""
    opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Above the targets: a descriptor moved onto itself would stay closed to the child, one that is a target would be lost.
    log_descriptor, lock_descriptor = (fcntl.fcntl(d, fcntl.F_DUPFD_CLOEXEC, _LOCK_DESCRIPTOR + 1) for d in (opened, lock))
    try:
        return os.posix_spawn(
            _SHELL,
            (_SHELL, "-c", _SUPERVISOR, "copilot-task", str(folder), str(command.workdir), *command.argv),
            command.environment,
            file_actions=(
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log_descriptor, 1),
                (os.POSIX_SPAWN_DUP2, log_descriptor, 2),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
                (os.POSIX_SPAWN_DUP2, lock_descriptor, _LOCK_DESCRIPTOR),
            ),
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    except OSError as error:
        raise DeploymentError(f"no process can be started: {error.strerror}") from None
    finally:
        for descriptor in (opened, log_descriptor, lock_descriptor):
            os.close(descriptor)


def _inheritable() -> list[int]:
    """Descriptors above standard error that whoever started the server handed down; Python's own are never inherited."""
    found: list[int] = []
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names, not paths, are wanted
        with suppress(OSError):  # the one that lists the folder is closed by now
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _stop_signal(folder: Path) -> int:
    try:
        return signal.Signals[(folder / "stop-signal").read_text("ascii")]
    except (FileNotFoundError, KeyError):
        return signal.SIGTERM
