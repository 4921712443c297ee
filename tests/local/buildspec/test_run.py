"""Builds as processes: results, secrets, time limits, stopping, and servers that die."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread, Timer

import psutil
import pytest

from copilot.errors import ConflictError, NotFoundError, UnsupportedError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRunner, run, start
from tests.local.buildspec.conftest import Builds, Outcome, until

PYTHON = shlex.quote(sys.executable)
LEAVE_GROUP = f'{PYTHON} -c "import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])"'
LEAVE_SESSION = f'{PYTHON} -c "import os, sys; os.fork() and os._exit(0); os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"'


def pid_in(path: Path) -> int:
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def program_of(builds: Builds, attempt: int) -> int:
    def pids() -> list[str]:
        lines = (builds.home.builds / str(attempt) / "journal").read_text().splitlines()
        return [line.split()[1] for line in lines if line.startswith("pid ")]

    until(pids)
    return int(pids()[0])


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# --- results ---


@pytest.mark.parametrize(
    ("command", "summary"),
    [
        ("make_it_so --now", "`make_it_so --now` in phase build: command not found (exit 127)"),
        ("./hello.txt", "`./hello.txt` in phase build: the command cannot be executed (exit 126)"),
        ("sh -c 'kill -KILL $$'", "`sh -c 'kill -KILL $$'` in phase build: killed by SIGKILL (exit 137 after 0.0 s)"),
        ("true\nexit 9", "`true …` in phase build: exit 9 after 0.0 s"),
        ("exit 9 " + "# long" * 20, f"`{('exit 9 ' + '# long' * 20)[:59]}…` in phase build: exit 9 after 0.0 s"),
    ],
)
def test_the_summary_says_what_went_wrong(builds: Builds, command: str, summary: str) -> None:
    outcome = builds.commands("true", command)
    assert outcome.result.status == "FAILED"
    assert outcome.summary == summary


def test_the_tail_is_what_the_failed_command_printed(builds: Builds) -> None:
    outcome = builds.run(
        {
            "phases": {
                "build": {
                    "commands": ["echo before", r"seq 30; printf '\033[31mred\033[0m\n10%%\r90%%\n'; echo '$ exit 1'; exit 1"],
                    "finally": ["echo after"],
                },
                "post_build": {"commands": ["echo later; exit 2"]},
            }
        }
    )
    assert outcome.result.tail == (*map(str, range(14, 31)), "red", "90%", "$ exit 1")


def test_nothing_printed_is_no_tail(builds: Builds) -> None:
    assert builds.commands("echo before", "exit 1").result.tail == ()


def test_phases_have_durations(builds: Builds) -> None:
    (phase,) = builds.commands("sleep 0.3").result.phases
    assert 0.29 <= phase.seconds < 5


def test_exported_variables(builds: Builds) -> None:
    outcome = builds.run(
        {
            "env": {"variables": {"A": "1"}, "exported-variables": ["A", "B", "NEVER", "EMPTY"]},
            "phases": {"build": {"commands": ["A=2 B='x\n  y'"]}, "post_build": {"commands": ["EMPTY=; B=$B$A"]}},
        }
    )
    assert outcome.result.exported == {"A": "2", "B": "x\n  y2", "EMPTY": ""}


def test_a_second_wait_gives_the_same_answer(builds: Builds) -> None:
    request = builds.start({"phases": {"build": {"commands": ["exit 1"]}}})
    assert builds.wait(request).result == builds.wait(request).result


# --- the environment ---


def test_a_build_gets_a_clean_environment(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_TOKEN", "server-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "server-key")
    builds.renew()
    outcome = builds.commands("env", variables={"MINE": "1"})
    environment = dict(line.split("=", 1) for line in outcome.printed if "=" in line)
    assert "COPILOT_TOKEN" not in environment
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert environment["MINE"] == "1"
    assert environment["CI"] == "true"
    assert environment["HOME"] == os.environ["HOME"]
    assert environment["CODEBUILD_SRC_DIR"] == environment["PWD"] == str(builds.home.builds / "1" / "src")
    assert not [name for name in environment if name.startswith("_copilot")]


def test_given_variables_win_over_the_buildspecs(builds: Builds) -> None:
    spec = {"env": {"variables": {"A": "spec", "B": "spec"}}, "phases": {"build": {"commands": ["echo $A $B"]}}}
    assert builds.run(spec, variables={"B": "given"}).printed == ["spec given"]


def test_a_name_no_shell_can_have_is_refused(builds: Builds) -> None:
    with pytest.raises(UnsupportedError, match="`my-var` cannot be the name"):
        builds.run({"env": {"variables": {"my-var": "1"}}, "phases": {"build": {"commands": ["true"]}}})
    assert builds.runner.state(1) == "absent"


def test_another_user_is_refused_and_the_own_one_is_not(builds: Builds) -> None:
    own = psutil.Process().username()
    assert builds.run({"run-as": own, "phases": {"build": {"run-as": own, "commands": ["true"]}}}).result.status == "SUCCEEDED"
    with pytest.raises(UnsupportedError, match="`run-as: nobody2`"):
        builds.run({"phases": {"build": {"run-as": "nobody2", "commands": ["true"]}}})


def test_an_absent_shell_is_named(builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    builds.shell = "bash"
    with pytest.raises(NotFoundError, match="shell, `bash`, is not installed"):
        builds.commands("true")


def test_what_has_no_effect_is_said_in_the_log(builds: Builds) -> None:
    outcome = builds.run(
        {
            "env": {"git-credential-helper": True},
            "phases": {"install": {"runtime-versions": {"python": "3.12"}}, "build": {"commands": ["true"]}},
            "cache": {"paths": ["x"]},
            "reports": {"coverage": {"files": ["*"], "file-format": "CLOVERXML"}},
        }
    )
    notes = [line for line in outcome.log.splitlines() if line.startswith("note: ")]
    assert len(notes) == 4
    assert "python 3.12" in notes[0]
    assert outcome.result.status == "SUCCEEDED"


# --- secrets ---


def test_secrets_never_reach_the_disk_or_an_argument_list(builds: Builds) -> None:
    key = "-----BEGIN-----\nfirst line of it\n-----END-----"
    secrets = {"TOKEN": "s3cr3t-value", "KEY": key}
    request = builds.start(
        {
            "env": {"exported-variables": ["COPY"]},
            "phases": {
                "build": {
                    "commands": [
                        'echo "token $TOKEN"',
                        "printf s3cr3t-; sleep 0.05; echo value",
                        'COPY="copy of $TOKEN"; sh -c \'echo "$KEY"\'; echo "$KEY" >&2',
                        "set -x; : $TOKEN; touch now; while ! test -e on; do sleep 0.01; done; exit 1",
                    ]
                }
            },
        },
        secrets=secrets,
    )
    source = builds.source(request)
    until((source / "now").exists)
    values = [secrets["TOKEN"].encode(), b"first line of it"]
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        assert "s3cr3t-value" not in line
        assert "first line of it" not in line
    on_disk = [p for p in builds.home.root.rglob("*") if p.is_file() and any(v in p.read_bytes() for v in values)]
    assert on_disk == []
    (source / "on").touch()
    outcome = builds.wait(request)
    assert outcome.printed[:5] == ["token ***", "***", "***", "***", "+ : ***"]
    assert outcome.result.exported == {"COPY": "copy of ***"}
    assert "s3cr3t" not in repr(outcome.result)
    assert "s3cr3t-value" not in repr(request)


def test_where_memory_cannot_be_used_files_only_their_owner_can_read_are(
    any_shell: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_IN_MEMORY", False)
    outcome = any_shell.run(
        {"phases": {"build": {"commands": ["A=1; mkdir -p d", "cd d; A=${A}2", "echo $A; exit 1"], "on-failure": "RETRY-1"}}}
    )
    assert outcome.printed == ["12", "12"]
    folder = any_shell.home.builds / "1"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "state", folder / "snapshot")] == [
        0o700,
        0o600,
        0o600,
    ]


def test_the_masked_log_is_complete_when_the_build_has_ended(builds: Builds) -> None:
    outcome = builds.commands("seq 200000; echo $TOKEN", secrets={"TOKEN": "s3cr3t-value"})
    assert outcome.printed == [*map(str, range(1, 200001)), "***"]


# --- what a build leaves behind ---


def test_a_process_left_behind_does_not_hold_the_build_up_and_ends_with_it(any_shell: Builds) -> None:
    began = time.monotonic()
    request = any_shell.start(
        {
            "phases": {
                "build": {
                    "commands": [
                        "sleep 100 & echo $! > one",
                        f"{LEAVE_GROUP} sh -c 'echo $$ > two; exec sleep 100' & until test -s two; do sleep 0.01; done",
                        "echo done",
                    ]
                }
            }
        }
    )
    outcome = any_shell.wait(request)
    assert time.monotonic() - began < 5
    assert outcome.printed == ["done"]
    assert gone(pid_in(any_shell.source(request) / "one"))
    assert gone(pid_in(any_shell.source(request) / "two"))


def test_a_daemon_with_the_log_open_does_not_hold_the_build_up(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_LOGGER_PATIENCE", 0.2)
    request = builds.start(
        {"phases": {"build": {"commands": [f"{LEAVE_SESSION} sh -c 'echo $$ > pid; exec sleep 100'", "cat pid; echo done"]}}}
    )
    outcome = builds.wait(request)
    daemon = pid_in(builds.source(request) / "pid")
    assert outcome.printed[-1] == "done"
    assert outcome.result.status == "SUCCEEDED"
    os.kill(daemon, signal.SIGKILL)


def test_a_build_that_kills_its_own_shell_has_failed(builds: Builds) -> None:
    outcome = builds.commands("echo before", "echo out; kill -KILL $$; sleep 10")
    assert outcome.result.status == "FAILED"
    assert outcome.result.summary == "the build's shell was killed in `echo out; kill -KILL $$; sleep 10` of phase build"
    assert outcome.result.tail == ("out",)
    assert outcome.phases == {"BUILD": "FAILED"}
    assert builds.runner.state(1) == "lost"


# --- limits and stopping ---


def test_a_build_that_takes_too_long_is_ended(builds: Builds) -> None:
    outcome = builds.run({"phases": {"build": {"commands": ["echo slow; sleep 100"], "finally": ["echo no"]}}}, minutes=0.005)
    assert outcome.result.status == "TIMED_OUT"
    assert outcome.result.summary == "timed out after 0.005 minutes in `echo slow; sleep 100` of phase build"
    assert outcome.result.tail == ("slow",)
    assert outcome.phases == {"BUILD": "TIMED_OUT"}
    assert outcome.log.endswith("of phase build\n")
    assert builds.runner.state(1) == "finished"


def test_a_failure_before_the_time_was_up_is_still_the_cause(builds: Builds) -> None:
    phases = {"build": {"commands": ["echo why; exit 3"]}, "post_build": {"commands": ["sleep 100"]}}
    outcome = builds.run({"phases": phases}, minutes=0.01)
    assert outcome.result.status == "TIMED_OUT"
    cause, _, then = outcome.summary.partition("; then ")
    assert cause == "`echo why; exit 3` in phase build: exit 3 after 0.0 s"
    assert then == "timed out after 0.01 minutes in `sleep 100` of phase post_build"
    assert outcome.result.tail == ("why",)
    assert outcome.phases == {"BUILD": "FAILED", "POST_BUILD": "TIMED_OUT"}


def test_a_cancelled_build_is_stopped_with_all_its_processes(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "GRACE_PERIOD", 0.3)
    program = "import os, signal, time; os.setpgid(0, 0); signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    program += "; print(os.getpid(), file=open('two', 'w'), flush=True); time.sleep(100)"
    stubborn = f"{PYTHON} -c {shlex.quote(program)}"
    request = builds.start(
        {
            "phases": {
                "build": {"commands": [f"sh -c 'sleep 100 & echo $! > one; wait' & {stubborn} & wait"], "finally": ["echo no"]}
            }
        }
    )
    pids = [pid_in(builds.source(request) / name) for name in ("one", "two")]
    cancelled = Event()
    cancelled.set()
    result = builds.runner.wait(request.attempt, cancelled)
    assert result.status == "STOPPED"
    assert result.summary.startswith("stopped in ")
    assert all(gone(pid) for pid in pids)
    assert "no" not in Outcome(result, request.log.read_text()).printed


def test_processes_may_clean_up_when_a_build_is_abandoned(builds: Builds) -> None:
    command = "trap 'sleep 0.2; echo ok > cleaned; exit 1' TERM; echo $$ > pid; while :; do sleep 0.01; done"
    request = builds.start({"phases": {"build": {"commands": [f"sh -c {shlex.quote(command)}"]}}})
    pid = pid_in(builds.source(request) / "pid")
    began = time.monotonic()
    builds.runner.abandon(request.attempt)
    assert 0.15 < time.monotonic() - began < 4
    assert gone(pid)
    assert (builds.source(request) / "cleaned").exists()
    assert builds.runner.state(request.attempt) == "finished"
    assert builds.wait(request).result.status == "STOPPED"


def test_abandoning_what_has_ended_changes_nothing(builds: Builds) -> None:
    request = builds.start({"phases": {"build": {"commands": ["true"]}}})
    builds.wait(request)
    builds.runner.abandon(request.attempt)
    builds.runner.abandon(99)
    assert builds.wait(request).result.status == "SUCCEEDED"


# --- states, and other servers ---


def test_states_of_a_build(builds: Builds) -> None:
    assert builds.runner.state(1) == "absent"
    request = builds.start({"phases": {"build": {"commands": ["until test -e on; do sleep 0.01; done"]}}})
    assert builds.runner.state(1) == "running"
    with pytest.raises(ConflictError, match="runs already"):
        builds.runner.start(request)
    (builds.source(request) / "on").touch()
    until(lambda: builds.runner.state(1) == "finished")
    builds.wait(request)
    assert builds.runner.state(1) == "finished"
    builds.runner.clean(1)
    assert builds.runner.state(1) == "absent"
    with pytest.raises(NotFoundError, match="build 1 was never started"):
        builds.runner.wait(1, Event())


def test_an_attempt_may_start_again(builds: Builds) -> None:
    assert builds.commands("echo one", attempt=5).result.status == "SUCCEEDED"
    (builds.home.root / "source-5" / "hello.txt").unlink()
    assert builds.commands("echo two; test -e other", attempt=5, files={"other": ""}).result.status == "SUCCEEDED"


def test_a_locked_folder_is_removed(builds: Builds) -> None:
    builds.commands("mkdir -p a/b; touch a/b/c; chmod 500 a/b a")
    builds.runner.clean(1)
    assert not (builds.home.builds / "1").exists()


def test_a_process_with_a_reused_id_is_not_taken_for_the_build(builds: Builds) -> None:
    request = builds.start({"phases": {"build": {"commands": ["kill -KILL $$"]}}})
    builds.wait(request)
    folder = builds.home.builds / "1"
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as stranger:
        with (folder / "journal").open("a") as journal:
            print(f"pid {stranger.pid}\nlogger {stranger.pid}", file=journal)
        other = BuildRunner(builds.home, builds.artifacts)
        assert other.state(1) == "lost"
        other.abandon(1)
        assert other.wait(1, Event()).status == "FAILED"
        assert stranger.poll() is None
        stranger.kill()


SERVER = """
import sys
from pathlib import Path
from threading import Event
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRequest, BuildRunner
from copilot.local.home import Home
from copilot.manifest.buildspec import Buildspec
home, digest, minutes = Home(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3])
commands = ["echo one; A=kept; until test -e on; do sleep 0.01; done; echo two $TOKEN", "echo $A > out"]
spec = {"version": "0.2", "phases": {"build": {"commands": commands}}, "artifacts": {"files": ["out"]}}
runner = BuildRunner(home, ArtifactStore(home.artifacts))
runner.start(BuildRequest(7, Buildspec.model_validate(spec), digest, {}, minutes, home.logs / "7.log", {"TOKEN": "s3cr3t-value"}))
print("started", flush=True)
runner.wait(7, Event())
"""


def kill_a_server_in_the_middle(builds: Builds, minutes: float = 1.0) -> None:
    source = builds.home.root / "s"
    source.mkdir()
    digest = builds.artifacts.pack_tree(source)
    arguments = [sys.executable, "-c", SERVER, str(builds.home.root), digest, str(minutes)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"started\n"
        builds.started.append(7)
        server.kill()


def test_a_build_survives_its_server(builds: Builds) -> None:
    kill_a_server_in_the_middle(builds)
    assert builds.runner.state(7) == "running"
    log, on = builds.home.logs / "7.log", builds.home.builds / "7" / "src" / "on"
    until(lambda: "one" in log.read_text())
    timer = Timer(0.2, on.touch)
    timer.start()
    result = builds.runner.wait(7, Event())
    timer.join()
    assert result.status == "SUCCEEDED"
    assert log.read_text().count("two ***") == 1
    assert result.artifact is not None
    assert ArtifactStore(builds.home.artifacts).read(result.artifact, "out") == b"kept\n"


def test_a_build_that_ended_without_a_server_is_found_finished(builds: Builds) -> None:
    kill_a_server_in_the_middle(builds)
    (builds.home.builds / "7" / "src" / "on").touch()
    until(lambda: builds.runner.state(7) == "finished")
    assert builds.runner.wait(7, Event()).status == "SUCCEEDED"


def test_the_time_limit_holds_across_servers(builds: Builds) -> None:
    kill_a_server_in_the_middle(builds, minutes=0.01)
    result = builds.runner.wait(7, Event())
    assert result.status == "TIMED_OUT"
    assert builds.runner.state(7) == "finished"


def test_a_build_of_a_dead_server_can_be_abandoned(builds: Builds) -> None:
    kill_a_server_in_the_middle(builds)
    pid = program_of(builds, 7)
    builds.runner.abandon(7)
    assert gone(pid)
    assert builds.runner.wait(7, Event()).status == "STOPPED"


def test_a_build_that_was_killed_with_its_server_is_lost(builds: Builds) -> None:
    kill_a_server_in_the_middle(builds)
    os.killpg(program_of(builds, 7), signal.SIGKILL)
    until(lambda: builds.runner.state(7) == "lost")


def test_the_end_is_noticed_at_once(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_NOTICE", 1000.0)
    for runner in (builds.runner, BuildRunner(builds.home, builds.artifacts)):
        request = builds.start({"phases": {"build": {"commands": ["until test -e on; do sleep 0.01; done"]}}})
        waiter = Thread(target=runner.wait, args=(request.attempt, Event()))
        waiter.start()
        program_of(builds, request.attempt)
        (builds.source(request) / "on").touch()
        waiter.join(10)
        assert not waiter.is_alive()


def test_the_wait_does_not_depend_on_being_the_parent(builds: Builds) -> None:
    request = builds.start({"phases": {"build": {"commands": ["sleep 0.1; echo done"]}}})
    other = BuildRunner(builds.home, builds.artifacts)
    until(lambda: other.state(request.attempt) == "running")
    assert other.wait(request.attempt, Event()).status == "SUCCEEDED"
