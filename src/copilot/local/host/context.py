"""The build context: the files that COPY and ADD may see."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from copilot.errors import BuildError
from copilot.local.host.ignore import IgnoreRules, PatternError, compile_pattern, is_pattern
from copilot.local.host.steps import Source
from copilot.progress import shown


@dataclass(frozen=True)
class Context:
    """A folder without what its .dockerignore leaves out. Paths in it are relative, with forward slashes; the root is ``""``.

    Attributes:
        root: The folder, resolved.
        rules: The .dockerignore's.
        ignore_file: Its path as a person would type it, for messages.
    """

    root: Path
    rules: IgnoreRules
    ignore_file: str = ".dockerignore"

    @classmethod
    def open(cls, folder: Path, dockerfile: Path) -> Context:
        """The context of a build. ``<Dockerfile>.dockerignore`` counts before ``.dockerignore``, as in Docker."""
        if not folder.is_dir():
            raise BuildError(
                f"the build context `{shown(folder)}` is not a folder",
                hint="Set `image.build.context` to the folder to copy from",
            )
        for ignore_file in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), folder / ".dockerignore"):
            if ignore_file.is_file():
                lines = ignore_file.read_text("utf-8-sig", errors="surrogateescape").splitlines()
                try:
                    return cls(folder.resolve(), IgnoreRules.parse(lines), shown(ignore_file))
                except PatternError as error:
                    raise BuildError(f"{shown(ignore_file)}:{error.line}:1: {error}") from None
        return cls(folder.resolve(), IgnoreRules())

    def find(self, source: Source) -> list[str]:
        """What a source names, sorted; at least one path. Raises BuildError at the source's place."""
        path = posixpath.normpath(source.path.lstrip("/") or ".")
        if path == ".." or path.startswith("../"):
            raise BuildError(
                f"{source.place}: `{source.path}` leads out of the build context `{shown(self.root)}`",
                hint="Only files below the context can be copied; a wider one is set with `image.build.context`",
            )
        if path == ".":
            return [""]
        if is_pattern(path):
            try:
                matches = sorted(self._matches("", path.split("/")))
            except PatternError as error:
                raise BuildError(f"{source.place}: {error}") from None
            if not matches:
                raise BuildError(f"{source.place}: nothing in `{shown(self.root)}` matches `{source.path}`")
            return matches
        if not os.path.lexists(self.root / path):
            raise BuildError(f"{source.place}: `{source.path}` does not exist in the build context `{shown(self.root)}`")
        if not self.visible(path):
            raise BuildError(f"{source.place}: `{source.path}` is left out of the build context by `{self.ignore_file}`")
        return [path]

    def resolve(self, path: str, source: Source) -> Path:
        """The file or folder behind a path of the context; links are followed inside the context only."""
        real = (self.root / path).resolve()
        if not real.is_relative_to(self.root):
            raise BuildError(
                f"{source.place}: `{path}` is a link that leads out of the build context `{shown(self.root)}`",
                hint="Copy the file into the context, or link to one inside it",
            )
        inner = real.relative_to(self.root).as_posix()
        if not real.exists() or (inner != "." and not self.visible(inner)):
            raise BuildError(f"{source.place}: `{path}` is a link to something that is not in the build context")
        return real

    def visible(self, path: str) -> bool:
        """Whether a path is part of the context: not left out, or a folder with something in it that is brought back."""
        if not self.rules.excludes(path):
            return True
        folder = self.root / path
        return self.rules.can_bring_back and folder.is_dir() and not folder.is_symlink() and any(self.children(path))

    def children(self, path: str) -> Iterator[str]:
        """The paths directly inside a folder of the context, sorted; only what is visible."""
        names = sorted((entry.name for entry in (self.root / path).iterdir()), key=os.fsencode)
        for name in names:
            child = f"{path}/{name}" if path else name
            if self.visible(child):
                yield child

    def _matches(self, folder: str, parts: list[str]) -> Iterator[str]:
        pattern = compile_pattern(parts[0], crosses_folders=False)
        for child in self.children(folder):
            if not pattern.fullmatch(posixpath.basename(child)):
                continue
            if len(parts) == 1:
                yield child
            elif (self.root / child).is_dir():
                yield from self._matches(child, parts[1:])
