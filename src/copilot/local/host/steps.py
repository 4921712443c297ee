"""What fills an image's file system, one step for each instruction that does."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.local.host.instructions import Place


@dataclass(frozen=True)
class Source:
    """One source of a COPY or ADD: a path or pattern relative to the context."""

    path: str
    place: Place


@dataclass(frozen=True)
class Copy:
    """COPY or ADD.

    Attributes:
        text: The instruction as written, on one line.
        destination: Absolute path in the image.
        into_folder: The destination is a folder even where none exists yet.
        mode: Permission bits that everything copied gets, or None to keep what it has.
        unpack: ADD: sources that are tar archives are unpacked.
    """

    text: str
    place: Place
    sources: tuple[Source, ...]
    destination: str
    into_folder: bool
    mode: int | None = None
    unpack: bool = False


@dataclass(frozen=True)
class Folder:
    """WORKDIR: a folder that must exist in the image."""

    text: str
    place: Place
    path: str


Step = Copy | Folder
