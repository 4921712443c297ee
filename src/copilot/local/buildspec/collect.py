"""What a build hands on: artifacts and test reports, found by the globs of its buildspec."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from wcmatch import glob

from copilot.errors import CopilotError, NotFoundError, UnsupportedError
from copilot.local.artifacts import ArtifactStore
from copilot.manifest.buildspec import ArtifactSet, Report

_FLAGS = glob.GLOBSTAR | glob.DOTGLOB
_MOST_FAILURES = 10


@dataclass(frozen=True)
class ReportResult:
    """What the JUnit files of one report group say.

    Attributes:
        failures: Errors count as failures.
        failed: The names of the first ten tests that failed.
        seconds: What the files say all tests took.
        problem: What could not be read, or None.
    """

    name: str
    tests: int = 0
    failures: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: tuple[str, ...] = ()
    problem: str | None = None


def collect_artifact(store: ArtifactStore, source: Path, artifact: ArtifactSet) -> str:
    """Archive the files an artifact names; the answer is the digest.

    Symbolic links are followed to files, unless ``enable-symlinks`` keeps them; those to folders are only kept, never followed.

    Args:
        store: Where the archive is kept.
        source: Folder that ``base-directory`` is relative to.
        artifact: Which files.

    Raises:
        NotFoundError: No file matches.
        ConflictError: Under ``discard-paths``, two files have the same name.
        UnsupportedError: A file is not below the base directory.
    """
    base = source / (artifact.base_directory or ".")
    if not base.is_dir():
        raise NotFoundError(f"there is no folder `{artifact.base_directory}`, the artifact's base-directory")
    paths: list[tuple[Path, str]] = []
    for name in _matches(base, artifact.files, artifact.exclude_paths):
        path = base / name
        stored = path.name if artifact.discard_paths else name
        if stored.startswith(("/", "../")):
            raise UnsupportedError(
                f"artifact file `{name}` is not below {_place(artifact)}", hint="Set `base-directory` to a folder that holds it"
            )
        if path.is_symlink() and artifact.enable_symlinks:
            paths.append((path, stored))
        elif path.is_file():
            paths.append((path.resolve(), stored))
    if not paths:
        raise _nothing_matches(base, artifact)
    return store.pack(base, paths)


def read_report(source: Path, name: str, report: Report) -> ReportResult:
    """Count the tests in the JUnit files of a report group. It never fails: what is wrong is in the answer."""
    base = source / (report.base_directory or ".")
    files = [base / match for match in _matches(base, report.files) if (base / match).is_file()] if base.is_dir() else []
    if not files:
        return ReportResult(name, problem=f"no file matches {_listed(report.files)}")
    total = ReportResult(name)
    for file in files:
        try:
            cases = list(ElementTree.parse(file).iter("testcase"))  # noqa: S314 - expat limits what entities expand to
        except (ElementTree.ParseError, OSError, ValueError) as error:
            total = _add(total, (), f"`{file.relative_to(base)}` is not JUnit XML: {error}")
        else:
            total = _add(total, cases, None)
    return total


def _add(total: ReportResult, cases: Iterable[ElementTree.Element], problem: str | None) -> ReportResult:
    cases = list(cases)
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return ReportResult(
        name=total.name,
        tests=total.tests + len(cases),
        failures=total.failures + len(failed),
        skipped=total.skipped + skipped,
        seconds=total.seconds + sum(_seconds(case) for case in cases),
        failed=(*total.failed, *(_test_name(case) for case in failed))[:_MOST_FAILURES],
        problem=total.problem or problem,
    )


def _seconds(case: ElementTree.Element) -> float:
    try:
        return float(case.get("time", "0").replace(",", ""))
    except ValueError:
        return 0.0


def _test_name(case: ElementTree.Element) -> str:
    return ".".join(part for part in (case.get("classname"), case.get("name")) if part)


def _matches(base: Path, patterns: Iterable[str], excluded: Iterable[str] = ()) -> list[str]:
    """Paths below ``base`` that match, relative to it, sorted, each once."""
    found = glob.iglob(list(patterns), flags=_FLAGS, root_dir=str(base), exclude=list(excluded) or None, limit=0)
    return sorted({os.path.normpath(match) for match in found})


def _nothing_matches(base: Path, artifact: ArtifactSet) -> CopilotError:
    where = f" in `{artifact.base_directory}`" if artifact.base_directory else ""
    folder = next((f for f in artifact.files if (base / f).is_dir()), None)
    hint = f"`{folder}` is a folder; write `{folder.rstrip('/')}/**/*` for what is in it" if folder else None
    return NotFoundError(f"no file matches {_listed(artifact.files)}{where}", hint=hint)


def _place(artifact: ArtifactSet) -> str:
    return f"its base-directory `{artifact.base_directory}`" if artifact.base_directory else "the source's folder"


def _listed(patterns: Iterable[str]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns)
