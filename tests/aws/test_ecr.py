"""What ECR is asked, with an emulator of it."""

from __future__ import annotations

import hashlib
import json

import pytest

from copilot.aws.client import Aws
from copilot.aws.ecr import Repository, credentials, digest_of, find_image
from copilot.errors import ConflictError, EngineUnavailableError, NotFoundError
from tests.aws.conftest import ACCOUNT, REGION

NAME = "shop/api"
IMAGE = "sha256:" + "1" * 64


def put(aws: Aws, image: str, tag: str) -> str:
    """Put an image into the repository; the answer is its digest there."""
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"digest": image, "size": 2},
            "layers": [],
        }
    )
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    aws.ecr.put_image(repositoryName=NAME, imageManifest=manifest, imageTag=tag, imageDigest=digest)
    return digest


@pytest.fixture
def repository(aws: Aws) -> Repository:
    uri = aws.ecr.create_repository(repositoryName=NAME)["repository"]["repositoryUri"]
    return Repository(uri, aws)


def tags(aws: Aws) -> list[list[str]]:
    return sorted(sorted(image["imageTags"]) for image in aws.ecr.describe_images(repositoryName=NAME)["imageDetails"])


def test_the_parts_of_a_repository(repository: Repository) -> None:
    assert repository.registry == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
    assert repository.name == NAME


def test_a_login(aws: Aws) -> None:
    found = credentials(aws)
    assert (found.user, found.password) == ("AWS", f"{ACCOUNT}-auth-token")
    assert found.password not in repr(found)


def test_an_image_is_known_by_its_configuration(aws: Aws, repository: Repository) -> None:
    assert find_image(repository, "api", IMAGE, ("abc1234", "latest")) is None
    digest = put(aws, IMAGE, "latest")
    assert find_image(repository, "api", IMAGE, ("abc1234", "latest")) == digest
    assert tags(aws) == [["abc1234", "latest"]]
    # Again: nothing is left to do.
    assert find_image(repository, "api", IMAGE, ("abc1234", "latest")) == digest
    # Or by its own digest, with containerd's image store.
    assert find_image(repository, "api", digest, ("latest",)) == digest


def test_another_image_under_the_tag_is_not_taken_for_it(aws: Aws, repository: Repository) -> None:
    put(aws, "sha256:" + "2" * 64, "latest")
    assert find_image(repository, "api", IMAGE, ("abc1234", "latest")) is None
    assert tags(aws) == [["latest"]]


def test_a_tag_that_moved_is_moved_back(aws: Aws, repository: Repository) -> None:
    digest = put(aws, IMAGE, "abc1234")
    put(aws, "sha256:" + "2" * 64, "latest")
    assert find_image(repository, "api", IMAGE, ("abc1234", "latest")) == digest
    assert ["abc1234", "latest"] in tags(aws)


def test_the_digest_of_a_tag(aws: Aws, repository: Repository) -> None:
    digest = put(aws, IMAGE, "abc1234")
    assert digest_of(repository, "abc1234") == digest
    with pytest.raises(NotFoundError, match="has no image `other`"):
        digest_of(repository, "other")


def test_no_repository(aws: Aws) -> None:
    missing = Repository(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}", aws)
    with pytest.raises(NotFoundError, match=r"image of `api`: `.*` has no repository `shop/api`") as caught:
        find_image(missing, "api", IMAGE, ("latest",))
    assert caught.value.hint is not None
    assert "copilot svc init --name api" in caught.value.hint


def test_a_repository_whose_tags_cannot_be_changed(aws: Aws, repository: Repository) -> None:
    put(aws, IMAGE, "abc1234")
    put(aws, "sha256:" + "2" * 64, "latest")
    aws.ecr.put_image_tag_mutability(repositoryName=NAME, imageTagMutability="IMMUTABLE")
    with pytest.raises(ConflictError, match="lets no tag be changed"):
        find_image(repository, "api", IMAGE, ("abc1234", "latest"))


def test_no_answer(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.aws.client import connect

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(EngineUnavailableError, match="there are no AWS credentials"):
        credentials(connect())
