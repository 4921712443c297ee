"""The ``copilot/`` folder of a repository: finding, reading and writing it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from copilot.errors import ConflictError, CopilotError, ManifestError, NotFoundError, UsageError

if TYPE_CHECKING:
    from copilot.manifest.workspace_file import WorkspaceFile

EngineName = Literal["local", "aws"]

_FOLDER = "copilot"
_FILE = ".workspace"
_MANIFEST = "manifest.yml"
_BUILDSPEC = "buildspec.yml"
_PIPELINES = "pipelines"
NOT_WORKLOADS = frozenset({_PIPELINES, "environments"})
"""Folders of ``copilot/`` that hold something else than a workload."""
# Names that a YAML parser, ours or AWS Copilot's, takes for something else than text.
_NOT_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True)
class PipelineFiles:
    """The files of one pipeline.

    Attributes:
        name: The pipeline's name as its manifest says; if that cannot be read, the name of the manifest's folder or file.
        manifest: Where the manifest is, or would be.
        buildspec: Where the buildspec is if the manifest names no other.
        shown_as: Path of the manifest from the repository's root.
    """

    name: str
    manifest: Path
    buildspec: Path
    shown_as: str


@dataclass(frozen=True)
class Workspace:
    """A repository, or a folder of one, that belongs to an application.

    Attributes:
        root: The folder that holds ``copilot/``.
    """

    root: Path

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """The workspace that a folder is in: in it or above, but not outside of its git repository or the home folder.

        Raises:
            NotFoundError: There is none.
        """
        start = start.absolute()
        for folder in (start, *start.parents):
            if (folder / _FOLDER / _FILE).exists():
                return cls(folder)
            if (folder / ".git").exists() or folder == Path.home():
                break
        raise NotFoundError(
            f"`{start}` is in no application: there is no {_FOLDER}/{_FILE} here or above",
            hint="make one with `copilot app init`, or go to the repository's folder",
        )

    @classmethod
    def create(cls, root: Path, application: str, engine: EngineName) -> Workspace:
        """Make ``copilot/.workspace``. Does nothing if it is there and says the same.

        Raises:
            UsageError: The application cannot be called so.
            ConflictError: The file is there and says something else.
        """
        from copilot.manifest.names import check_name  # noqa: PLC0415 - finding a workspace does not need it

        check_name("application", application)
        workspace = cls(root.absolute())
        path = workspace.folder / _FILE
        if write(path, _marker(application, engine)) == "differs" and (workspace.application, workspace.engine) != (
            application,
            engine,
        ):
            raise ConflictError(
                f"this repository belongs to application `{workspace.application}` on the {workspace.engine} engine",
                hint=f"to move it to another, delete {_FOLDER}/{_FILE} first",
            )
        return workspace

    def moved(self, engine: EngineName) -> Workspace:
        """The same workspace, whose application another engine runs from now on; its file says so."""
        write(self.folder / _FILE, _marker(self.application, engine), overwrite=True)
        return Workspace(self.root)

    @property
    def folder(self) -> Path:
        """The ``copilot/`` folder."""
        return self.root / _FOLDER

    @property
    def repository(self) -> Path:
        """The root of the git repository around the workspace, where paths in pipeline manifests begin; without one, its own."""
        return next((f for f in (self.root, *self.root.parents) if (f / ".git").exists()), self.root)

    @property
    def application(self) -> str:
        """The application it belongs to. Raises ManifestError if its file is broken."""
        return self._file.application

    @property
    def engine(self) -> EngineName:
        """The engine that runs the application. Raises ManifestError if the workspace's file is broken."""
        return self._file.engine

    @cached_property
    def _file(self) -> WorkspaceFile:
        # Reading YAML takes a tenth of a second to import.
        from copilot.manifest.loader import load  # noqa: PLC0415
        from copilot.manifest.workspace_file import WorkspaceFile  # noqa: PLC0415

        return load(self.folder / _FILE, WorkspaceFile).model

    def workloads(self) -> list[str]:
        """Names of the workloads that have a manifest here, sorted."""
        names = (path.parent.name for path in self.folder.glob(f"*/{_MANIFEST}"))
        return sorted(name for name in names if name not in NOT_WORKLOADS)

    def workload_manifest(self, name: str) -> Path:
        """Where the manifest of a workload is, or would be."""
        return self.folder / name / _MANIFEST

    def pipeline_files(self, name: str | None) -> PipelineFiles:
        """Where the files of a new pipeline go: with a name into a folder of its own, without one next to the workloads."""
        if name is None:
            return self._files("pipeline", self.folder / "pipeline.yml")
        return self._files(name, self.folder / _PIPELINES / name / _MANIFEST)

    def pipelines(self) -> list[PipelineFiles]:
        """The pipelines that have a manifest here, in either layout, sorted by name."""
        single = self.pipeline_files(None)
        folders = (path.parent.name for path in (self.folder / _PIPELINES).glob(f"*/{_MANIFEST}"))
        found = [single] if single.manifest.exists() else []
        found += [self.pipeline_files(name) for name in folders]
        named = [replace(files, name=_name_in(files.manifest) or files.name) for files in found]
        return sorted(named, key=lambda files: (files.name, files.shown_as))

    def _files(self, name: str, manifest: Path) -> PipelineFiles:
        shown_as = manifest.relative_to(self.repository).as_posix()
        return PipelineFiles(name, manifest, manifest.with_name(_BUILDSPEC), shown_as)

    def pipeline(self, name: str | None = None) -> PipelineFiles:
        """The pipeline of that name, which is its manifest's or its folder's; without a name, the only one there is.

        Raises:
            NotFoundError: There is none, or none of that name.
            UsageError: There are several, and no name was given.
            ConflictError: Several have that name.
        """
        found = self.pipelines()
        if not found:
            raise NotFoundError("there is no pipeline here yet", hint="make one with `copilot pipeline init`")
        if name is None:
            if len(found) > 1:
                raise UsageError("which pipeline? `--name` is missing", hint=f"there are: {_names(found)}")
            return found[0]
        matching = [f for f in found if f.name == name] or [
            f for f in found if f.manifest.parent.name == name and f.manifest.parent != self.folder
        ]
        if not matching:
            raise NotFoundError(f"there is no pipeline `{name}` here", hint=f"there are: {_names(found)}")
        if len(matching) > 1:
            places = " and ".join(f.shown_as for f in matching)
            raise ConflictError(f"two pipelines are called `{name}`: {places}", hint="rename one of them in its manifest")
        return matching[0]


def write(path: Path, text: str, *, overwrite: bool = False) -> Literal["written", "unchanged", "differs"]:
    """Write a file whole or not at all, with the folders it needs. A file that says something else is kept unless told otherwise.

    Raises:
        CopilotError: It cannot be written.
    """
    content = text.encode()
    try:
        target = path.resolve()
        if target.exists():
            if target.read_bytes() == content:
                return "unchanged"
            if not overwrite:
                return "differs"
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, content)
    except OSError as error:
        raise CopilotError(f"`{path}` cannot be written: {error.strerror or error}") from error
    return "written"


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _name_in(manifest: Path) -> str | None:
    """The pipeline's name in a manifest that may be broken elsewhere."""
    from copilot.manifest.loader import read, tree_of  # noqa: PLC0415 - most commands read no pipeline manifest

    try:
        name = tree_of(read(manifest)).root.data.get("name")
    except ManifestError:
        return None
    return str(name) if isinstance(name, str) and name else None


def _marker(application: str, engine: EngineName) -> str:
    quoted = f'"{application}"' if application in _NOT_TEXT else application
    return f"application: {quoted}\n" + (f"engine: {engine}\n" if engine != "aws" else "")


def _names(pipelines: Sequence[PipelineFiles]) -> str:
    return ", ".join(files.name for files in pipelines)
