from __future__ import annotations

import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.local.host.words import WordError, expand, split

VARIABLES = {"A": "1", "EMPTY": "", "LONG_name2": "x y"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("$A$A", "11"),
        ("${A}b", "1b"),
        ("$Ab", ""),
        ("a$", "a$"),
        ("$ a", "$ a"),
        ("\\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A b"', "1 b"),
        ('"\\$A"', "$A"),
        ('"\\"q\\""', '"q"'),
        ('"\\n"', "\\n"),
        ("a\\ b", "a b"),
        ("$LONG_name2", "x y"),
        ("${NONE:-word}", "word"),
        ("${EMPTY:-word}", "word"),
        ("${EMPTY-word}", ""),
        ("${NONE-word}", "word"),
        ("${A:-word}", "1"),
        ("${A:+word}", "word"),
        ("${EMPTY:+word}", ""),
        ("${EMPTY+word}", "word"),
        ("${NONE:-$A}", "1"),
        ("${NONE:-${NONE:-deep}}", "deep"),
        ("${NONE:-'a b'}", "a b"),
        ("${A:?needed}", "1"),
        ("$1", ""),
        ("trailing\\", "trailing"),
    ],
)
def test_expansion_is_dockers(text: str, expected: str) -> None:
    assert expand(text, VARIABLES) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'open", "no closing `'`"),
        ('"open', 'no closing `"`'),
        ("${A", "no closing `}`"),
        ("${", "no closing `}`"),
        ("${A:-b", "no closing `}`"),
        ("${}", "that no name follows"),
        ("${A%b}", "`%` is not understood"),
        ("${A:b}", "`:b` is not understood"),
        ("${NONE:?set it}", "variable `NONE` is not set: set it"),
        ("${NONE?}", "variable `NONE` is not set"),
    ],
)
def test_a_word_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(WordError, match=message.replace("}", "\\}").replace("?", "\\?")):
        expand(text, VARIABLES)


def test_another_escape_character() -> None:
    assert expand("a\\b`$A", VARIABLES, escape="`") == "a\\b$A"
    assert [w.text for w in split("c:\\x a` b", escape="`")] == ["c:\\x", "a` b"]


def test_words_keep_their_places() -> None:
    assert [(w.text, w.offset) for w in split("  a  'b c'd \"e f\" g\\ h")] == [
        ("a", 2),
        ("'b c'd", 5),
        ('"e f"', 12),
        ("g\\ h", 18),
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4))
def test_what_a_shell_quotes_is_read_back(texts: list[str]) -> None:
    line = " ".join(shlex.quote(text) for text in texts)
    assert [expand(word.text, {}) for word in split(line)] == texts


@given(st.text(st.characters(exclude_characters="'\"\\"), max_size=30))
def test_without_quotes_words_are_what_blanks_separate(text: str) -> None:
    assert [w.text for w in split(text)] == text.split()


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(WordError):
        expand(text, VARIABLES)
