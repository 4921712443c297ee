"""A real registry of images on loopback: Debian's docker-registry, as a child process."""

from __future__ import annotations

import base64
import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docker import missing

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
        certificate: What it shows, if it speaks HTTPS.
    """

    host: str
    folder: Path
    login: tuple[str, str] | None = None
    certificate: Path | None = None

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "log").read_text()

    def get(self, path: str) -> tuple[str, dict[str, str]]:
        """What it answers, and the answer's headers. Raises `urllib.error.HTTPError`."""
        scheme = "http" if self.certificate is None else "https"
        request = urllib.request.Request(f"{scheme}://{self.host}/v2/{path}", headers={"Accept": _MANIFESTS})
        if self.login is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(self.login).encode()).decode())
        trust = None if self.certificate is None else ssl.create_default_context(cafile=str(self.certificate))
        with urllib.request.urlopen(request, timeout=10, context=trust) as response:
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
def serve(
    folder: Path, *, login: tuple[str, str] | None = None, hashed: str = "", certificate: Path | None = None
) -> Iterator[Registry]:
    """Run a registry with its images in a folder. Skips the test without the program, unless in CI.

    Args:
        folder: Made if it is not there.
        login: The user and the password to ask for.
        hashed: The password as bcrypt has it.
        certificate: What to speak HTTPS with; its key is beside it (see `make_certificate`).
    """
    program = shutil.which("docker-registry") or missing("docker-registry is not installed")
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
    if certificate is not None:
        config["http"]["tls"] = {"certificate": str(certificate), "key": str(certificate.with_suffix(".key"))}
    # JSON is YAML too.
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.yml")], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield Registry(_address(process, folder / "log"), folder, login, certificate)
        finally:
            process.terminate()
            process.wait(timeout=10)


def make_certificate(folder: Path) -> Path:
    """A certificate of this machine's loopback address, signed by itself, and its key beside it."""
    certificate = folder / "registry.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    holder = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *kind, *holder, *files], check=True, capture_output=True)
    return certificate


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        match = _LISTENING.search(log.read_text())
        if match:
            return match[1]
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"the registry did not start:\n{log.read_text()}")
