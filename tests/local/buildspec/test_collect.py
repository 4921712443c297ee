"""Artifacts and reports of builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.errors import ConflictError, NotFoundError, UnsupportedError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec.collect import collect_artifact, read_report
from copilot.manifest.buildspec import ArtifactSet, Report
from tests.local.buildspec.conftest import Builds


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "src"
    for name in ("a.txt", "b.log", ".hidden", "dist/app.js", "dist/css/app.css", "dist/css/x.log", "other/a.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "empty").mkdir()
    (root / "link.txt").symlink_to("a.txt")
    (root / "linkdir").symlink_to("dist")
    (root / "broken").symlink_to("nowhere")
    return root


def names(tmp_path: Path, source: Path, **keys: Any) -> list[str]:
    store = ArtifactStore(tmp_path / "store")
    return store.names(collect_artifact(store, source, ArtifactSet.model_validate(keys)))


ALL = [".hidden", "a.txt", "b.log", "dist/app.js", "dist/css/app.css", "dist/css/x.log", "link.txt", "other/a.txt"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"files": ["**/*"]}, ALL),
        ({"files": ["*"]}, [".hidden", "a.txt", "b.log", "link.txt"]),
        ({"files": ["a.txt", "./dist/*"]}, ["a.txt", "dist/app.js"]),
        ({"files": ["**/*.log", "nothing"]}, ["b.log", "dist/css/x.log"]),
        ({"files": ["**/*"], "base-directory": "dist"}, ["app.js", "css/app.css", "css/x.log"]),
        ({"files": ["**/*"], "base-directory": "dist", "exclude-paths": ["**/*.log"]}, ["app.js", "css/app.css"]),
        ({"files": ["**/*"], "exclude-paths": ["dist/**/*", "*.*", "other/*"]}, []),
        ({"files": ["dist/**/*"], "discard-paths": True}, ["app.css", "app.js", "x.log"]),
        ({"files": ["*.txt", "linkdir", "broken"], "enable-symlinks": True}, ["a.txt", "broken", "link.txt", "linkdir"]),
        ({"files": ["*.txt", "linkdir", "broken"]}, ["a.txt", "link.txt"]),
    ],
)
def test_files(tmp_path: Path, source: Path, keys: dict[str, Any], expected: list[str]) -> None:
    if expected:
        assert names(tmp_path, source, **keys) == expected
    else:
        with pytest.raises(NotFoundError, match="no file matches"):
            names(tmp_path, source, **keys)


def test_a_link_is_followed_unless_it_is_kept(tmp_path: Path, source: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    followed = collect_artifact(store, source, ArtifactSet.model_validate({"files": ["link.txt"]}))
    assert store.read(followed, "link.txt") == b"a.txt"
    store.unpack(followed, tmp_path / "followed")
    assert not (tmp_path / "followed/link.txt").is_symlink()
    kept = collect_artifact(store, source, ArtifactSet.model_validate({"files": ["*.txt"], "enable-symlinks": True}))
    store.unpack(kept, tmp_path / "kept")
    assert (tmp_path / "kept/link.txt").readlink() == Path("a.txt")


def test_what_cannot_be_collected(tmp_path: Path, source: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no file matches `x`, `\*\.y` in `dist`"):
        names(tmp_path, source, **{"files": ["x", "*.y"], "base-directory": "dist"})
    with pytest.raises(NotFoundError, match="no folder `nope`"):
        names(tmp_path, source, **{"files": ["x"], "base-directory": "nope"})
    with pytest.raises(NotFoundError) as caught:
        names(tmp_path, source, files=["dist"])
    assert caught.value.hint == "`dist` is a folder; write `dist/**/*` for what is in it"
    with pytest.raises(ConflictError, match=r"would both be `a\.txt`"):
        names(tmp_path, source, **{"files": ["**/*.txt"], "discard-paths": True})
    with pytest.raises(UnsupportedError, match=r"`\.\./a\.txt` is not below"):
        names(tmp_path, source, **{"files": ["../a.txt"], "base-directory": "dist"})


def test_a_build_hands_on_its_artifacts(builds: Builds) -> None:
    outcome = builds.run(
        {
            "phases": {"build": {"commands": ["mkdir out; echo built > out/app; cd out"]}},
            "artifacts": {
                "files": ["out/*"],
                "secondary-artifacts": {"docs": {"files": ["*.txt"]}, "again": {"files": ["app"], "base-directory": "out"}},
            },
        }
    )
    result = outcome.result
    assert result.status == "SUCCEEDED"
    assert outcome.phases == {"BUILD": "SUCCEEDED", "UPLOAD_ARTIFACTS": "SUCCEEDED"}
    assert result.artifact is not None
    assert builds.artifacts.read(result.artifact, "out/app") == b"built\n"
    assert {name: builds.artifacts.names(digest) for name, digest in result.secondary_artifacts.items()} == {
        "docs": ["hello.txt"],
        "again": ["app"],
    }


def test_no_artifact_is_a_failure(builds: Builds) -> None:
    outcome = builds.run({"phases": {"build": {"commands": ["true"]}}, "artifacts": {"files": ["dist/*"]}})
    assert outcome.result.status == "FAILED"
    assert outcome.result.summary == "UPLOAD_ARTIFACTS: no file matches `dist/*`"
    assert outcome.phases == {"BUILD": "SUCCEEDED", "UPLOAD_ARTIFACTS": "FAILED"}
    assert "UPLOAD_ARTIFACTS: no file matches `dist/*`" in outcome.log


@pytest.mark.parametrize("phase", ["build", "post_build"])
def test_artifacts_are_collected_after_a_failure_and_the_first_cause_wins(builds: Builds, phase: str) -> None:
    artifacts = {"files": ["hello.txt"]}
    outcome = builds.run({"phases": {phase: {"commands": ["exit 3"]}}, "artifacts": artifacts})
    assert outcome.result.status == "FAILED"
    assert outcome.result.artifact is not None
    outcome = builds.run({"phases": {phase: {"commands": ["exit 3"]}}, "artifacts": {"files": ["nope"]}})
    assert outcome.summary == f"`exit 3` in phase {phase}: exit 3 after 0.0 s"
    assert outcome.phases["UPLOAD_ARTIFACTS"] == "FAILED"


def test_nothing_is_collected_after_a_failed_preparation(builds: Builds) -> None:
    outcome = builds.run({"phases": {"install": {"commands": ["exit 3"]}}, "artifacts": {"files": ["*"]}})
    assert outcome.result.artifact is None
    assert list(outcome.phases) == ["INSTALL"]


JUNIT = """<?xml version="1.0"?>
<testsuites><testsuite name="s" tests="4">
<testcase classname="tests.cart" name="total" time="0.5"><failure message="x">41 == 42</failure></testcase>
<testcase classname="tests.cart" name="empty" time="0.25"/>
<testcase name="boom" time="oops"><error/></testcase>
<testcase name="later"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_report_counts_tests(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/one.xml").write_text(JUNIT)
    (tmp_path / "out/two.xml").write_text("<testsuite><testcase name='x' time='1,000.5'/></testsuite>")
    result = read_report(tmp_path, "unit", Report.model_validate({"files": ["**/*.xml"], "base-directory": "out"}))
    assert (result.tests, result.failures, result.skipped, result.seconds) == (5, 2, 1, 1001.25)
    assert result.failed == ("tests.cart.total", "boom")
    assert result.problem is None


def test_a_report_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    report = Report.model_validate({"files": ["*.xml"]})
    assert read_report(tmp_path, "unit", report).problem == "no file matches `*.xml`"
    (tmp_path / "bad.xml").write_text("<testsuite>")
    (tmp_path / "good.xml").write_text(JUNIT)
    result = read_report(tmp_path, "unit", report)
    assert result.tests == 4
    assert result.problem is not None
    assert result.problem.startswith("`bad.xml` is not JUnit XML")


def test_a_builds_reports_are_in_its_result(builds: Builds) -> None:
    outcome = builds.run(
        {"phases": {"build": {"commands": ["true"]}}, "reports": {"unit": {"files": ["r.xml"]}}}, files={"r.xml": JUNIT}
    )
    assert outcome.result.status == "SUCCEEDED"
    assert outcome.result.reports[0].name == "unit"
    assert outcome.result.summary == "4 tests, 2 failed"
