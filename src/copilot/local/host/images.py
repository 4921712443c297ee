"""Images of the host runtime: a folder each, named by the digest of what is in it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from copilot.errors import BuildError, NotFoundError, UnsupportedError
from copilot.image import ImageRequest
from copilot.local.home import Home
from copilot.local.host.context import Context
from copilot.local.host.dockerfile import Dockerfile, load_dockerfile
from copilot.local.host.rootfs import Rootfs, RootfsError, copy_tree, delete_tree, is_archive, tree_digest
from copilot.local.host.steps import Copy, Folder, Source
from copilot.progress import Print, shown

_ALGORITHM = "sha256:"
_DELETED = ".deleted-"


@dataclass(frozen=True)
class ImageConfig:
    """How to start what is in an image; the fields are those of `Dockerfile`."""

    base: str
    env: dict[str, str]
    labels: dict[str, str]
    workdir: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    exposed: tuple[int, ...]
    stop_signal: str

    @classmethod
    def of(cls, dockerfile: Dockerfile) -> ImageConfig:
        """The part of a Dockerfile that is kept in the image."""
        return cls(
            base=dockerfile.base,
            env=dict(dockerfile.env),
            labels=dict(dockerfile.labels),
            workdir=dockerfile.workdir,
            entrypoint=dockerfile.entrypoint,
            command=dockerfile.command,
            exposed=dockerfile.exposed,
            stop_signal=dockerfile.stop_signal,
        )

    @classmethod
    def from_json(cls, text: str) -> ImageConfig:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        for name in ("entrypoint", "command", "exposed"):
            values[name] = None if values[name] is None else tuple(values[name])
        return cls(**values)

    def to_json(self) -> str:
        """The same text for the same config, always."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Image:
    """A kept image. ``rootfs`` must not be written to."""

    digest: str
    rootfs: Path
    config: ImageConfig


class ImageStore:
    """The images in a home, ``images/<hex>/`` with ``rootfs/`` and ``config.json``. Safe between processes."""

    def __init__(self, home: Home) -> None:
        self.folder = home.images

    def image(self, digest: str) -> Image:
        """Raises NotFoundError."""
        folder = self.folder / digest.removeprefix(_ALGORITHM)
        try:
            config = ImageConfig.from_json((folder / "config.json").read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"image `{digest}` is not on this machine", hint="Build it again") from None
        return Image(digest, folder / "rootfs", config)

    @contextmanager
    def building(self) -> Iterator[Path]:
        """An empty folder to build in; one build at a time, the others wait. What a killed build left is deleted."""
        folder = self.folder / ".building"
        with (self.folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            delete_tree(folder)
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                delete_tree(folder)

    def keep(self, built: Path, config: ImageConfig) -> str:
        """Take in ``built/rootfs``; the answer is the image's digest. An image that is there already is left alone."""
        text = config.to_json()
        name = tree_digest(built / "rootfs", text.encode())
        if (self.folder / name).exists():
            os.utime(self.folder / name)  # wanted again just now, though it is old
        else:
            (built / "config.json").write_text(text, "utf-8")
            built.rename(self.folder / name)
        return _ALGORITHM + name

    def prune(self, needed: Container[str], before: float) -> None:
        """Delete the images that are not needed. While another process builds, nothing is deleted.

        Args:
            needed: Digests.
            before: Seconds since the epoch; what was built, or built again, after that is kept.
        """
        with (self.folder / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            images = [folder for folder in self.folder.iterdir() if not folder.name.startswith(".")]
            for folder in images:
                if _ALGORITHM + folder.name not in needed and folder.stat().st_mtime < before:
                    # Half an image must never have an image's name.
                    folder.rename(self.folder / f"{_DELETED}{folder.name}")
            for folder in self.folder.glob(f"{_DELETED}*"):
                delete_tree(folder)


class HostImageBuilder:
    """Builds images for the host runtime (see `copilot.local.runtime.ImageBuilder`)."""

    def __init__(self, home: Home) -> None:
        self.store = ImageStore(home)

    def build(self, request: ImageRequest, out: Print) -> str:
        """Build and keep the image; the answer is its digest."""
        dockerfile = load_dockerfile(request.dockerfile, shown(request.dockerfile), request.args, request.target)
        context = Context.open(request.context, request.dockerfile)
        for note in dockerfile.notes:
            out(note)
        with self.store.building() as folder:
            rootfs = Rootfs(folder / "rootfs")
            total = len(dockerfile.steps) + 1
            out(f"[1/{total}] FROM {dockerfile.base} (not used: programs come from this machine)")
            for number, step in enumerate(dockerfile.steps, 2):
                out(f"[{number}/{total}] {step.text}")
                try:
                    if isinstance(step, Folder):
                        rootfs.folder(step.path)
                    else:
                        _Copier(context, rootfs, step, out).run()
                except RootfsError as error:
                    raise BuildError(f"{step.place}: {error}") from None
                except OSError as error:
                    # Of the two files of a copy, the second is the one that cannot be written.
                    raise BuildError(f"{step.place}: {error.strerror}: `{error.filename2 or error.filename}`") from None
            rootfs.make_links_relative()
            return self.store.keep(folder, ImageConfig.of(dockerfile))

    def locate(self, workload: str, location: str, platform: str | None, out: Print) -> NoReturn:
        """Finished images of registries are for container engines. Raises UnsupportedError."""
        del platform, out
        raise UnsupportedError(
            f"workload `{workload}` uses the image `{location}`, which the host runtime cannot run: it has no container engine",
            hint="Set `image.build` to a Dockerfile that copies the program, or use an environment with `--runtime docker`",
        )


class _Copier:
    """One COPY or ADD."""

    def __init__(self, context: Context, rootfs: Rootfs, step: Copy, out: Print) -> None:
        self.context = context
        self.rootfs = rootfs
        self.step = step
        self.out = out

    def run(self) -> None:
        found = [(source, path) for source in self.step.sources for path in self.context.find(source)]
        into_folder = self.step.into_folder or self.rootfs.locate(self.step.destination).is_dir()
        if len(found) > 1 and not into_folder:
            raise BuildError(
                f"{self.step.place}: `{self.step.destination}` must be a folder, as {len(found)} files match",
                hint="End it with `/`",
            )
        for source, path in found:
            self.copy_source(source, path, into_folder)

    def copy_source(self, source: Source, path: str, into_folder: bool) -> None:
        real = self.context.resolve(path, source)
        destination = self.step.destination
        if real.is_dir():
            # The folder a link leads to, by its own path: what is left out is left out by that.
            inner = real.relative_to(self.context.root).as_posix()
            self.rootfs.folder(destination, self.step.mode or 0o755)
            self.copy_folder("" if inner == "." else inner, destination)
        elif not real.is_file():
            raise BuildError(f"{source.place}: `{path}` is neither a file nor a folder")
        elif self.step.unpack and is_archive(real):
            self.rootfs.folder(destination)
            self.rootfs.unpack(destination, real, self.step.mode)
        else:
            name = Path(path).name
            self.rootfs.file(f"{destination.rstrip('/')}/{name}" if into_folder else destination, real, self.step.mode)

    def copy_folder(self, folder: str, destination: str) -> None:
        for child in self.context.children(folder):
            place = self.context.root / child
            target = f"{destination.rstrip('/')}/{place.name}"
            kind = place.lstat().st_mode
            if stat.S_ISLNK(kind):
                self.rootfs.link(target, str(place.readlink()))
            elif stat.S_ISDIR(kind):
                self.rootfs.folder(target, self.step.mode or 0o755)
                self.copy_folder(child, target)
            elif stat.S_ISREG(kind):
                self.rootfs.file(target, place, self.step.mode)
            else:
                self.out(f"{self.step.place}: `{child}` is neither file, folder nor link, and is left out")


def instantiate(image: Image, destination: Path) -> None:
    """Make a private, writable copy of an image's file system. ``destination`` must not exist."""
    copy_tree(image.rootfs, destination)
