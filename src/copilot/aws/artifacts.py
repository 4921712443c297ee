"""Reading what the actions of a pipeline hand on: zip archives in the artifact bucket."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from contextlib import closing
from tempfile import SpooledTemporaryFile

from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.pipeline_values import Place
from copilot.errors import NotFoundError

_IN_MEMORY = 8 << 20
"""Bytes of an archive that are not put on the disk."""
_CHUNK = 1 << 16
_LARGEST_FILE = 1 << 20
"""Bytes of a file that is read: nothing that CloudFormation takes is larger."""


def read_files(aws: Aws, place: Place, paths: Iterable[str]) -> dict[str, bytes]:
    """Some of the files of an artifact, by their paths in it; those that are not there, or much too large, are left out.

    Args:
        aws: The account and region of the pipeline.
        place: Where the artifact is.
        paths: Of the files.

    Raises:
        NotFoundError: The artifact is gone, or no archive.
        EngineUnavailableError: AWS refuses, or does not answer.
    """
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        with explained():
            try:
                answer = aws.s3.get_object(Bucket=place.bucket, Key=place.key)
            except (aws.s3.exceptions.NoSuchKey, aws.s3.exceptions.NoSuchBucket) as error:
                raise NotFoundError(f"the artifact `s3://{place.bucket}/{place.key}` is gone") from error
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK):
                    file.write(chunk)
        try:
            with zipfile.ZipFile(file) as archive:
                return {path: content for path in paths if (content := _content(archive, path)) is not None}
        except zipfile.BadZipFile as error:
            raise NotFoundError(f"the artifact `s3://{place.bucket}/{place.key}` is no archive") from error


def _content(archive: zipfile.ZipFile, path: str) -> bytes | None:
    try:
        info = archive.getinfo(path)
    except KeyError:
        return None
    return archive.read(info) if info.file_size <= _LARGEST_FILE else None
