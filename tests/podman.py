"""Podman as a container engine for tests: a service of its own, with its own files, that the `docker` command talks to."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copilot.local.home import Home
from tests.docker import ENGINE, DockerEngine, missing

# Where Podman's own limits may not be given (as in a container), these can; there need be no journal either.
_CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_SECONDS = 30.0


@pytest.fixture
def podman(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DockerEngine]:
    """A Podman that only this test uses. Without Podman the test is skipped, but in CI it fails.

    What the home in ``tmp_path / "home"`` has on it is deleted in the end.
    """
    if shutil.which("docker") is None:
        missing("the command `docker` is not installed")
    if shutil.which("podman") is None:
        missing("podman is not installed")
    if os.geteuid():
        missing("only root can give a Podman its own files")
    with _alone(), _service() as address:
        monkeypatch.setenv(ENGINE, address)
        engine = DockerEngine()
        yield engine
        engine.clean([Home(tmp_path / "home")])


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time: two Podmans that do not know each other give their networks the same addresses."""
    with (Path(tempfile.gettempdir()) / "copilot-test-podman.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _service() -> Iterator[str]:
    """The address of a Podman whose files are in a folder. The path of its socket must be short."""
    folder = Path(tempfile.mkdtemp(prefix="pod-", dir="/tmp"))
    (folder / "containers.conf").write_text(_CONFIGURATION)
    places = {"--root": "root", "--runroot": "run", "--tmpdir": "tmp", "--network-config-dir": "networks"}
    address = f"unix://{folder}/sock"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["podman", *(f"{flag}={folder / name}" for flag, name in places.items()), "system", "service", "--time=0", address],
            env={**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        _until_it_answers(process, address, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(_SECONDS)
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        below = [place for place in mounted if place.startswith(f"{folder}/")]
        subprocess.run(["umount", "-l", *below], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    environment = {**os.environ, ENGINE: address}
    while subprocess.run(["docker", "version"], env=environment, capture_output=True, check=False).returncode:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
