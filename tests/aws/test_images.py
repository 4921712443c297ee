"""Images of workloads, with a real container engine, a real registry, and an emulator of ECR."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.client import Aws
from copilot.aws.ecr import Repository
from copilot.aws.images import Publisher, Wanted, image_tags, publish_images
from copilot.errors import BuildError, ConflictError, CopilotError, EngineUnavailableError, NotFoundError, UsageError
from copilot.image import ImageRequest
from tests.aws.conftest import ACCOUNT
from tests.docker import BASE, DOCKERFILE, DockerEngine, context
from tests.registry import Registry, serve

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
# What the emulator's ECR gives for a password, and its hash.
LOGIN = ("AWS", f"{ACCOUNT}-auth-token")
HASHED = "$2b$04$wZRotYZuqv3bgXH7/jWTWuCiFY25RKYgQG8waiArmmxS4rNLW2K06"


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Registry]]:
    """Those of two regions, with nobody's images in them at first."""
    folder = tmp_path_factory.mktemp("registries")
    with (
        serve(folder / "one", login=LOGIN, hashed=HASHED) as one,
        serve(folder / "two", login=LOGIN, hashed=HASHED) as two,
    ):
        yield one, two


@dataclass
class Shop:
    """An application with a repository in each of two registries."""

    application: str
    aws: Aws
    registries: tuple[Registry, Registry]
    folder: Path
    lines: list[str]

    def wanted(self, dockerfile: str = DOCKERFILE, **changes: object) -> Wanted:
        # An image of its own: other tests delete theirs, by digest, whatever names it has.
        folder = context(self.folder / "api", f"{dockerfile}ENV SHOP={self.application}\n")
        request = ImageRequest(self.application, "api", folder / "Dockerfile", folder, revision=COMMIT)
        own = replace(request, **changes)  # type: ignore[arg-type] # a test's shorthand
        return Wanted(own, tuple(Repository(f"{r.host}/{self.application}/api", self.aws) for r in self.registries))

    def publish(self, *wanted: Wanted, tag: str | None = None) -> list[dict[str, str]]:
        return publish_images(wanted or (self.wanted(),), self.lines.append, tag=tag)

    def said(self, text: str) -> int:
        return sum(text in line for line in self.lines)


@pytest.fixture
def shop(aws: Aws, docker: DockerEngine, registries: tuple[Registry, Registry], tmp_path: Path) -> Iterator[Shop]:
    """With a name that no other test has, as the engine and the registries are shared."""
    shop = Shop(f"shop-{uuid.uuid4().hex[:8]}", aws, registries, tmp_path, [])
    aws.ecr.create_repository(repositoryName=f"{shop.application}/api")
    yield shop
    names = left(docker, shop)
    if names:
        docker.run("image", "rm", "--force", *names)


def left(docker: DockerEngine, shop: Shop) -> list[str]:
    """The names of a shop's images on the engine; that of one without a tag is its digest."""
    form = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}"
    pairs = [line.split() for line in docker.run("image", "ls", "--digests", "--format", form).splitlines()]
    return [digest if "<none>" in tag else tag for tag, digest in pairs if shop.application in tag]


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no configuration of `docker` but theirs."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def test_a_dockerfile_that_is_not_there_is_missed_before_anything_else(aws: Aws, tmp_path: Path) -> None:
    request = ImageRequest("shop", "api", tmp_path / "nowhere", tmp_path, revision=COMMIT)
    lines: list[str] = []
    with pytest.raises(NotFoundError, match=r"image of `api`: `.*nowhere` is not there"):
        Publisher(lines.append).make(Wanted(request, (Repository("registry.invalid/shop/api", aws),)), None)
    assert lines == []


def test_one_build_is_pushed_to_every_repository(
    shop: Shop, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [published] = shop.publish()
    for registry in shop.registries:
        name = f"{shop.application}/api"
        assert registry.tags(name) == ["a1b2c3d", "latest"]
        digest = registry.digest(name, "latest")
        assert registry.digest(name, "a1b2c3d") == digest
        assert published[f"{registry.host}/{name}"] == f"{registry.host}/{name}@{digest}"
    assert shop.said("api: building from") == 1
    assert shop.said("api: pushed to ") == 2
    # What is left on the engine is the image under a name of its own.
    assert left(docker, shop) == [f"copilot/{shop.application}/api:latest"]
    assert list((tmp_path / "docker").iterdir()) == []
    # What was published can be pulled by its digest, by who may.
    reference = next(iter(published.values()))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    reader = DockerEngine()
    assert "no basic auth credentials" in reader.ask("pull", reference).stderr
    reader.run("login", "--username", LOGIN[0], "--password", LOGIN[1], shop.registries[0].host)
    reader.run("pull", reference)
    assert docker.inspect(reference)["Id"] == docker.inspect(f"copilot/{shop.application}/api:latest")["Id"]


def test_an_image_that_is_there_is_not_pushed_again(shop: Shop) -> None:
    shop.registries = (shop.registries[0], shop.registries[0])
    [first] = shop.publish()
    assert shop.said("pushed to") == 1
    registry, name = shop.registries[0], f"{shop.application}/api"
    manifest, digest = registry.manifest(name, "latest"), registry.digest(name, "latest")
    shop.aws.ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="latest", imageDigest=digest)
    # Of another commit, but with the same content: ECR gives it one more name.
    assert shop.publish(shop.wanted(revision="b" * 40)) == [first]
    assert shop.said("pushed to") == 1
    assert shop.said(f"api: {registry.host}/{name} has it already") == 1
    assert registry.tags(name) == ["a1b2c3d", "latest"]
    [image] = shop.aws.ecr.describe_images(repositoryName=name)["imageDetails"]
    assert sorted(image["imageTags"]) == ["bbbbbbb", "latest"]
    # With other content it is another image.
    [other] = shop.publish(shop.wanted(DOCKERFILE + "ENV OTHER=1\n"))
    assert other != first
    assert shop.said("pushed to") == 2


def test_several_images_at_once(shop: Shop) -> None:
    main = shop.wanted()
    beside = replace(shop.wanted(DOCKERFILE + "ENV BESIDE=1\n"), sidecar="proxy")
    api, proxy = shop.publish(main, beside, tag="v1.2")
    assert api != proxy
    assert shop.registries[1].tags(f"{shop.application}/api") == ["latest", "proxy-latest", "proxy-v1.2", "v1.2"]
    assert shop.said("api/proxy: pushed to ") == 2


def test_environments_with_different_images_of_one_workload(shop: Shop) -> None:
    registry, name = shop.registries[0], f"{shop.application}/api"
    dockerfile = BASE + "ARG STAGE\nENV STAGE=$STAGE\n"
    stages = ("test", "staging", "prod")
    published = shop.publish(*(shop.wanted(dockerfile, args={"STAGE": stage}) for stage in stages))
    for stage, references in zip(stages, published, strict=True):
        digest = references[f"{registry.host}/{name}"].partition("@")[2]
        configuration = json.loads(registry.manifest(name, digest))["config"]["digest"]
        assert f"STAGE={stage}" in registry.get(f"{name}/blobs/{configuration}")[0]


def test_a_machine_without_layers_takes_them_from_the_repository(shop: Shop, docker: DockerEngine) -> None:
    wanted = shop.wanted(f"FROM scratch\nENV NAME={shop.application}\nCOPY server.sh /\n", platform="linux/amd64")
    [first] = shop.publish(wanted)
    assert not shop.said("Using cache")
    docker.run("image", "rm", "--force", f"copilot/{shop.application}/api:latest")
    [second] = shop.publish(wanted)
    assert shop.said("Using cache") == 3
    # Not even a time is another.
    assert second == first


def test_buildkit_takes_them_from_notes_beside_the_image(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Path("/usr/bin/docker")
    if not client.exists() or b"version 20." not in subprocess.run([client, "--version"], capture_output=True, check=True).stdout:
        pytest.skip("only clients as old as Debian's bring BuildKit without a plugin")
    monkeypatch.setenv("PATH", f"/usr/bin:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")
    [first] = shop.publish()
    one, two = shop.registries
    name = f"{shop.application}/api"
    assert one.tags(name) == ["a1b2c3d", "buildcache", "latest"]
    assert two.tags(name) == ["a1b2c3d", "latest"]
    configuration = json.loads(one.manifest(name, "buildcache"))["config"]["digest"]
    assert "moby.buildkit.cache.v0" in one.get(f"{name}/blobs/{configuration}")[0]
    assert one.digest(name, "latest") != one.digest(name, "buildcache")
    begin = len(shop.lines)
    [second] = shop.publish()
    [importing] = [
        number for number, line in enumerate(shop.lines[begin:]) if f"importing cache manifest from {one.host}" in line
    ]
    assert not any("ERROR" in line for line in shop.lines[begin:][importing:])
    assert second == first


def test_what_cannot_be_published(shop: Shop, docker: DockerEngine, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`-x` is no tag of an image"):
        shop.publish(tag="-x")
    with pytest.raises(BuildError, match=r"image of `api`: .*api/Dockerfile:2: unknown instruction: COPI"):
        shop.publish(shop.wanted("FROM scratch\nCOPI x /\n"))
    wanted = shop.wanted()
    host = shop.registries[0].host
    missing = replace(wanted, repositories=(Repository(f"{host}/{shop.application}/none", shop.aws),))
    with pytest.raises(NotFoundError, match=f"image of `api`: `{host}` has no repository `{shop.application}/none`"):
        shop.publish(missing)
    with serve(tmp_path / "other", login=LOGIN, hashed=HASHED.replace("WuCi", "Wuci")) as other:
        refusing = replace(wanted, repositories=(Repository(f"{other.host}/{shop.application}/api", shop.aws),))
        with pytest.raises(CopilotError, match=f"`docker login` to `{other.host}` failed: "):
            shop.publish(refusing)
    # Nothing of all that is left on the engine but what was built.
    assert left(docker, shop) == [f"copilot/{shop.application}/api:latest"]


def test_a_registry_that_changes_between_two_pushes(shop: Shop, tmp_path: Path) -> None:
    with Publisher(shop.lines.append) as publisher:
        image = publisher.build(shop.wanted())
        with serve(tmp_path / "other", login=LOGIN, hashed=HASHED) as other:
            repository = Repository(f"{other.host}/{shop.application}/api", shop.aws)
            publisher.publish("api", image, [repository], ["one"])
            (other.folder / "passwords").write_text("")
            with pytest.raises(EngineUnavailableError, match=f"image of `api`: `{other.host}` does not accept the login"):
                publisher.publish("api", image, [repository], ["two"])
        with pytest.raises(EngineUnavailableError, match=f"image of `api`: `{other.host}` cannot be reached: dial tcp.*refused"):
            publisher.publish("api", image, [repository], ["two"])


def test_a_program_that_takes_the_name_meanwhile(
    shop: Shop, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Publisher(shop.lines.append) as publisher:
        other = publisher.build(shop.wanted(DOCKERFILE + "ENV OTHER=1\n"))
        docker.run("tag", other, f"copilot/{shop.application}/other:latest")
        image = publisher.build(shop.wanted())
    real = shutil.which("docker")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(f'#!/bin/sh\n[ "$1" != push ] || {real} tag {other} "$2"\nexec {real} "$@"\n')
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with Publisher(shop.lines.append) as publisher, pytest.raises(ConflictError, match="image of `api`: something else on this"):
        publisher.publish("api", image, shop.wanted().repositories, ["one"])


@given(
    revision=st.from_regex(r"([0-9a-f]{40}(-dirty)?)?", fullmatch=True),
    tag=st.none() | st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True),
    sidecar=st.sampled_from(["", "nginx"]),
)
def test_tags(revision: str, tag: str | None, sidecar: str) -> None:
    own, moving = image_tags(revision, "sha256:" + "5" * 64, tag=tag, sidecar=sidecar)
    assert moving == (f"{sidecar}-latest" if sidecar else "latest")
    name = own.removeprefix(f"{sidecar}-") if sidecar else own
    if tag is not None:
        assert name == tag
    elif len(revision) == 40:
        assert name == revision[:7]
    else:
        assert name == f"{revision[:7] or 'worktree'}-555555555555"
