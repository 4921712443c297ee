"""Every block says what it is, and every command in the documentation exists."""

from __future__ import annotations

import re

import pytest

from copilot.cli._commands import COMMANDS, find
from tests.docs import commands
from tests.docs.blocks import CHECKED, DOCUMENTS, MARKERS, ROOT, SHELL, Block, blocks

MOST_NOT_RUN = 9
"""Shell blocks that nothing runs. One more is a decision, not an accident."""

ALL = [block for document in DOCUMENTS for block in blocks(document)]
_INLINE = re.compile(r"(?<!`)`(copilot [^`]+)`(?!`)")


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.place)
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language, "name the block's language; `text` for one that is nothing"
    if block.language in {"yaml", "json"}:
        assert block.marker, f"{block.place}: say what this {block.language} is in a comment above it (see tests/docs/blocks.py)"
    if block.marker:
        assert block.marker in MARKERS, f"{block.place}: unknown marker `{block.marker}`"
        languages = MARKERS[block.marker]
        assert languages is None or block.language in languages
    if block.language not in CHECKED:
        assert block.marker in {"", "file"}


def test_few_shell_blocks_are_not_run() -> None:
    not_run = [block for block in ALL if block.marker == "not run"]
    assert len(not_run) <= MOST_NOT_RUN, [block.place for block in not_run]


@pytest.mark.parametrize("block", [b for b in ALL if b.language in SHELL], ids=lambda block: block.place)
def test_its_commands_exist(block: Block) -> None:
    for line in block.commands:
        for words in commands.ours(line):
            commands.check(words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_sentences_exist(document: str) -> None:
    for match in _INLINE.finditer((ROOT / document).read_text("utf-8")):
        text = match[1]
        if re.search(r"[<>…|\[\]*]", text):
            continue
        for words in commands.ours(text):
            named = find(" ".join(words[:2])) or find(words[0]) if words else None
            assert not words or words[0].startswith("-") or named is not None, f"{document}: `{text}`: no such command"
            if named is not None and any(word.startswith("-") for word in words):
                # A sentence may name a flag without a value.
                commands.check([*words, "x"] if words[-1] in {"--name", "--to"} else words)


def test_the_examples_of_the_help_exist() -> None:
    for entry in COMMANDS:
        for line in entry.example.splitlines():
            for words in commands.ours(line):
                commands.check(words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", (ROOT / document).read_text("utf-8")):
        file = folder / target if target else ROOT / document
        assert file.exists(), f"{document}: {target}"
        if anchor:
            assert anchor in _anchors(file.read_text("utf-8")), f"{document}: {target}#{anchor}"


def _anchors(text: str) -> set[str]:
    """As GitHub makes them from headings."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
