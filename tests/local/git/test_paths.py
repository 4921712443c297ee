"""Which pushes ``source.paths`` lets through."""

from __future__ import annotations

import pytest

from copilot.local.git import matches


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("api/app.py", "api/**", True),
        ("api/a/b/app.py", "api/**", True),
        ("api/a/b/app.py", "api/*", False),
        ("api/a/b/app.py", "api/", True),
        ("apis/app.py", "api/", False),
        ("api/app.py", "api", False),
        ("README.md", "*.md", True),
        ("docs/x.md", "*.md", False),
        ("docs/x.md", "**/*.md", True),
        ("README.md", "**/*.md", True),
        ("api/.env", "api/*", True),
        (".github/x", "**", True),
        ("Api/x", "api/*", False),
        ("web/x.js", "{api,web}/**", True),
        ("a[1]", "a\\[1\\]", True),
    ],
)
def test_matches(path: str, pattern: str, expected: bool) -> None:
    assert matches([path], [pattern]) is expected
    assert matches(["other", path], ["nothing", pattern]) is expected


def test_nothing_matches_nothing() -> None:
    assert not matches([], ["**"])
    assert not matches(["a"], [])
