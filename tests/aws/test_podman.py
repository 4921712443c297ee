"""Images of workloads with Podman, which the `docker` command talks to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.test_images import HASHED, LOGIN, Shop
from tests.aws.test_images import _own_configuration as _own_configuration  # noqa: PLC0414 - fixtures on another engine
from tests.aws.test_images import shop as shop  # noqa: PLC0414 - the same
from tests.docker import DockerEngine
from tests.registry import Registry, make_certificate, serve


@pytest.fixture
def registries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Registry, Registry]]:
    """With a certificate that Podman is told to trust: it speaks HTTPS only, even on loopback."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        serve(tmp_path / "one", login=LOGIN, hashed=HASHED, certificate=certificate) as one,
        serve(tmp_path / "two", login=LOGIN, hashed=HASHED, certificate=certificate) as two,
    ):
        yield one, two


@pytest.fixture
def docker(registries: tuple[Registry, Registry], request: pytest.FixtureRequest) -> DockerEngine:
    """In this module, the engine is Podman."""
    engine = request.getfixturevalue("podman")
    assert isinstance(engine, DockerEngine)
    return engine


def test_images_are_published(shop: Shop, docker: DockerEngine) -> None:
    assert "Podman Engine" in docker.run("version")
    [published] = shop.publish()
    name = f"{shop.application}/api"
    for registry in shop.registries:
        assert registry.tags(name) == ["a1b2c3d", "latest"]
        assert published[f"{registry.host}/{name}"] == f"{registry.host}/{name}@{registry.digest(name, 'latest')}"
    one = shop.registries[0]
    manifest, digest = one.manifest(name, "latest"), one.digest(name, "latest")
    shop.aws.ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="latest", imageDigest=digest)
    assert shop.publish() == [published]
    assert shop.said("has it already") == 2
