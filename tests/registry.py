"""A real registry of images on loopback: Debian's docker-registry, as a child process."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

_DEADLINE = 20.0
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Registry:
    """A registry that runs.

    Attributes:
        host: Address and port; part of the names of its images.
        folder: Where it keeps them, and its log.
        login: User and password, if it asks for them.
    """

    host: str
    folder: Path
    login: tuple[str, str] | None = None

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "log").read_text()

    def get(self, path: str) -> tuple[str, dict[str, str]]:
        """What it answers, and the answer's headers. Raises `urllib.error.HTTPError`."""
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": _MANIFESTS})
        if self.login is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(self.login).encode()).decode())
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read().decode(), {name.lower(): value for name, value in response.headers.items()}

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository; none if it is not there."""
        try:
            content: dict[str, Any] = json.loads(self.get(f"{repository}/tags/list")[0])
        except urllib.error.HTTPError as error:
            error.close()
            return []
        return sorted(content["tags"] or [])

    def digest(self, repository: str, tag: str) -> str:
        """The digest of an image."""
        return self.get(f"{repository}/manifests/{tag}")[1]["docker-content-digest"]

    def manifest(self, repository: str, tag: str) -> str:
        """The manifest of an image, as it was pushed."""
        return self.get(f"{repository}/manifests/{tag}")[0]


@contextmanager
def serve(folder: Path, *, login: tuple[str, str] | None = None, hashed: str = "") -> Iterator[Registry]:
    """Run a registry with its images in a folder. Skips the test without the program, unless in CI.

    Args:
        folder: Made if it is not there.
        login: The user and the password to ask for.
        hashed: The password as bcrypt has it.
    """
    program = shutil.which("docker-registry") or _missing("docker-registry is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0", "secret": "of a test"},
    }
    if login is not None:
        (folder / "passwords").write_text(f"{login[0]}:{hashed}\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "passwords")}}
    # JSON is YAML too.
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.yml")], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield Registry(_address(process, folder / "log"), folder, login)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        match = _LISTENING.search(log.read_text())
        if match:
            return match[1]
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"the registry did not start:\n{log.read_text()}")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
