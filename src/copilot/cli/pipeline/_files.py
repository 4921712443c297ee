"""The files that `pipeline init` writes: all of them, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import __version__
from copilot.cli import _ask
from copilot.cli._output import dim, green, red, say, shown_path
from copilot.cli.pipeline.scaffold import buildspec_text
from copilot.errors import ConflictError

if TYPE_CHECKING:
    from copilot.cli.pipeline.refresh import Refreshed
    from copilot.workspace import Workspace


@dataclass(frozen=True)
class Wanted:
    """A file to write: what it should say, and a few words on what it is for.

    Attributes:
        refreshed: What it keeps of the one that is there, which AWS Copilot generated.
    """

    path: Path
    text: str
    purpose: str
    refreshed: Refreshed | None = None

    @property
    def differs(self) -> bool:
        """Whether the file is there and says something else."""
        return self.path.exists() and not (self.path.is_file() and self.path.read_bytes() == self.text.encode())


def buildspec(workspace: Workspace, path: Path) -> Wanted:
    """The buildspec. If AWS Copilot generated the one that is there, it keeps what a person has added to that."""
    from copilot.cli.pipeline.refresh import refreshed
    from copilot.errors import ManifestError
    from copilot.manifest.buildspec import Buildspec
    from copilot.manifest.loader import load

    folder = inside(workspace, workspace.root)
    found = None
    if path.exists():
        with suppress(ManifestError):
            found = refreshed(load(path, Buildspec), __version__, folder)
    text = found.text if found is not None else buildspec_text(__version__, folder)
    return Wanted(path, text, "how it is built", found)


def inside(workspace: Workspace, path: Path) -> str:
    """A path from the repository's root, as manifests and buildspecs have it."""
    return path.resolve().relative_to(workspace.repository.resolve()).as_posix()


def refused(wanted: Sequence[Wanted], *, overwrite: bool) -> list[Wanted]:
    """Files that are there, say something else, and are to be kept. Raises ConflictError where nobody can be asked."""
    differing = [] if overwrite else [file for file in wanted if file.differs]
    if differing and not _ask.can_ask():
        verb = "says" if len(differing) == 1 else "say"
        raise ConflictError(
            f"{' and '.join(shown_path(file.path) for file in differing)} already {verb} something else; nothing was changed",
            hint="replace what is there with `--overwrite`, or make another pipeline with `--name`",
        )
    return [file for file in differing if not _agreed(file)]


def show_refreshed(path: Path, found: Refreshed) -> None:
    """What becomes of a buildspec that AWS Copilot generated."""
    for line in found.difference(path.read_text("utf-8-sig"), shown_path(path)).splitlines():
        paint = {"+": green, "-": red, "@": dim}.get(line[:1])
        say(paint(line) if paint else line, wrapped=False)
    if found.kept:
        say(f"\nYour own {'command is' if found.kept == 1 else f'{found.kept} commands are'} kept.")
    if found.lost:
        say("\nInside of AWS Copilot's own commands these lines are yours, and would be lost:")
        for line in found.lost:
            say(f"    {line}", wrapped=False)


def _agreed(file: Wanted) -> bool:
    if file.refreshed is not None:
        show_refreshed(file.path, file.refreshed)
        return _ask.confirm(f"{shown_path(file.path)} is AWS Copilot's. Make it copilot's own?", flag="--overwrite")
    return _ask.confirm(f"{shown_path(file.path)} is there and says something else. Replace it?", flag="--overwrite")


@contextmanager
def written(files: Sequence[Wanted]) -> Iterator[frozenset[Path]]:
    """Write files, and answer with those that said something else before, or nothing.

    They stay if the block ends well. Otherwise, and if one of them cannot be written, everything is again as it was.
    """
    from copilot.workspace import write

    before: dict[Path, bytes | None] = {}
    folders: list[Path] = []
    changed = set()
    try:
        for file in files:
            folders += [each for each in file.path.parents if not each.exists()]
            before[file.path] = file.path.read_bytes() if file.path.exists() else None
            if write(file.path, file.text, overwrite=True) == "written":
                changed.add(file.path)
        yield frozenset(changed)
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif path in changed:
                path.write_bytes(content)
        for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        raise
