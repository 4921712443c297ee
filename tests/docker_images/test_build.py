"""Builds of a real container engine."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.docker.build import build, locate
from copilot.docker.client import Docker
from copilot.errors import BuildError, CopilotError
from copilot.image import ImageRequest
from tests.docker import BASE, DOCKERFILE, NO_ENGINE, DockerEngine, context, foreign


class Builds:
    """Builds images under a name of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"copilot-test-{uuid.uuid4().hex[:12]}/api:one"
        self.printed: list[str] = []

    def build(self, text: str = DOCKERFILE, **request: object) -> str:
        folder = context(self.folder / "context", text)
        wanted = ImageRequest("shop", "api", folder / "Dockerfile", folder)
        changed = replace(wanted, **request)  # type: ignore[arg-type] # a test's shorthand
        return build(Docker(), changed, [self.name], self.printed.append)


@pytest.fixture
def builds(tmp_path: Path, docker: DockerEngine) -> Iterator[Builds]:
    builds = Builds(tmp_path)
    yield builds
    docker.ask("image", "rm", builds.name)


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        (
            BASE + '# two\n# lines\nRUN ["sh", "-c", "echo said; exit 3"]\n',
            '{0}:7: `RUN ["sh", "-c", "echo said; exit 3"]` failed: exit 3',
        ),
        (BASE + "COPY nope /\n", "{0}:5: `nope` is not in the build context"),
        (BASE + "COPI x /\n", "{0}:5: unknown instruction: COPI"),
        ("FROM nowhere.invalid/base:1\n", "{0}:1: the registry `nowhere.invalid` cannot be reached: "),
        (BASE + "USER\n", "{0}:5: USER requires exactly one argument"),
    ],
)
def test_why_a_build_failed(builds: Builds, dockerfile: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(builds.folder)
    with pytest.raises(BuildError) as caught:
        builds.build(dockerfile)
    assert caught.value.message.startswith(message.format("context/Dockerfile"))
    if "RUN" in dockerfile:
        assert "said" in caught.value.details


def test_a_build_for_another_platform_without_an_emulator(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(builds.folder)
    foreign(context(builds.folder / "context") / "foreign")
    with pytest.raises(BuildError) as caught:
        builds.build("FROM scratch\nCOPY foreign /bin/sh\nRUN make\n", platform="linux/arm64")
    why = "`/bin/sh` cannot be executed: it is made for another processor, or is a script without `#!`"
    assert caught.value.message == f"context/Dockerfile:3: `RUN make` failed: {why}"
    assert "qemu-user-static" in (caught.value.hint or "")


def test_more_that_is_wrong(builds: Builds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has no stage `nah`"):
        builds.build(target="nah")
    with pytest.raises(BuildError, match=r"`.*none` cannot be read"):
        builds.build(dockerfile=tmp_path / "none")
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    with pytest.raises(BuildError, match=f"no container engine answers at {NO_ENGINE}"):
        builds.build()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match="the command `docker` is not on this machine"):
        build(Docker(), ImageRequest("shop", "api", tmp_path / "Dockerfile", tmp_path), [builds.name], print)


def test_existing_images(builds: Builds, docker: DockerEngine) -> None:
    digest = builds.build()
    assert locate(Docker(), "web", builds.name, None, builds.printed.append) == digest
    with pytest.raises(CopilotError, match=r"the registry `nowhere\.invalid` cannot be reached"):
        locate(Docker(), "web", "nowhere.invalid/web:1", None, builds.printed.append)
    assert "pulling nowhere.invalid/web:1" in builds.printed


@pytest.mark.parametrize(
    "said",
    [
        f"failed to export image: failed to set parent sha256:{'a' * 64}: unknown parent image ID sha256:{'a' * 64}",
        f"failed to get digest sha256:{'a' * 64}: open /var/lib/docker/image/overlay2/x: no such file or directory",
    ],
)
def test_a_layer_that_was_removed_during_a_build(builds: Builds, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """What an engine says when another program removes the image that a build is about to go on from; then it builds."""
    real = shutil.which("docker")
    first = builds.folder / "first"
    first.touch()
    program = builds.folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nif rm "{first}" 2>/dev/null; then echo "{said}" >&2; exit 1; fi\nexec "{real}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert builds.build().startswith("sha256:")
    assert "A layer of an earlier build was removed meanwhile: this is built again" in builds.printed
