"""Images that are fetched from a real registry by a real container engine."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.docker.build import locate
from copilot.docker.client import Docker
from copilot.errors import BuildError, NotFoundError
from tests.docker import BASE, DockerEngine, context
from tests.registry import Registry, serve

LOGIN = ("ana", "open sesame")
HASHED = "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"


class Shelf:
    """A repository of a registry, and the engine that fills it."""

    def __init__(self, docker: DockerEngine, registry: Registry, folder: Path) -> None:
        self.docker = docker
        self.folder = folder
        self.name = f"{registry.host}/web-{uuid.uuid4().hex[:8]}"
        self.printed: list[str] = []
        self.made: set[str] = set()

    def build(self, version: str, platform: str = "linux/amd64") -> str:
        """Make a version as ``:1``; the answer is its digest."""
        folder = context(self.folder / "context", f"{BASE}LABEL version={version} of={self.name}\n")
        self.docker.run("build", "--no-cache", "--quiet", "--platform", platform, "--tag", f"{self.name}:1", str(folder))
        digest = self.docker.run("image", "inspect", "--format", "{{.Id}}", f"{self.name}:1")
        self.made.add(digest)
        return digest

    def push(self, version: str) -> str:
        """Publish a version as ``:1``, and have none of it here; the answer is its digest."""
        digest = self.build(version)
        self.docker.run("push", "--quiet", f"{self.name}:1")
        self.docker.run("image", "rm", f"{self.name}:1")
        return digest

    def locate(self, platform: str | None = None, tag: str = "1", client: Docker | None = None) -> str:
        return locate(client or Docker(), "web", f"{self.name}:{tag}", platform, self.printed.append)


@pytest.fixture
def shelf(docker: DockerEngine, tmp_path: Path) -> Iterator[Shelf]:
    with serve(tmp_path / "registry") as registry:
        shelf = Shelf(docker, registry, tmp_path)
        yield shelf
        docker.ask("image", "rm", f"{shelf.name}:1", *shelf.made)


def test_what_is_not_here_is_pulled_and_kept(shelf: Shelf) -> None:
    digest = shelf.push("one")
    assert shelf.locate() == digest
    assert shelf.printed[0] == f"pulling {shelf.name}:1"
    assert any(line.startswith("Digest: sha256:") for line in shelf.printed)
    shelf.printed.clear()
    assert shelf.locate() == digest
    assert shelf.printed == []


def test_what_is_here_for_another_platform_does_not_count(shelf: Shelf) -> None:
    own = shelf.push("own")
    foreign = shelf.build("foreign", "linux/arm64")
    assert shelf.locate() == foreign
    assert shelf.locate("linux/amd64") == own


def test_what_cannot_be_had(shelf: Shelf, tmp_path: Path) -> None:
    shelf.push("one")
    with pytest.raises(NotFoundError, match=f"^image `{shelf.name}:nope` does not exist, or may not be read$"):
        shelf.locate(tag="nope")
    with pytest.raises(
        BuildError, match=r"^the image `127\.0\.0\.1:1/x:1` of `web` cannot be had: the registry .* cannot be reached: "
    ):
        locate(Docker(), "web", "127.0.0.1:1/x:1", None, shelf.printed.append)


def test_a_private_image(docker: DockerEngine, tmp_path: Path) -> None:
    with serve(tmp_path / "registry", login=LOGIN, hashed=HASHED) as registry:
        shelf = Shelf(docker, registry, tmp_path)
        known, mistaken = (_client(tmp_path / word, registry, word) for word in (LOGIN[1], "a guess"))
        for client in (Docker(tmp_path / "nobody"), mistaken):
            with pytest.raises(BuildError) as caught:
                shelf.locate(client=client)
            assert caught.value.message.startswith(
                f"the image `{shelf.name}:1` of `web` cannot be had: the registry refuses access: "
            )
            assert (caught.value.hint or "").startswith("Log in with `docker login")
        with pytest.raises(NotFoundError, match="does not exist"):
            shelf.locate(client=known)


def _client(folder: Path, registry: Registry, password: str) -> Docker:
    """One that logged in so."""
    folder.mkdir()
    login = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": login}}}))
    return Docker(folder)
