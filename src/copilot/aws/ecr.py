"""ECR: logins to its registries, and what its repositories have."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypedDict

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import DENIED, code_of, explained, text_of
from copilot.aws.push_errors import explain_push, no_repository
from copilot.docker.logins import Credentials

_ECR = re.compile(r"(\d{12})\.dkr[.-]ecr\.")
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
    ecr, account = repository.aws.ecr, _account(repository)
    with explained():
        try:
            answer = ecr.batch_get_image(
                repositoryName=repository.name,
                imageIds=[{"imageTag": tag} for tag in tags],
                acceptedMediaTypes=list(_MANIFESTS),
                **account,
            )
        except ClientError as error:
            if code_of(error) == "RepositoryNotFoundException":
                raise no_repository(workload, repository.uri) from None
            if code_of(error) in DENIED:
                return None  # whoever may push need not be allowed to look
            raise
    same = [found for found in answer["images"] if image in _digests(found["imageManifest"], found["imageId"]["imageDigest"])]
    if not same:
        return None
    digest = same[0]["imageId"]["imageDigest"]
    there = {found["imageId"].get("imageTag") for found in same}
    for tag in (tag for tag in tags if tag not in there):
        with explained():
            try:
                ecr.put_image(
                    repositoryName=repository.name,
                    imageManifest=same[0]["imageManifest"],
                    imageTag=tag,
                    imageDigest=digest,
                    **account,
                )
            except ClientError as error:
                if code_of(error) == "ImageTagAlreadyExistsException":
                    raise explain_push(workload, repository.uri, f"{code_of(error)}: {text_of(error)}") from None
                if code_of(error) != "ImageAlreadyExistsException":
                    raise
    return digest


def _digests(manifest: str, digest: str) -> set[str]:
    """By which digests a container engine may know an image: its configuration's, or the manifest's with containerd's store."""
    found = {digest}
    with suppress(ValueError, KeyError, TypeError):
        found.add(str(json.loads(manifest)["config"]["digest"]))
    return found


class _Account(TypedDict, total=False):
    registryId: str


def _account(repository: Repository) -> _Account:
    """Whose registry it is, where the name says so: ECR looks in the caller's own otherwise."""
    match = _ECR.match(repository.registry)
    return {"registryId": match[1]} if match else {}
