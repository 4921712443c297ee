"""What happens when the container engine is killed and started again: one of the test's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.image import ImageRequest
from copilot.local.docker.images import DockerImageBuilder
from copilot.local.home import Home
from tests.docker import ENGINE, DockerEngine, context
from tests.local.docker.test_engine import Shop
from tests.local.harness import eventually, get


class Daemon:
    """An engine without a network to the outside, whose files are in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/engine.sock"
        self._process: subprocess.Popen[bytes] | None = None
        # With none at all, an engine deletes the bridge of the machine's own engine.
        self._bridge = f"cop{os.getpid()}"
        subprocess.run(["ip", "link", "add", self._bridge, "type", "bridge"], check=True)
        subprocess.run(["ip", "addr", "add", "172.31.254.1/24", "dev", self._bridge], check=True)
        # A service of its own, as where systemd starts it.
        config = 'version = 2\nroot = "{0}/root"\nstate = "{0}/state"\n[grpc]\naddress = "{0}/containerd.sock"\n'
        (folder / "containerd.toml").write_text(config.format(folder))
        self._containerd = self._started("containerd", "--config", str(folder / "containerd.toml"))

    def start(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        self._process = self._started(
            *("dockerd", "--host", self.address, "--pidfile", str(self.folder / "pid")),
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("--bridge", self._bridge, "--iptables=false", "--ip-masq=false"),
            *("--containerd", str(self.folder / "containerd.sock")),
        )
        eventually(lambda: subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0, 30)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
        self._containerd.terminate()
        self._containerd.wait(30)
        subprocess.run(["ip", "link", "del", self._bridge], check=True)
        subprocess.run(["umount", "-l", *self._mounts()], capture_output=True, check=False)

    def _started(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _mounts(self) -> list[str]:
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        return [place for place in mounted if place.startswith(f"{self.folder}/")]


@pytest.fixture
def daemon(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    if os.geteuid() or not all(map(shutil.which, ("dockerd", "containerd", "ip"))):
        pytest.skip("only root can start an engine, and only where there is one")
    # The path of its socket must be short.
    folder = Path(subprocess.run(["mktemp", "-d", "/tmp/dk-XXXXXX"], capture_output=True, text=True, check=True).stdout.strip())
    daemon = Daemon(folder)
    monkeypatch.setenv(ENGINE, daemon.address)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_services_come_back_with_their_engine(daemon: Daemon, home: Home, tmp_path: Path) -> None:
    folder = context(tmp_path / "context")
    image = DockerImageBuilder(home).build(ImageRequest("shop", "api", folder / "Dockerfile", folder), lambda line: None)
    shop = Shop(home, image)
    engine = DockerEngine()
    try:
        assert shop.deploy("one", count=2).status == "Succeeded"
        before = {task.id for task in shop.tasks()}
        daemon.kill()
        eventually(lambda: shop.service.service("shop", "api").environments[0].problem is not None)
        assert shop.deploy("two").error == f"no container engine answers at {daemon.address}"
        daemon.start()
        eventually(lambda: shop.service.service("shop", "api").environments[0].problem is None, 20)
        eventually(lambda: shop.all_healthy() and get(shop.port()) == (200, "one\n"), 30)
        assert {task.id for task in shop.tasks()} == before
        assert len([x for x in engine.left(home) if x.startswith("container")]) == 2
        assert shop.deploy("two").status == "Succeeded"
        shop.service.delete_application("shop")
        assert engine.left(home) == []
    finally:
        shop.service.close()
