"""The fenced blocks of the documentation, and the comments that say what they are.

A comment on the line above a block is its marker, invisible to readers:

* ``<!-- file: PATH -->``: the block is all of a file; it is written into the scratch repository.
* ``<!-- in: PATH -->``: keys to set in a YAML file of the scratch repository; those below one of the same name replace it.
* ``<!-- example: PATH -->``: keys of such a file, completed from a base and checked.
* ``<!-- refused: PATH -->``: the same, and the loader must refuse it.
* ``<!-- answer: COMMAND -->``: JSON with the keys that the command's answer has.
* ``<!-- exit: CODE -->``: a shell block whose last command ends so.
* ``<!-- not run: REASON -->``: a shell block that no test can run; its commands must exist all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/guide.md",
    "docs/containers.md",
    "docs/aws.md",
    "docs/pipelines-on-aws.md",
    "docs/aws-differences.md",
    "docs/concepts.md",
    "docs/engines.md",
    "docs/reference.md",
)
SHELL = ("sh", "console")
CHECKED = (*SHELL, "yaml", "json")
MARKERS = {
    "file": None,
    "in": ("yaml",),
    "example": ("yaml",),
    "refused": ("yaml",),
    "answer": ("json",),
    "exit": SHELL,
    "not run": SHELL,
}
"""By marker: the languages it may stand before; None: any."""

_FENCE = re.compile(r"^```(\S*)\s*$")
_MARKER = re.compile(r"^<!-- ([a-z ]+): (.+) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block. ``line`` is that of its opening fence; ``marker`` and ``about`` are empty if there is no marker."""

    document: str
    line: int
    language: str
    text: str
    marker: str = ""
    about: str = ""

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The command lines of a shell block, continued lines joined, comments dropped."""
        lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in lines if line.strip() and not line.startswith("#")]

    @property
    def output(self) -> list[str]:
        """The lines of a console block that are what commands print."""
        return [line for line in self.text.splitlines() if line.strip() and not line.startswith("$ ")]


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document, in order."""
    found: list[Block] = []
    lines = (ROOT / document).read_text("utf-8").splitlines()
    opened: int | None = None
    for index, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if opened is None:
            opened = index
            continue
        above = _MARKER.match(lines[opened - 1]) if opened else None
        language = _FENCE.match(lines[opened])
        assert language is not None
        marker, about = (above[1], above[2]) if above else ("", "")
        found.append(Block(document, opened + 1, language[1], "\n".join(lines[opened + 1 : index]) + "\n", marker, about))
        opened = None
    assert opened is None, f"{document}: a block that begins in line {opened} has no end"
    return found
