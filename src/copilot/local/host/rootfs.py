"""An image's file system: a folder that stands for ``/``."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath

_MOST_LINKS = 40
_BLOCK = 1 << 20


class RootfsError(Exception):
    """Something cannot be put where it should go; the message is a sentence without its full stop."""


class Rootfs:
    """Writes into an image's file system and never outside it, whatever links it holds.

    The owner can always read and write what is in it: in a container that owner would be root, whom no mode stops.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)

    def locate(self, path: str) -> Path:
        """The real place of an absolute path of the image, its links followed as if the root were ``/``."""
        place = self.root
        todo = list(reversed(PurePosixPath(path).parts))
        links = 0
        while todo:
            part = todo.pop()
            if part == "/":
                place = self.root
            elif part == "..":
                place = place.parent if place != self.root else place
            elif part != ".":
                candidate = place / part
                if not candidate.is_symlink():
                    place = candidate
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise RootfsError(f"`{path}` goes through a circle of links")
                todo.extend(reversed(PurePosixPath(candidate.readlink()).parts))
        return place

    def folder(self, path: str, mode: int = 0o755) -> Path:
        """Make a folder and those above it. Those that exist keep their mode."""
        place = self.root
        for part in self.locate(path).relative_to(self.root).parts:
            place /= part
            if place.is_dir():
                continue
            if place.exists():
                raise RootfsError(f"`{path}` cannot be a folder: `/{place.relative_to(self.root).as_posix()}` is a file")
            place.mkdir()
            place.chmod(mode | 0o700)
        return place

    def file(self, path: str, source: Path, mode: int | None = None) -> None:
        """Put a copy of a file at ``path``, replacing what is there. Mode None: 0755 if its owner may run it, else 0644."""
        place = self._vacate(path)
        copy_content(source, place)
        if mode is None:
            mode = 0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644
        place.chmod(mode | 0o600)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link at ``path``, replacing what is there."""
        self._vacate(path).symlink_to(target)

    def unpack(self, path: str, archive: Path, mode: int | None = None) -> None:
        """Unpack a tar archive (plain or compressed) into a folder. Owners and devices are left out."""
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    self._unpack_member(path, tar, member, mode)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise RootfsError(f"`{archive.name}` cannot be unpacked: {error}") from None

    def make_links_relative(self) -> None:
        """Turn absolute links that lead to something in the image into relative ones, so that they lead there on this machine."""
        for path, entry in walk(self.root):
            if not entry.is_symlink() or not (target := str(Path(entry.path).readlink())).startswith("/"):
                continue
            with suppress(RootfsError):
                if os.path.lexists(self.locate(target)):
                    Path(entry.path).unlink()
                    Path(entry.path).symlink_to(os.path.relpath(f"{self.root}{target}", (self.root / path).parent))

    def _vacate(self, path: str) -> Path:
        pure = PurePosixPath(path)
        place = self.folder(str(pure.parent)) / pure.name
        if place.is_dir() and not place.is_symlink():
            raise RootfsError(f"`{path}` is a folder in the image, a file cannot replace it")
        place.unlink(missing_ok=True)
        return place

    def _unpack_member(self, folder: str, tar: tarfile.TarFile, member: tarfile.TarInfo, mode: int | None) -> None:
        name = PurePosixPath("/") / member.name
        if ".." in name.parts:
            raise RootfsError(f"the archive holds `{member.name}`, which leads out of it")
        path = folder.rstrip("/") + str(name)
        bits = member.mode & 0o755 if mode is None else mode
        if member.isdir():
            self.folder(path, bits)
        elif member.issym():
            self.link(path, member.linkname)
        elif member.isreg() or member.islnk():
            content = tar.extractfile(member)
            if content is None:
                raise RootfsError(f"the archive's `{member.name}` has no content")
            place = self._vacate(path)
            with content, place.open("wb") as file:
                shutil.copyfileobj(content, file, _BLOCK)
            place.chmod(bits | 0o600)


def is_archive(path: Path) -> bool:
    """Whether ADD unpacks a file: a tar archive, plain or compressed, whatever its name."""
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except (EOFError, OSError):
        return False


def walk(folder: Path, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All entries below a folder with their relative paths, in the order of their bytes, folders before what is in them."""
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda e: os.fsencode(e.name))
    for entry in entries:
        path = f"{prefix}{entry.name}"
        yield path, entry
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path), f"{path}/")


def tree_digest(root: Path, more: bytes = b"") -> str:
    """SHA-256 (hex) of all below ``root`` (paths, kinds, modes, contents, link targets) and ``more``; not over times, owners."""
    digest = sha256()

    def add(*fields: bytes) -> None:
        for value in fields:
            digest.update(len(value).to_bytes(8, "big") + value)

    for path, entry in walk(root):
        mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
        if entry.is_symlink():
            add(b"link", os.fsencode(path), os.fsencode(Path(entry.path).readlink()))
        elif entry.is_dir(follow_symlinks=False):
            add(b"folder", os.fsencode(path), b"%o" % mode)
        else:
            add(b"file", os.fsencode(path), b"%o" % mode, _content_digest(entry.path))
    add(b"more", more)
    return digest.hexdigest()


def copy_tree(source: Path, destination: Path) -> None:
    """A private, writable copy of a tree; shares the disk blocks where the file system can. ``destination`` must not exist."""

    def copy(from_: str, to: str) -> str:
        copy_content(Path(from_), Path(to))
        shutil.copymode(from_, to)
        return to

    shutil.copytree(source, destination, symlinks=True, copy_function=copy)


def copy_content(source: Path, destination: Path) -> None:
    """Copy a file's bytes to a new file, by sharing them (a reflink) where the file system can."""
    if hasattr(os, "copy_file_range"):
        with suppress(OSError), source.open("rb") as from_, destination.open("wb") as to:
            left = os.fstat(from_.fileno()).st_size
            while left > 0 and (copied := os.copy_file_range(from_.fileno(), to.fileno(), left)) > 0:
                left -= copied
            if left == 0:
                return
    # Not a system that can, or not between these two file systems.
    shutil.copyfile(source, destination)


def delete_tree(folder: Path) -> None:
    """Delete a folder if it is there, also when it holds folders that may not be written."""
    _each_folder(folder, lambda f: f.chmod(0o700))
    if folder.exists():
        shutil.rmtree(folder)


def _each_folder(folder: Path, act: Callable[[Path], None]) -> None:
    if not folder.is_dir() or folder.is_symlink():
        return
    act(folder)
    with os.scandir(folder) as scan:
        inner = [Path(e.path) for e in scan if e.is_dir(follow_symlinks=False)]
    for child in inner:
        _each_folder(child, act)


def _content_digest(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file_digest(file, "sha256").digest()
