from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.local.host.ignore import IgnoreRules, PatternError, compile_pattern


def excluded(rules: str, *paths: str) -> list[str]:
    parsed = IgnoreRules.parse(rules.splitlines())
    return [path for path in paths if parsed.excludes(path)]


@pytest.mark.parametrize(
    ("rules", "out", "kept"),
    [
        ("# nothing\n\n", [], ["a", "# nothing"]),
        ("a", ["a", "a/b", "a/b/c"], ["b/a", "ab"]),
        ("/a/", ["a", "a/b"], ["b/a"]),
        ("./a/../b", ["b"], ["a"]),
        ("*.md", ["x.md"], ["d/x.md", "xmd"]),
        ("**/*.md", ["x.md", "d/x.md", "d/e/x.md"], ["x.mdx"]),
        ("*/temp*", ["a/temp", "a/temporary.txt", "a/temp/x"], ["temp", "a/b/temp"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a/b/y"]),
        ("**", ["a", "a/b"], []),
        ("temp?", ["tempa", "temp1/x"], ["temp", "temp/"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
        ("[^a]x", ["bx"], ["ax", "/x"]),
        ("a\\*b", ["a*b"], ["axb"]),
        ("*.md\n!README.md", ["x.md"], ["README.md"]),
        ("*.md\n!README*.md\nREADME-secret.md", ["x.md", "README-secret.md"], ["README.md"]),
        ("*\n!src\nsrc/*.pyc", ["a", "src/x.pyc"], ["src", "src/a", "src/a/b"]),
        ("a\n!a/keep", ["a/other"], ["a/keep", "a/keep/x"]),
        ("! a\nb", ["b"], ["a"]),
        ("a+b.(c)|{d}$", ["a+b.(c)|{d}$"], ["aab.c"]),
    ],
)
def test_rules_are_dockers(rules: str, out: list[str], kept: list[str]) -> None:
    assert excluded(rules, *out, *kept) == out


@pytest.mark.parametrize(("rules", "line"), [("a\n[b", 2), ("!", 1), ("[b-a]", 1), ("[]a]", 1), ("x\n\n[a-]", 3)])
def test_a_pattern_that_cannot_be_read_has_its_line(rules: str, line: int) -> None:
    with pytest.raises(PatternError) as raised:
        IgnoreRules.parse(rules.splitlines())
    assert raised.value.line == line


paths = st.lists(st.text("ab.*[]\\?!", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(paths)
def test_an_escaped_path_matches_itself_only(path: str) -> None:
    escaped = re.sub(r"([*?\[\]\\])", r"\\\1", path)
    assert compile_pattern(escaped).fullmatch(path)
    assert not compile_pattern(escaped).fullmatch(path + "x")


@given(st.lists(st.text("ab*?/!", min_size=1, max_size=6), max_size=5), st.lists(st.sampled_from("ab"), min_size=1, max_size=4))
def test_a_folder_takes_its_content_unless_something_is_brought_back(lines: list[str], parts: list[str]) -> None:
    lines = [line for line in lines if "!" not in line]
    rules = IgnoreRules.parse(lines)
    for depth in range(1, len(parts)):
        if rules.excludes("/".join(parts[:depth])):
            assert rules.excludes("/".join(parts))


@given(
    st.lists(st.text("ab*?/.", min_size=1, max_size=6), max_size=4),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join),
)
def test_the_last_rule_wins(lines: list[str], path: str) -> None:
    assert not IgnoreRules.parse([*lines, f"!{path}"]).excludes(path)
    assert IgnoreRules.parse([*lines, path]).excludes(path)
