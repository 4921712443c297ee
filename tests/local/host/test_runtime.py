from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot.errors import DeploymentError
from copilot.local import processes
from copilot.local.home import Home
from copilot.local.host.runtime import HostRuntime
from tests.local.host.conftest import Builds, Tasks, free_port, until

# The interpreter itself: what `python` means on PATH is a matter of the machine, and tested once.
PYTHON = sys.executable
SERVER = """
import http.server, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = pathlib.Path("page.txt").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
        return str(answer.read().decode())


def run(builds: Builds, tasks: Tasks, script: str, task_id: str = "t1", dockerfile: str = "", **fields: object) -> str:
    image = builds.build(dockerfile or 'FROM scratch\nWORKDIR /app\nCOPY run.sh .\nCMD ["sh", "run.sh"]\n', {"run.sh": script})
    return tasks.start(image, task_id, **fields)  # type: ignore[arg-type] # a test's shorthand


def children_of(home: Home, task_id: str = "t1") -> list[int]:
    return [int(line) for line in (home.tasks / task_id / "root/app/children").read_text().split()]


def test_a_server_answers_on_its_port(builds: Builds, tasks: Tasks, home: Home) -> None:
    image = builds.build(
        f'FROM python:3\nWORKDIR /app\nCOPY . .\nCMD ["{PYTHON}", "/app/server.py"]\n', {"server.py": SERVER, "page.txt": "hello"}
    )
    port = free_port()
    tasks.start(image, port=port)
    until(lambda: "Errno" not in "".join(tasks.runtime.tail("t1")) and _answers(port))
    assert get(port) == "hello"
    assert tasks.runtime.pid("t1") is not None
    assert tasks.runtime.exit_reason("t1") is None
    assert stat.S_IMODE((home.logs / "task-t1.log").stat().st_mode) == 0o600

    tasks.runtime.stop("t1", 5)
    assert tasks.runtime.pid("t1") is None
    assert tasks.runtime.exit_reason("t1") == "killed by SIGTERM"
    tasks.runtime.remove("t1")
    assert not (home.tasks / "t1").exists()
    assert "GET / HTTP/1.1" in "".join(tasks.runtime.tail("t1"))


def _answers(port: int) -> bool:
    try:
        return bool(get(port))
    except OSError:
        return False


def test_starting_twice_leaves_the_task_alone(builds: Builds, tasks: Tasks) -> None:
    run(builds, tasks, "echo started; exec sleep 60")
    pid = tasks.runtime.pid("t1")
    run(builds, tasks, "echo started; exec sleep 60")
    HostRuntime(tasks.home).start(tasks.spec(f"sha256:{'0' * 64}"))
    tasks.printed("t1", "started")
    assert tasks.runtime.pid("t1") == pid
    assert tasks.runtime.tail("t1") == ("started",)


def test_a_task_that_ended_is_started_anew_with_fresh_files(builds: Builds, tasks: Tasks) -> None:
    run(builds, tasks, "ls; touch left; exit 3")
    assert tasks.ended("t1") == "exit 3"
    run(builds, tasks, "ls; touch left; exit 3")
    assert tasks.ended("t1") == "exit 3"
    assert tasks.runtime.tail("t1") == ("run.sh", "run.sh")


def test_the_image_is_not_changed_by_its_tasks(builds: Builds, tasks: Tasks) -> None:
    image = builds.build(
        'FROM scratch\nCOPY run.sh /\nCMD ["sh", "/run.sh"]\n', {"run.sh": "echo changed > run.sh; rm -f run.sh"}
    )
    tasks.start(image)
    assert tasks.ended("t1") == "exit 0"
    assert (builds.rootfs(image) / "run.sh").read_text().startswith("echo changed")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 0", "exit 0"),
        ("exit 7", "exit 7"),
        ("kill -9 $$", "killed by SIGKILL"),
        ("kill -15 $$", "killed by SIGTERM"),
        ("no-such-program", "exit 127"),
    ],
)
def test_why_a_task_ended(builds: Builds, tasks: Tasks, script: str, reason: str) -> None:
    run(builds, tasks, script)
    assert tasks.ended("t1") == reason
    assert HostRuntime(tasks.home).exit_reason("t1") == reason


def test_sigterm_reaches_the_program_and_it_may_finish(builds: Builds, tasks: Tasks) -> None:
    run(builds, tasks, "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done")
    tasks.printed("t1", "ready")
    tasks.runtime.stop("t1", 5)
    assert tasks.runtime.tail("t1", 1) == ("bye",)
    assert tasks.runtime.exit_reason("t1") == "exit 0"


@pytest.mark.parametrize("name", ["SIGINT", "SIGUSR1", "SIGQUIT"])
def test_stopsignal_is_what_asks_a_task_to_stop(builds: Builds, tasks: Tasks, name: str) -> None:
    program = (
        "import signal, sys, time\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    image = builds.build(f'FROM x\nSTOPSIGNAL {name}\nCOPY p.py /\nCMD ["{PYTHON}", "p.py"]\n', {"p.py": program})
    tasks.start(image)
    tasks.printed("t1", "ready")
    tasks.runtime.stop("t1", 5)
    assert tasks.runtime.exit_reason("t1") == "exit 5"


def test_signals_have_their_defaults_whatever_the_server_ignores(builds: Builds, tasks: Tasks) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run(builds, tasks, "kill -2 $$; sleep 60")
    finally:
        signal.signal(signal.SIGINT, before)
    assert tasks.ended("t1") == "killed by SIGINT"


def test_a_program_that_ignores_sigterm_is_killed_with_its_children(builds: Builds, tasks: Tasks, home: Home) -> None:
    run(builds, tasks, "trap '' TERM; sleep 60 & echo $! > children; echo ready; while :; do sleep 0.05; done")
    tasks.printed("t1", "ready")
    children = children_of(home)
    begin = time.monotonic()
    tasks.runtime.stop("t1", 0.3)
    assert 0.25 < time.monotonic() - begin < 5
    assert tasks.runtime.exit_reason("t1") == "killed by SIGKILL"
    assert not any(processes.alive(pid) for pid in children)


def test_children_in_groups_and_sessions_of_their_own_are_ended_too(builds: Builds, tasks: Tasks, home: Home) -> None:
    program = (
        "import subprocess, time\n"
        "own = [subprocess.Popen(['sleep', '60'], **o) for o in ({'process_group': 0}, {'start_new_session': True})]\n"
        "open('children', 'w').write(' '.join(str(c.pid) for c in own))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    image = builds.build(f'FROM x\nWORKDIR /app\nCOPY p.py .\nCMD ["{PYTHON}", "p.py"]\n', {"p.py": program})
    tasks.start(image)
    tasks.printed("t1", "ready")
    children = children_of(home)
    assert all(processes.alive(pid) for pid in children)
    tasks.runtime.stop("t1", 5)
    assert not any(processes.alive(pid) for pid in children)


def test_what_a_program_left_behind_dies_with_it(builds: Builds, tasks: Tasks, home: Home) -> None:
    run(builds, tasks, "sleep 60 & echo $! > children; exit 1")
    assert tasks.ended("t1") == "exit 1"
    until(lambda: not any(processes.alive(pid) for pid in children_of(home)))


def test_a_server_behind_a_shell_gets_its_grace_period(builds: Builds, tasks: Tasks) -> None:
    """The shell ends at once; the program it started finishes what it does."""
    program = (
        "import signal, sys, time\n"
        "def leave(*_):\n"
        "    time.sleep(0.2)\n"
        "    print('finished', flush=True)\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    image = builds.build(f"FROM x\nCOPY p.py /\nCMD cd / && {PYTHON} /p.py; echo after\n", {"p.py": program})
    tasks.start(image)
    tasks.printed("t1", "ready")
    tasks.runtime.stop("t1", 5)
    assert tasks.runtime.tail("t1") == ("ready", "finished")


STARTER = """
import os, signal, sys
from pathlib import Path
from copilot.local.home import Home
from copilot.local.host.runtime import HostRuntime
from copilot.local.runtime import TaskSpec
from copilot.release.description import ReleaseDescription
description = ReleaseDescription("shop", "test", "web", "Backend Service", sys.argv[2])
HostRuntime(Home(Path(sys.argv[1]))).start(TaskSpec("t1", description, None, {}))
os.kill(os.getpid(), signal.SIGKILL)
"""


def start_in_a_process_that_is_killed(home: Home, image: str) -> None:
    starter = subprocess.run([PYTHON, "-c", STARTER, str(home.root), image], check=False)
    assert starter.returncode == -signal.SIGKILL


def test_a_task_outlives_its_starter_and_another_finds_and_stops_it(builds: Builds, tasks: Tasks, home: Home) -> None:
    image = builds.build('FROM x\nCOPY run.sh /\nCMD ["sh", "run.sh"]\n', {"run.sh": "echo ready; exec sleep 60"})
    tasks.started.append("t1")
    start_in_a_process_that_is_killed(home, image)
    pid = tasks.runtime.pid("t1")
    assert pid is not None
    tasks.printed("t1", "ready")
    tasks.runtime.start(tasks.spec(image))
    assert tasks.runtime.pid("t1") == pid
    tasks.runtime.stop("t1", 5)
    assert not processes.alive(pid)
    assert tasks.runtime.exit_reason("t1") == "killed by SIGTERM"


def test_the_exit_status_is_known_although_the_starter_was_killed(builds: Builds, tasks: Tasks, home: Home) -> None:
    image = builds.build('FROM x\nCOPY run.sh /\nCMD ["sh", "run.sh"]\n', {"run.sh": "echo last words; exit 42"})
    tasks.started.append("t1")
    start_in_a_process_that_is_killed(home, image)
    assert tasks.ended("t1") == "exit 42"
    assert tasks.runtime.tail("t1") == ("last words",)


def test_a_task_whose_supervisor_was_killed_is_found_by_its_mark(builds: Builds, tasks: Tasks, home: Home) -> None:
    run(builds, tasks, "exec sleep 60")
    pid, supervisor = processes.read_numbers(home.tasks / "t1/pid") or (0, 0)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not processes.is_locked(home.tasks / "t1/lock"))
    assert tasks.runtime.pid("t1") == pid
    assert tasks.runtime.exit_reason("t1") is None
    run(builds, tasks, "exec sleep 60")
    assert tasks.runtime.pid("t1") == pid
    tasks.runtime.stop("t1", 5)
    assert not processes.alive(pid)
    assert tasks.runtime.exit_reason("t1") == "ended"


def test_a_process_that_got_the_number_of_a_dead_task_is_left_alone(tasks: Tasks, home: Home) -> None:
    folder = home.tasks / "t1"
    folder.mkdir()
    (folder / "lock").touch()
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (folder / "pid").write_text(f"{other.pid} {other.pid}\n")
        assert tasks.runtime.pid("t1") is None
        assert tasks.runtime.exit_reason("t1") == "ended"
        tasks.runtime.stop("t1", 0)
        tasks.runtime.remove("t1")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_what_is_asked_of_a_task_that_never_was(tasks: Tasks) -> None:
    assert tasks.runtime.pid("none") is None
    assert tasks.runtime.exit_reason("none") == "ended"
    assert tasks.runtime.tail("none") == ()
    tasks.runtime.stop("none", 1)
    tasks.runtime.remove("none")


def test_the_tail_reads_the_end_of_a_long_log(tasks: Tasks, home: Home) -> None:
    with (home.logs / "task-t1.log").open("w") as log:
        log.writelines(f"line {number}\n" for number in range(100_000))
    assert tasks.runtime.tail("t1", 2) == ("line 99998", "line 99999")
    assert tasks.runtime.tail("t1", 0) == ()
    (home.logs / "task-t1.log").write_bytes(b"caf\xe9\nno newline")
    assert tasks.runtime.tail("t1", 5) == ("caf\ufffd", "no newline")


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ('FROM x\nCMD ["no-such-program-here"]', "no such command `no-such-program-here`"),
        ('FROM x\nCMD ["/opt/none/no-such-program-here"]', "no such command `/opt/none/no-such-program-here`"),
        ('FROM x\nCOPY run.sh /\nCMD ["./run.sh"]', "`./run.sh` is not executable"),
        ("FROM x", "the image of `web` says no command to run"),
        ('FROM x\nENV a.b=1\nCMD ["true"]', "the host runtime cannot set a variable named `a.b`"),
    ],
)
def test_a_task_that_cannot_be_started(builds: Builds, tasks: Tasks, dockerfile: str, message: str) -> None:
    image = builds.build(dockerfile, {"run.sh": "true"})
    with pytest.raises(DeploymentError) as raised:
        tasks.start(image)
    assert raised.value.message == message
    assert raised.value.hint
    assert tasks.runtime.pid("t1") is None


def test_an_image_that_is_gone(tasks: Tasks) -> None:
    with pytest.raises(DeploymentError, match=r"image `sha256:0+` is not on this machine"):
        tasks.start(f"sha256:{'0' * 64}")


def test_a_program_is_given_a_clean_environment_and_no_descriptors(
    builds: Builds, tasks: Tasks, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-pass")
    monkeypatch.setenv("HOME", "/home/someone")
    program = "import os\nfor n in sorted(os.environ): print(n)\n"
    program += "print([n for n in range(256) if os.path.exists(f'/dev/fd/{n}')])\nprint(os.getcwd())\n"
    image = builds.build(f'FROM x\nENV MODE=dev\nWORKDIR /app\nCOPY p.py .\nCMD ["{PYTHON}", "p.py"]\n', {"p.py": program})
    handed_down = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(handed_down, True)
    request.addfinalizer(lambda: os.close(handed_down))
    tasks.start(image, port=4321, task_variables={"TOKEN": "s3cret", "MODE": "live"})
    assert tasks.ended("t1") == "exit 0"
    *names, descriptors, folder = tasks.runtime.tail("t1", 100)
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert set(names) - shells_own - {"LANG", "USER", "TMPDIR"} == {"COPILOT_TASK_ID", "HOME", "MODE", "PATH", "PORT", "TOKEN"}
    assert descriptors == "[0, 1, 2]"
    assert Path(folder) == tasks.home.tasks / "t1/root/app"
    assert "s3cret" not in repr(tasks.runtime.__dict__)


def test_python_is_there_when_the_machine_has_only_python3(
    builds: Builds, tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "echo"):
        (programs / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(programs))
    image = builds.build('FROM python:3\nCMD ["python", "-c", "print(6 * 7)"]\n')
    tasks.start(image)
    assert tasks.ended("t1") == "exit 0"
    assert tasks.runtime.tail("t1") == ("42",)


def test_a_home_with_an_awkward_path(builds: Builds, tmp_path: Path) -> None:
    home = Home(tmp_path / "Application Support's $HOME")
    home.create()
    builds.home = home
    tasks = Tasks(home)
    run(builds, tasks, "", dockerfile='FROM x\nWORKDIR /app\nCOPY run.sh .\nCMD ls "/app/run.sh" && cd /app && pwd\n')
    assert tasks.ended("t1") == "exit 0"
    folder = f"{home.tasks}/t1/root/app"
    assert tasks.runtime.tail("t1") == (f"{folder}/run.sh", folder)
    tasks.runtime.remove("t1")


def test_tasks_that_start_at_once_do_not_meet_in_the_folder_of_tools(home: Home) -> None:
    for _ in range(30):
        shutil.rmtree(home.tools, ignore_errors=True)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: HostRuntime(home)._tools(), range(8))) == {home.tools}
