"""The logger: masking, and the messages of a build."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from copilot.local.buildspec import logger
from copilot.local.buildspec.logger import Masker, needles


def masked(secrets: list[bytes], *pieces: bytes) -> bytes:
    masker = Masker(secrets)
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.flush()])


def test_every_occurrence_is_masked() -> None:
    assert masked([b"s3cret"], b"a s3cret, s3crets3cret") == b"a ***, ******"


def test_a_secret_split_over_writes_is_masked() -> None:
    assert masked([b"s3cret"], b"a s3", b"cr", b"et b") == b"a *** b"
    assert masked([b"s3cret"], b"a s3", b"cr", b"ew b") == b"a s3crew b"


def test_what_cannot_become_a_secret_is_not_held_back() -> None:
    masker = Masker([b"s3cret"])
    assert masker.feed(b"progress 50%") == b"progress 50%"
    assert masker.feed(b"this") == b"thi"


def test_lines_of_a_secret_are_secret() -> None:
    key = b"-----BEGIN KEY-----\nMIIBVAIBADAN\nabc\n-----END KEY-----"
    assert needles([key]) == [key, b"-----BEGIN KEY-----", b"-----END KEY-----", b"MIIBVAIBADAN"]
    assert masked([key], b"x " + key + b" y") == b"x *** y"
    assert masked([key], b"got MIIBVAIBADAN and abc") == b"got *** and abc"


def test_overlapping_secrets_leave_nothing() -> None:
    assert masked([b"aXb", b"bYc"], b"1aXbYc2") == b"1***2"
    assert masked([b"aXb", b"bYc"], b"1aX", b"b", b"Yc2") == b"1***2"
    assert masked([b"abc", b"abcdef"], b"abc", b"def abcd") == b"*** ***d"


_BYTES = st.binary(max_size=0) | st.lists(st.sampled_from([b"a", b"b", b"c", b"\n", b"\xc3"]), max_size=40).map(b"".join)


@given(st.lists(_BYTES, min_size=1, max_size=4), _BYTES, st.lists(st.integers(0, 40), max_size=5))
def test_pieces_are_masked_as_the_whole_is(secrets: list[bytes], text: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    result = masked(secrets, *pieces)
    assert result == masked(secrets, text)
    assert not any(needle in result for needle in needles(secrets))
    if not any(needle in text for needle in needles(secrets)):
        assert result == text


def run_logger(folder: Path, data: bytes, secrets: dict[str, str]) -> bytes:
    environment = {f"{logger.SECRET_PREFIX}{name}": value for name, value in secrets.items()}
    arguments = [sys.executable, "-I", "-S", logger.__file__, "TOKEN", str(folder)]
    return subprocess.run(arguments, input=data, env=environment, stdout=subprocess.PIPE, check=True).stdout


def test_as_a_program_it_masks_what_it_copies_and_keeps_exports(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"")
    data = (
        b"a s3cret\n\0TOKEN begin\0out 12\n\0TOKEN match out \\d{3}\0\0TOKEN export A=x s3cret\0\0TOKEN export B=\xc3\xa9\n\0"
        b"\0OTHER begin\0 the end: s3cre"
    )
    assert run_logger(tmp_path, data, {"0": "s3cret"}) == b"a ***\nout 12\n\0OTHER begin\0 the end: s3cre"
    assert (tmp_path / "answer").read_bytes() == b"no\n"
    assert (tmp_path / "exported").read_bytes() == b"A=x ***\0B=\xc3\xa9\n\0"


def test_messages_may_arrive_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"")
    reading, writing = os.pipe()
    arguments = [sys.executable, "-I", "-S", logger.__file__, "TOKEN", str(tmp_path)]
    with (
        subprocess.Popen(arguments, stdin=reading, stdout=subprocess.PIPE, env={}) as process,
        os.fdopen(writing, "wb", 0) as pipe,
    ):
        os.close(reading)
        for byte in b"x\0TOKEN begin\0yes\0TOKEN match y.s\0z":
            pipe.write(bytes([byte]))
        pipe.close()
        assert process.stdout is not None
        assert process.stdout.read() == b"xyesz"
    assert (tmp_path / "answer").read_bytes() == b"yes\n"
