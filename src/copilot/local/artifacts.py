"""Artifacts: archives kept under the SHA-256 of what is in them."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from copilot.errors import ConflictError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN_NAMES = 10


class ArtifactStore:
    """A folder of uncompressed tar archives, ``<sha256>.tar``, that never change.

    Archives are deterministic: names are sorted, and owners and times are left out. Modes and symbolic links are kept. An
    archive appears complete or not at all, also when the machine crashes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """The archive's file. Raises NotFoundError."""
        path = self.folder / f"{digest}.tar"
        if not _DIGEST.fullmatch(digest) or not path.is_file():
            raise NotFoundError(f"artifact `{digest}` does not exist")
        return path

    def pack(self, base: Path, paths: Iterable[tuple[Path, str]]) -> str:
        """Archive files, folders (without what is in them) and symbolic links; the answer is the digest.

        Args:
            base: Folder that relative paths start from.
            paths: Each path on disk with its name in the archive.

        Raises:
            ConflictError: Two paths have the same name.
            UnsupportedError: A path is a socket, a pipe or a device.
        """
        by_name: dict[str, Path] = {}
        for path, name in paths:
            clean = str(PurePosixPath(name))
            if clean in by_name:
                raise ConflictError(f"`{by_name[clean]}` and `{path}` would both be `{clean}` in the artifact")
            by_name[clean] = path
        with self._new_archive() as archive, tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted(by_name):
                _add(tar, base / by_name[name], name)
        return archive.digest

    def pack_tree(self, folder: Path) -> str:
        """Archive all that is inside a folder; the answer is the digest."""
        return self.pack(folder, _walk(folder, ""))

    def adopt(self, tar: Path) -> str:
        """Move a finished tar archive, such as one of ``git archive``, into the store; the answer is its digest."""
        with tar.open("rb") as source, self._new_archive() as archive:
            shutil.copyfileobj(source, archive, 1 << 20)
        tar.unlink()
        return archive.digest

    def unpack(self, digest: str, into: Path) -> None:
        """Write an archive's content into a folder that is new or empty.

        Raises:
            NotFoundError: There is no such archive.
            ConflictError: The folder has something in it.
            UnsupportedError: The archive holds a device, or something that would land outside the folder; links count by where
                they lead.
        """
        path = self.path(digest)
        into.mkdir(parents=True, exist_ok=True)
        if any(into.iterdir()):
            raise ConflictError(f"`{into}` is not empty; an artifact is unpacked into a folder of its own")
        with tarfile.open(path, "r:") as tar:
            _extract(tar, into.resolve())

    def read(self, digest: str, name: str) -> bytes:
        """One file of an archive. Raises NotFoundError, naming what is there instead."""
        with tarfile.open(self.path(digest), "r:") as tar:
            try:
                file = tar.extractfile(str(PurePosixPath(name)))
            except KeyError:
                file = None
            if file is not None:
                with file:
                    return file.read()
            names = _names(tar)
        there = ", ".join(f"`{n}`" for n in names[:_SHOWN_NAMES]) or "nothing"
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        raise NotFoundError(f"there is no file `{name}` in the artifact", hint=f"It has {there}{more}")

    def names(self, digest: str) -> list[str]:
        """The names of an archive's files and links, sorted; folders are left out. Raises NotFoundError."""
        with tarfile.open(self.path(digest), "r:") as tar:
            return _names(tar)

    @contextmanager
    def _new_archive(self) -> Iterator[_Archive]:
        """An archive to write; it is in the store when the block ends, and nowhere when it raises."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", suffix=".tar", dir=self.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                archive = _Archive(file)
                yield archive
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.folder / f"{archive.digest}.tar")
        except BaseException:
            Path(temporary).unlink()
            raise
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Archive(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._hash = sha256()
        self._size = 0

    def write(self, data: Buffer) -> int:
        self._hash.update(data)
        written = self._file.write(data)
        self._size += written
        return written

    def tell(self) -> int:
        return self._size

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _walk(folder: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            yield Path(entry.path), name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{name}/")


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    status = path.lstat()
    member = tarfile.TarInfo(name)
    member.mode = status.st_mode & 0o777
    if stat.S_ISLNK(status.st_mode):
        # What a link's own mode says differs between systems and means nothing.
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
    elif stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
    elif not stat.S_ISREG(status.st_mode):
        raise UnsupportedError(f"`{path}` is a socket, a pipe or a device, which an artifact cannot hold")
    else:
        member.size = status.st_size
        with path.open("rb") as file:
            tar.addfile(member, file)
        return
    tar.addfile(member)


def _names(tar: tarfile.TarFile) -> list[str]:
    return sorted(member.name for member in tar if not member.isdir())


def _extract(tar: tarfile.TarFile, root: Path) -> None:
    """Write every member below ``root``.

    The standard library's filters do the same, but Python 3.11.2, which Debian 12 ships, has none.
    """
    members = [(member, _target(root, member.name)) for member in tar]
    for member, target in members:
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # noqa: S101 - a regular file has content
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(member.mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR)
        elif not (member.issym() or member.islnk()):
            raise UnsupportedError(f"`{member.name}` in the artifact is not a file, a folder or a link")
    # Links come last, so that nothing is ever written through one.
    for member, target in members:
        if member.islnk():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(_target(root, member.linkname))
    links = [(member, target) for member, target in members if member.issym()]
    for member, target in links:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(member.linkname)
    for member, target in links:
        if not Path(os.path.realpath(target)).is_relative_to(root):
            target.unlink()
            raise UnsupportedError(f"the link `{member.name}` in the artifact leads to `{member.linkname}`, outside of it")
    for member, target in members:
        if member.isdir():
            target.chmod(member.mode & 0o777 | stat.S_IRWXU)


def _target(root: Path, name: str) -> Path:
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise UnsupportedError(f"`{name}` in the artifact would be written outside of its folder")
    return root / name
