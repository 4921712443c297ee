"""Tasks on a real container engine."""

from __future__ import annotations

import http.client
import json
import os
import signal
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from copilot.errors import CopilotError, DeploymentError, EngineUnavailableError, NotFoundError
from copilot.local.docker.runtime import DockerRuntime
from copilot.local.home import Home
from copilot.release.description import ContainerCheck, Sidecar, Volume
from tests.docker import BASE, NO_ENGINE, DockerEngine, context, foreign
from tests.local.docker.conftest import Tasks


def get(port: int | None, path: str = "/") -> str | None:
    """The body of an answer; None if there is none yet."""
    assert port is not None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def shell(tasks: Tasks, script: str, task_id: str = "t1", **changes: object) -> None:
    """Run a script as a task."""
    tasks.start(tasks.build(), task_id, None, command=("sh", "-c", script), **changes)


def test_a_task_from_its_start_to_its_end(tasks: Tasks, docker: DockerEngine, home: Home) -> None:
    spec = tasks.start(tasks.build())
    runtime = tasks.runtime
    tasks.until(lambda: get(spec.port) == "one")
    pid = runtime.pid("t1")
    assert pid is not None
    assert psutil.pid_exists(pid)
    assert runtime.runs("t1")
    assert runtime.exit_reason("t1") is None
    assert runtime.healthy("t1") is None
    assert runtime.tail("t1") == ("version one begins",)
    [container, network] = docker.left(home)
    assert network == f"network {runtime.names.prefix}-shop.test"
    labels = docker.inspect(container.split()[1])["Config"]["Labels"]
    assert labels["copilot.workload"] == "api"
    assert labels["copilot.release"] == "7"

    runtime.stop("t1", 5)
    assert runtime.pid("t1") is None
    assert runtime.exit_reason("t1") == "exit 0"
    runtime.remove("t1")
    assert runtime.tail("t1") == ("version one begins", "version one ends")
    assert runtime.log("t1").text == "version one begins\nversion one ends\n"
    assert stat.S_IMODE((home.logs / "task-t1.log").stat().st_mode) == 0o600
    assert runtime.task_ids() == []
    runtime.remove_environment(tasks.environment(), keep_volumes=False)
    assert docker.left(home) == []


def test_another_server_finds_what_runs(tasks: Tasks) -> None:
    image = tasks.build()
    tasks.start(image)
    pid = tasks.runtime.pid("t1")
    runtime = tasks.again()
    assert runtime.task_ids() == ["t1"]
    assert runtime.pid("t1") == pid
    runtime.start(tasks.spec(image))
    assert runtime.pid("t1") == pid


def test_homes_do_not_meet(tasks: Tasks, home: Home, docker: DockerEngine) -> None:
    tasks.start(tasks.build())
    other = Home(home.root.parent / "other")
    other.create()
    runtime = DockerRuntime(other)
    try:
        assert runtime.task_ids() == []
        assert runtime.pid("t1") is None
    finally:
        runtime.close()


@pytest.mark.parametrize(("script", "reason"), [("exit 0", "exit 0"), ("exit 7", "exit 7"), ("kill -9 $$; sleep 5", "exit 0")])
def test_why_a_task_ended(tasks: Tasks, script: str, reason: str) -> None:
    if "kill" in script:
        script, reason = "sh -c 'kill -9 $$'; exit $?", "killed by SIGKILL"
    shell(tasks, script)
    assert tasks.ended() == reason
    assert tasks.again().exit_reason("t1") == reason


def test_a_task_that_needs_too_much_memory(tasks: Tasks) -> None:
    shell(tasks, "x=x; while :; do x=$x$x; done", memory=16)
    assert tasks.ended() == "killed: it needed more than its memory, 16 MiB"


def test_a_task_that_ended_starts_anew_and_its_log_goes_on(tasks: Tasks) -> None:
    image = tasks.build()
    script = ("sh", "-c", "ls /tmp/left; mkdir -p /tmp; echo >/tmp/left; exit 3")
    tasks.start(image, command=script)
    assert tasks.ended() == "exit 3"
    first = tasks.runtime.log("t1")
    assert first.text == "ls: /tmp/left: No such file or directory\n"
    tasks.start(image, command=script)
    assert tasks.ended() == "exit 3"
    assert tasks.runtime.log("t1").text == first.text * 2
    second = tasks.runtime.log("t1", first.cursor)
    assert second.text == first.text
    assert tasks.runtime.log("t1", second.cursor).text == ""
    tasks.runtime.remove("t1")
    assert tasks.runtime.log("t1", first.cursor).text == first.text


def test_one_that_does_not_stop_is_killed(tasks: Tasks) -> None:
    shell(tasks, "trap '' TERM; while :; do sleep 1; done")
    tasks.runtime.stop("t1", 0.4)
    assert tasks.runtime.exit_reason("t1") == "killed by SIGKILL"


def test_the_end_of_a_container_is_noticed(tasks: Tasks, docker: DockerEngine) -> None:
    shell(tasks, "while :; do sleep 1; done")
    docker.run("kill", tasks.runtime.names.container("t1"))
    assert tasks.ended() == "killed by SIGKILL"
    docker.run("rm", tasks.runtime.names.container("t1"))
    tasks.until(lambda: tasks.runtime.task_ids() == [])
    assert tasks.runtime.exit_reason("t1") == "ended"


def test_the_stream_of_events_is_opened_again(tasks: Tasks, docker: DockerEngine) -> None:
    shell(tasks, "while :; do sleep 1; done")
    living = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    events = [p for p in living if p.name() == "docker" and "events" in p.cmdline()]
    assert len(events) == 1
    os.kill(events[0].pid, signal.SIGKILL)
    docker.run("kill", tasks.runtime.names.container("t1"))
    assert tasks.ended() == "killed by SIGKILL"


def test_values_are_never_in_an_argument(tasks: Tasks, docker: DockerEngine) -> None:
    values = {"SECRET": "hunter2", "PATH": "/bin:/own", "DOCKER_HOST": "none", "LINES": "one\ntwo '\"$HOME", "http_proxy": "p:1"}
    spec = tasks.start(tasks.build(), variables=values)
    tasks.until(lambda: get(spec.port, "/env"))
    told = get(spec.port, "/env") or ""
    for name, value in values.items():
        assert f"{name}={value}" in told
    content = docker.inspect(tasks.runtime.names.container("t1"))
    assert "hunter2" not in json.dumps([content["Args"], content["Config"]["Cmd"], content["Config"]["Labels"]])


def test_limits(tasks: Tasks, docker: DockerEngine) -> None:
    tasks.start(tasks.build(), cpu=512, memory=64)
    host = docker.inspect(tasks.runtime.names.container("t1"))["HostConfig"]
    assert host["NanoCpus"] == 500_000_000
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    tasks.start(tasks.build(), "t2", cpu=1024 * 512)
    assert tasks.runtime.runs("t2")


def test_it_listens_on_loopback_only(tasks: Tasks, docker: DockerEngine) -> None:
    spec = tasks.start(tasks.build())
    bound = docker.inspect(tasks.runtime.names.container("t1"))["HostConfig"]["PortBindings"]
    assert bound == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(spec.port)}]}


def test_services_reach_each_other_by_name(tasks: Tasks) -> None:
    image = tasks.build()
    spec = tasks.start(image)
    tasks.until(lambda: get(spec.port) == "one")
    for task, name in (("t2", "api.test.shop.local"), ("t3", "api")):
        tasks.start(image, task, command=("busybox", "wget", "-qO-", f"http://{name}:8080/"), workload="web")
        assert tasks.ended(task) == "exit 0"
        assert tasks.runtime.tail(task) == ("one",)
    # An environment of the same name of another application is another network.
    tasks.start(image, "t4", command=("busybox", "wget", "-qO-", "-T2", "http://api:8080/"), application="other", workload="web")
    assert tasks.ended("t4") != "exit 0"
    for app in ("shop", "other"):
        for task in ("t1", "t2", "t3") if app == "shop" else ("t4",):
            tasks.runtime.remove(task)
        tasks.runtime.remove_environment(tasks.environment(app), keep_volumes=False)


def test_a_network_that_someone_deleted_is_made_again(tasks: Tasks, docker: DockerEngine) -> None:
    image = tasks.build()
    tasks.runtime.prepare(tasks.environment())
    docker.run("network", "rm", tasks.runtime.names.network("shop", "test"))
    tasks.runtime.start(tasks.spec(image))
    assert tasks.runtime.runs("t1")


def test_services_that_are_deployed_at_once_share_one_network(tasks: Tasks, docker: DockerEngine, home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tasks.runtime.prepare, [tasks.environment()] * 4))
    assert len(docker.left(home)) == 1


def test_volumes_outlive_tasks(tasks: Tasks, docker: DockerEngine, home: Home) -> None:
    volumes = (Volume("data", "/data"), Volume("ro", "/ro", read_only=True))
    shell(tasks, "echo kept >/data/file; echo no >/ro/file", volumes=volumes)
    assert tasks.ended() == "exit 1"
    tasks.runtime.remove("t1")
    shell(tasks, "cat /data/file", "t2", volumes=volumes)
    assert tasks.ended("t2") == "exit 0"
    assert tasks.runtime.tail("t2") == ("kept",)
    tasks.runtime.remove("t2")
    tasks.runtime.remove_environment(tasks.environment(), keep_volumes=True)
    prefix = f"volume {tasks.runtime.names.prefix}-shop.test.api"
    assert docker.left(home) == [f"{prefix}.data", f"{prefix}.ro"]
    tasks.runtime.remove_environment(tasks.environment(), keep_volumes=False)
    assert docker.left(home) == []


def test_the_own_health_check(tasks: Tasks) -> None:
    check = ContainerCheck(("CMD", "sh", "-c", "test -e /tmp/fit"), interval=0.5, retries=1)
    shell(tasks, "mkdir /tmp; while :; do sleep 0.1; done", check=check)
    assert tasks.runtime.healthy("t1") is False
    how = tasks.runtime.command("t1", ["sh", "-c", "echo $VERSION >/tmp/fit"], interactive=False)
    subprocess.run(how.argv, env={**os.environ, **how.variables}, check=True)
    tasks.until(lambda: tasks.runtime.healthy("t1") is True)
    assert tasks.again().healthy("t1") is True


def test_commands_run_inside_of_a_task(tasks: Tasks) -> None:
    shell(tasks, "while :; do sleep 1; done")
    how = tasks.runtime.command("t1", ["sh", "-c", 'echo "$VERSION"; exit 4'], interactive=False)
    done = subprocess.run(how.argv, env={**os.environ, **how.variables}, capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"one\n", 4)
    assert "--tty" in tasks.runtime.command("t1", ["sh"], interactive=True).argv
    with pytest.raises(NotFoundError, match="task `t9` does not run"):
        tasks.runtime.command("t9", ["sh"], interactive=True)


def test_a_program_of_another_processor(tasks: Tasks) -> None:
    foreign(context(tasks.folder / "context") / "foreign")
    image = tasks.build('FROM scratch\nCOPY foreign /server\nCMD ["/server"]\n', platform="linux/arm64")
    tasks.start(image, platform="linux/arm64")
    reason = "`/server` cannot be executed: it is made for another processor, or is a script without `#!`"
    assert tasks.ended() == reason
    with pytest.raises(DeploymentError, match="the image is made for linux/arm64, and linux/amd64 was asked for"):
        tasks.start(image, "t2", platform="linux/amd64")


def test_sidecars(tasks: Tasks) -> None:
    image = tasks.build()
    sidecars = (
        Sidecar("proxy", image, entrypoint=("sh", "-c"), command=('echo "i am $WHO"; while :; do sleep 0.1; done',)),
        Sidecar("extra", image, essential=False, command=("sh", "-c", "exit 1")),
    )
    spec = replace(tasks.spec(image, sidecars=sidecars), sidecar_variables={"proxy": {"WHO": "it"}, "extra": {}})
    tasks.runtime.prepare(tasks.environment())
    tasks.runtime.start(spec)
    tasks.until(lambda: get(spec.port) == "one")
    assert tasks.runtime.runs("t1")
    tasks.until(lambda: "proxy: i am it" in tasks.runtime.tail("t1"))
    subprocess.run(["docker", "kill", tasks.runtime.names.container("t1", "proxy")], capture_output=True, check=True)
    assert tasks.ended() == "sidecar `proxy` ended: killed by SIGKILL"
    # Its others end with it.
    tasks.until(lambda: get(spec.port) is None)
    tasks.runtime.start(spec)
    tasks.until(lambda: get(spec.port) == "one")
    tasks.runtime.stop("t1", 5)
    tasks.runtime.remove("t1")
    assert tasks.runtime.task_ids() == []
    assert "proxy: i am it" in tasks.runtime.tail("t1")


def test_sidecars_of_a_task_that_ends_at_once(tasks: Tasks, docker: DockerEngine) -> None:
    image = tasks.build()
    beside = Sidecar("proxy", image, command=("sh", "-c", "sleep 1000"))
    tasks.start(image, command=("sh", "-c", "echo why; exit 3"), sidecars=(beside,))
    assert tasks.ended() == "exit 3"
    assert tasks.runtime.tail("t1") == ("why",)
    tasks.runtime.remove("t1")
    assert [thing for thing in docker.left(tasks.home) if thing.startswith("container")] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ("/nope",)}, "`/nope` is not in the image"),
        ({"command": ("/server.sh",)}, "`/server.sh` is not executable"),
        ({"image": f"sha256:{'0' * 64}"}, f"image `sha256:{'0' * 64}` is not on this machine"),
        ({"memory": 1}, "memory limit"),
    ],
)
def test_what_cannot_be_started_leaves_nothing(
    tasks: Tasks, docker: DockerEngine, home: Home, changes: dict[str, object], message: str
) -> None:
    image = tasks.build()
    with pytest.raises(DeploymentError) as caught:
        tasks.start(str(changes.pop("image", image)), "t1", None, **changes)
    assert caught.value.message.startswith("a task of `api` cannot be started: ")
    assert message.lower() in caught.value.message.lower()
    assert not any("container" in thing for thing in docker.left(home))
    assert tasks.runtime.exit_reason("t1") == "ended"


def test_a_port_that_another_program_has(tasks: Tasks) -> None:
    image = tasks.build()
    first = tasks.start(image)
    with pytest.raises(DeploymentError, match=f"port {first.port} is taken"):
        tasks.runtime.start(replace(tasks.spec(image, "t2"), port=first.port))
    assert tasks.runtime.task_ids() == ["t1"]


def test_the_front_door_is_reached_through_the_bridge(tasks: Tasks) -> None:
    variables = tasks.runtime.variables(tasks.spec("").description, 20000, tasks.environment(port=8123), 20001)
    assert variables == {"PORT": "8080", "COPILOT_LB_DNS": "host.docker.internal:8123"}
    [address] = tasks.runtime.front_door_addresses()
    shell(tasks, "busybox nslookup host.docker.internal; cat /etc/hosts")
    assert tasks.ended() == "exit 0"
    assert any(line.split() == [address, "host.docker.internal"] for line in tasks.runtime.tail("t1"))


def test_no_engine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = DockerRuntime(home)
    try:
        with pytest.raises(EngineUnavailableError, match=f"no container engine answers at {NO_ENGINE}"):
            runtime.take_up()
        assert runtime.pid("t1") is None
        assert runtime.task_ids() == []
        assert isinstance(runtime.unavailable(), EngineUnavailableError)
        with pytest.raises(CopilotError, match="no container engine answers"):
            runtime.exit_reason("t1")
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(EngineUnavailableError, match="the command `docker` is not on this machine"):
            DockerRuntime(home).take_up()
    finally:
        runtime.close()


def test_an_image_of_nothing_but_a_program(tasks: Tasks) -> None:
    image = tasks.build(BASE + 'ENTRYPOINT ["busybox"]\nCMD ["echo", "from the image"]\n')
    tasks.start(image, port=None)
    assert tasks.ended() == "exit 0"
    tasks.start(image, "t2", command=("echo", "from the manifest"), port=None)
    tasks.start(image, "t3", entrypoint=("sh", "-c"), command=("echo both",), port=None)
    assert [tasks.ended(t) for t in ("t2", "t3")] == ["exit 0"] * 2
    assert [tasks.runtime.tail(t) for t in ("t1", "t2", "t3")] == [("from the image",), ("from the manifest",), ("both",)]
