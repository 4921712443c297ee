"""ECR: logins to its registries, and what its repositories have."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import DENIED, code_of, explained
from copilot.aws.push_errors import immutable, no_repository
from copilot.docker.logins import Credentials
from copilot.errors import CopilotError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_ecr.type_defs import ImageTypeDef

_ECR = re.compile(r"(\d{12})\.dkr[.-]ecr\.")
_TAKEN = frozenset({"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"})
# What an image may be described by, so that ECR answers with what was pushed and not with a translation.
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)


@dataclass(frozen=True)
class Repository:
    """An ECR repository.

    Attributes:
        uri: Such as ``123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/api``.
        aws: An identity that may push to it, in its region.
    """

    uri: str
    aws: Aws = field(compare=False, repr=False)

    @property
    def registry(self) -> str:
        """The host that serves it."""
        return self.uri.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.uri.partition("/")[2]


def credentials(aws: Aws) -> Credentials:
    """A login to the account's registry in a region. It holds for twelve hours."""
    with explained():
        token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return Credentials(user, password)


def find_image(repository: Repository, workload: str, image: str, tags: Sequence[str]) -> str | None:
    """The digest by which a repository has an image under one of some tags, and has it under all of them after that.

    Args:
        repository: Where to look.
        workload: Whose image it is.
        image: Its digest on the container engine.
        tags: What it is to be called.

    Returns:
        None: it has to be pushed.

    Raises:
        NotFoundError: There is no such repository.
        ConflictError: It lets no tag be changed.
    """
    try:
        with explained():
            found = _images(repository, tags)
    except CopilotError as error:
        code = code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
        if code == "RepositoryNotFoundException":
            raise no_repository(workload, repository.uri) from None
        if code in DENIED:
            return None  # whoever may push need not be allowed to look
        raise
    same = [one for one in found if image in _digests(one)]
    if not same:
        return None
    there = {one["imageId"].get("imageTag") for one in same}
    for tag in tags:
        if tag not in there:
            _name(repository, workload, same[0], tag)
    return same[0]["imageId"]["imageDigest"]


def digest_of(repository: Repository, tag: str) -> str:
    """The digest of the image that has a tag. Raises NotFoundError if none has."""
    with explained():
        found = _images(repository, [tag])
    if not found:
        raise NotFoundError(f"`{repository.uri}` has no image `{tag}`", hint="Something deleted it: run this again")
    return found[0]["imageId"]["imageDigest"]


def _images(repository: Repository, tags: Sequence[str]) -> list[ImageTypeDef]:
    """The images that have one of some tags."""
    answer = repository.aws.ecr.batch_get_image(
        repositoryName=repository.name,
        imageIds=[{"imageTag": tag} for tag in tags],
        acceptedMediaTypes=list(_MANIFESTS),
        **_account(repository),
    )
    return answer["images"]


def _name(repository: Repository, workload: str, image: ImageTypeDef, tag: str) -> None:
    """Give an image that is there one more tag, or move it there."""
    digest = image["imageId"]["imageDigest"]
    with explained():
        try:
            repository.aws.ecr.put_image(
                repositoryName=repository.name,
                imageManifest=image["imageManifest"],
                imageTag=tag,
                imageDigest=digest,
                **_account(repository),
            )
        except ClientError as error:
            if code_of(error) not in _TAKEN:
                raise
            # It has the tag already, by someone who was faster; or another image has, for good.
            if not any(one["imageId"]["imageDigest"] == digest for one in _images(repository, [tag])):
                raise immutable(workload, repository.uri) from None


def _digests(image: ImageTypeDef) -> set[str]:
    """By which digests a container engine may know an image: its configuration's, or the manifest's with containerd's store."""
    found = {image["imageId"]["imageDigest"]}
    with suppress(ValueError, KeyError, TypeError):
        found.add(str(json.loads(image["imageManifest"])["config"]["digest"]))
    return found


class _Account(TypedDict, total=False):
    registryId: str


def _account(repository: Repository) -> _Account:
    """Whose registry it is, where the name says so: ECR looks in the caller's own otherwise."""
    match = _ECR.match(repository.registry)
    return {"registryId": match[1]} if match else {}
