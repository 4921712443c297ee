"""Artifacts: zip archives in the pipeline's bucket of each region."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import choices
from string import ascii_letters, digits

from botocore.exceptions import ClientError

from tests.aws.pipelines.clients import client
from tests.aws.pipelines.runs import ActionFailedError, Place


def put(bucket: str, region: str, pipeline: str, name: str, content: bytes) -> Place:
    """Keep an artifact, called as CodePipeline calls them. Raises ActionFailedError."""
    suffix = "".join(choices(ascii_letters + digits, k=7))
    place = Place(bucket, f"{pipeline[:20]}/{name[:10]}/{suffix}")
    try:
        client("s3", region).put_object(Bucket=bucket, Key=place.key, Body=content)
    except ClientError as error:
        raise ActionFailedError("ConfigurationError", f"The artifact bucket {bucket} cannot be written: {error}") from None
    return place


def read(place: Place, region: str) -> bytes:
    """An artifact's content. Raises ActionFailedError."""
    try:
        content: bytes = client("s3", region).get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    except ClientError as error:
        raise ActionFailedError("ConfigurationError", f"The artifact s3://{place.bucket}/{place.key}: {error}") from None
    return content


def copied(place: Place, region: str, bucket: str, into: str) -> Place:
    """The artifact in the bucket of another region. Raises ActionFailedError."""
    if bucket != place.bucket:
        content = read(place, region)
        client("s3", into).put_object(Bucket=bucket, Key=place.key, Body=content)
    return Place(bucket, place.key)


def unpack(content: bytes, folder: Path) -> None:
    """Write what is in an archive, with modes and symbolic links."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            path, mode = folder / entry.filename, entry.external_attr >> 16
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                path.symlink_to(archive.read(entry).decode())
                continue
            path.write_bytes(archive.read(entry))
            if mode:
                path.chmod(stat.S_IMODE(mode) | stat.S_IRUSR | stat.S_IWUSR)


def packed(folder: Path) -> bytes:
    """All that is in a folder, as an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(folder):
            entry = zipfile.ZipInfo.from_file(path, str(path.relative_to(folder)), strict_timestamps=False)
            if path.is_symlink():
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, str(path.readlink()))
            else:
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file())


def file(content: bytes, name: str) -> bytes | None:
    """One file of an archive, or None."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        try:
            return archive.read(name)
        except KeyError:
            return None
