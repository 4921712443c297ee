"""What is in an application's buckets and repositories, and emptying them: CloudFormation deletes neither unless it is empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained
from copilot.errors import CopilotError

# The most that one request may name.
_OBJECTS = 1000
_IMAGES = 100
_BY_HAND = "delete it by hand, or ask whoever runs the AWS account to allow it; then run this again"


def has_objects(aws: Aws, bucket: str) -> bool:
    """Whether there is an object in a bucket, or an earlier version of one. False too if there is no such bucket."""
    with explained():
        try:
            answer = aws.s3.list_object_versions(Bucket=bucket, MaxKeys=1)
        except ClientError as error:
            if code_of(error) == "NoSuchBucket":
                return False
            raise
    return bool(answer.get("Versions") or answer.get("DeleteMarkers"))


def has_images(aws: Aws, repository: str) -> bool:
    """Whether there is an image in a repository. False too if there is no such repository."""
    with explained():
        try:
            return bool(aws.ecr.list_images(repositoryName=repository, maxResults=1)["imageIds"])
        except aws.ecr.exceptions.RepositoryNotFoundException:
            return False


def empty_bucket(aws: Aws, bucket: str) -> None:
    """Deletes all objects of a bucket with all their versions.

    Raises:
        CopilotError: One of them must not be deleted.
    """
    while has_objects(aws, bucket):
        with explained():
            page = aws.s3.list_object_versions(Bucket=bucket, MaxKeys=_OBJECTS)
            objects: list[Any] = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
            ]
            failed = aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
        if failed:
            what, reason = f"`{failed[0].get('Key')}` in bucket `{bucket}`", failed[0].get("Message", "S3 gives no reason")
            raise CopilotError(f"{what} cannot be deleted: {reason}", hint=_BY_HAND)


def empty_repository(aws: Aws, repository: str) -> None:
    """Deletes all images of a repository.

    Raises:
        CopilotError: One of them must not be deleted.
    """
    while has_images(aws, repository):
        deleted, failures = False, []
        for identifiers in _by_digest(aws, repository):
            with explained():
                answer = aws.ecr.batch_delete_image(repositoryName=repository, imageIds=list(identifiers))
            deleted = deleted or bool(answer.get("imageIds"))
            failures += answer.get("failures", [])
        # An image that others are part of goes before them, so there may be several rounds.
        if not deleted:
            reason = failures[0].get("failureReason") if failures else "ECR gives no reason"
            raise CopilotError(f"an image in repository `{repository}` cannot be deleted: {reason}", hint=_BY_HAND)


def _by_digest(aws: Aws, repository: str) -> Iterator[Sequence[Any]]:
    with explained():
        pages = aws.ecr.get_paginator("list_images").paginate(repositoryName=repository)
        digests = dict.fromkeys(each["imageDigest"] for page in pages for each in page["imageIds"] if "imageDigest" in each)
    # Without tags: deleting by a tag leaves an image that has other ones.
    identifiers = [{"imageDigest": digest} for digest in digests]
    for start in range(0, len(identifiers), _IMAGES):
        yield identifiers[start : start + _IMAGES]
