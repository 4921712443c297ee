"""A real container engine for tests, and images that need no registry: Debian's static busybox on nothing."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from copilot.local.docker.names import HOME, Names
from copilot.local.home import Home

ENGINE = "DOCKER_HOST"
REAL_ENGINE = "COPILOT_TEST_DOCKER_HOST"

NO_ENGINE = "unix:///nowhere/docker.sock"
"""What DOCKER_HOST is for tests that do not ask for an engine, so that none of them depends on whether the machine has one."""

# Answers with the value of VERSION at /, and with 200 at /health as long as /tmp/sick is not there.
SERVER = """\
echo "version $VERSION begins"
[ -z "$EXIT" ] || exit "$EXIT"
mkdir -p /tmp/www
echo "$VERSION" >/tmp/www/index.html
echo fine >/tmp/www/health
env >/tmp/www/env
busybox httpd -f -p "${LISTEN:-$PORT}" -h /tmp/www &
trap 'kill "$!"; echo "version $VERSION ends"; exit 0' TERM
wait
"""
BASE = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n"
DOCKERFILE = BASE + 'COPY server.sh /server.sh\nCMD ["sh", "/server.sh"]\n'


def foreign(path: Path) -> None:
    """Write a program for another processor: an ELF file whose machine is none that tests run on (IBM S/390)."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 22, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 128, 128, 4096)
    path.write_bytes(header + segment + bytes(8))
    path.chmod(0o755)


def busybox() -> str:
    """The program that images are made of. Skips the test without it, unless in CI."""
    return shutil.which("busybox") or missing("busybox-static is not installed")


def context(folder: Path, dockerfile: str = DOCKERFILE, **files: str) -> Path:
    """A folder to build from, with busybox in it; the name of a file has ``_`` for its dot."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox(), folder / "busybox")
    for name, text in {"Dockerfile": dockerfile, "server_sh": SERVER, **files}.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


class DockerEngine:
    """The engine, asked by its own client, whatever a test does to its own environment."""

    def __init__(self) -> None:
        self._program = shutil.which("docker") or "docker"
        self._environment = dict(os.environ)

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `docker`."""
        return subprocess.run([self._program, *arguments], env=self._environment, capture_output=True, text=True, check=False)

    def run(self, *arguments: str) -> str:
        """Run `docker`, which must succeed; the answer is what it prints."""
        done = self.ask(*arguments)
        # Other tests remove images; a layer that this build goes on from may have been one of theirs only.
        if "unknown parent image ID" in done.stderr or "failed to get digest" in done.stderr:
            done = self.ask(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def inspect(self, name: str) -> dict[str, Any]:
        """All about a container, image, network or volume."""
        content: dict[str, Any] = json.loads(self.run("inspect", name))[0]
        return content

    def left(self, home: Home) -> list[str]:
        """Containers, networks and volumes of a home."""
        label = f"label={HOME}={Names.of(home).home}"
        return [
            *self.run("ps", "--all", "--filter", label, "--format", "container {{.Names}}").splitlines(),
            *self.run("network", "ls", "--filter", label, "--format", "network {{.Name}}").splitlines(),
            *self.run("volume", "ls", "--filter", label, "--format", "volume {{.Name}}").splitlines(),
        ]

    def clean(self, homes: Sequence[Home]) -> None:
        """Delete all that homes have on the engine, images included."""
        for home in homes:
            for thing in self.left(home):
                kind, name = thing.split()
                force = () if kind == "network" else ("--force",)
                self.ask(kind, "rm", *force, name)
            # By name: another home may have the same image.
            pattern = f"reference={Names.of(home).prefix}/*/*"
            images = self.run("image", "ls", "--filter", pattern, "--format", "{{.Repository}}:{{.Tag}}").split()
            if images:
                self.ask("image", "rm", *images)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DockerEngine]:
    """The engine of this machine. Without one the test is skipped, but in CI it fails.

    What the home in ``tmp_path / "home"`` has on it is deleted in the end.
    """
    real = os.environ.get(REAL_ENGINE)
    if real:
        monkeypatch.setenv(ENGINE, real)
    else:
        monkeypatch.delenv(ENGINE, raising=False)
    engine = DockerEngine()
    if shutil.which("docker") is None or engine.ask("version").returncode:
        missing("no container engine answers")
    yield engine
    engine.clean([Home(tmp_path / "home")])


def missing(reason: str) -> NoReturn:
    """Skip a test because of what this machine lacks; in CI, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
