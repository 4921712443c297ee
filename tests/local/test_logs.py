from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.local.logs import read_log

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "attempt-1.log"


def follow(path: Path, *, finished: bool = True) -> tuple[str, int]:
    """The whole log as a follower puts it together, and how often it asked."""
    text, offset = "", 0
    for asked in range(1, 100):
        chunk = read_log(path, offset, finished=finished)
        text, offset = text + chunk.text, chunk.next_offset
        if chunk.finished or not chunk.text:
            return text, asked
    raise AssertionError("it never ends")


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    waiting = read_log(tmp_path / "none.log", 0, finished=False)
    assert (waiting.text, waiting.next_offset, waiting.finished) == ("", 0, False)
    assert read_log(tmp_path / "none.log", 5, finished=True).finished


def test_a_growing_log_is_given_in_whole_lines_until_it_is_finished(log: Path) -> None:
    text = "ü first\nhalf of the sec"
    log.write_text(text, "utf-8")
    first = read_log(log, 0, finished=False)
    assert (first.text, first.finished) == ("ü first\n", False)
    assert read_log(log, first.next_offset, finished=False).text == ""
    log.write_text(text + "ond\n漢", "utf-8")
    second = read_log(log, first.next_offset, finished=False)
    assert second.text == "half of the second\n"
    last = read_log(log, second.next_offset, finished=True)
    assert (last.text, last.finished, last.next_offset) == ("漢", True, log.stat().st_size)


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀"])
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_a_line_longer_than_a_chunk_is_cut_between_characters(log: Path, character: str, shift: int) -> None:
    text = "." * shift + character * (MEBIBYTE // len(character.encode()) + 10)
    log.write_text(text, "utf-8")
    for finished in (True, False):
        first = read_log(log, 0, finished=finished)
        assert first.text == text[: len(first.text)]
        assert MEBIBYTE - 4 < first.next_offset <= MEBIBYTE
        assert not first.finished
    assert follow(log)[0] == text


def test_a_long_log_comes_in_chunks_of_a_mebibyte(log: Path) -> None:
    text = "".join(f"line {number} ü\n" for number in range(200_000))
    log.write_text(text, "utf-8")
    got, asked = follow(log)
    assert got == text
    assert asked == len(text.encode()) // MEBIBYTE + 1
    assert follow(log, finished=False)[0] == text


def test_a_log_of_exactly_one_chunk_ends(log: Path) -> None:
    log.write_bytes(b"x" * (MEBIBYTE - 1) + b"\n")
    first = read_log(log, 0, finished=True)
    assert (first.next_offset, first.finished) == (MEBIBYTE, False)
    assert read_log(log, MEBIBYTE, finished=True).finished


@pytest.mark.parametrize("content", [b"\xff" * 10, b"ab\x80\x80\x80\x80\x80", b"\xf0\x9f", b"\x00\x1b[1m\r"])
def test_what_is_no_text_is_shown_as_far_as_it_goes(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    chunk = read_log(log, 0, finished=True)
    assert (chunk.next_offset, chunk.finished) == (len(content), True)
    log.write_bytes(content * (MEBIBYTE // len(content) + 5))
    assert read_log(log, 0, finished=False).next_offset > MEBIBYTE - 8
    assert follow(log)[1] <= 3


@pytest.mark.parametrize("offset", [-1, -(10**9)])
def test_a_negative_offset_is_the_beginning(log: Path, offset: int) -> None:
    log.write_text("text\n")
    assert read_log(log, offset, finished=True).text == "text\n"


def test_an_offset_after_the_end_has_nothing_to_read(log: Path) -> None:
    log.write_text("text\n")
    chunk = read_log(log, 10**9, finished=True)
    assert (chunk.text, chunk.next_offset, chunk.finished) == ("", 10**9, True)


@given(text=st.text(), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_whatever_was_written_when_a_follower_reads_it_all(log: Path, text: str, cuts: list[int]) -> None:
    content = text.encode("utf-8")
    got, offset = "", 0
    for end in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
        log.write_bytes(content[:end])
        chunk = read_log(log, offset, finished=end == len(content))
        got, offset = got + chunk.text, chunk.next_offset
    chunk = read_log(log, offset, finished=True)
    assert got + chunk.text == text
    assert chunk.finished
