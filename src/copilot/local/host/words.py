"""How Docker reads the words of an instruction: quotes, escapes and variables. Pure.

The rules are those of BuildKit's shell lexer (``frontend/dockerfile/shell``), which is not a shell: there is no splitting after
expansion and no globbing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Parameters a shell knows by one character; a build has none of them, so they are empty.
_SPECIAL_PARAMETERS = frozenset("@*#?-$!")


class WordError(ValueError):
    """A word that cannot be read; the message is a sentence without its full stop."""


@dataclass(frozen=True)
class Word:
    """A word as written, quotes and escapes included. ``offset`` is where it starts in the instruction's value."""

    text: str
    offset: int


def split(value: str, escape: str = "\\") -> tuple[Word, ...]:
    """The words of a value: separated by blanks that are neither quoted nor escaped."""
    words: list[Word] = []
    start: int | None = None
    quote = ""
    at = 0
    while at < len(value):
        character = value[at]
        if character.isspace() and not quote:
            if start is not None:
                words.append(Word(value[start:at], start))
            start = None
        else:
            start = at if start is None else start
            if character == escape and quote != "'":
                at += 1
            elif character in "\"'" and quote in {"", character}:
                quote = "" if quote else character
        at += 1
    if start is not None:
        words.append(Word(value[start:], start))
    return tuple(words)


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """The text with variables replaced and quotes and escapes removed.

    Understands ``$name``, ``${name}`` and ``${name<op>word}`` with the operators ``:-``, ``-``, ``:+``, ``+``, ``:?`` and ``?``.
    A variable that is not set is empty.

    Raises:
        WordError: An unclosed quote or brace, an operator other than those, or ``${name:?word}`` of an unset name.
    """
    return _Reader(text, variables, escape).read(stop="")


class _Reader:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str) -> None:
        self.text = text
        self.variables = variables
        self.escape = escape
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def read(self, stop: str) -> str:
        out: list[str] = []
        while character := self.peek():
            if stop and character == stop:
                self.at += 1
                return "".join(out)
            if character == "$":
                out.append(self.variable())
            elif character == "'":
                out.append(self.single_quoted())
            elif character == '"':
                out.append(self.double_quoted())
            elif character == self.escape:
                self.at += 1
                out.append(self.take())
            else:
                out.append(self.take())
        if stop:
            raise WordError(f"`{self.text}` has no closing `{stop}`")
        return "".join(out)

    def single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise WordError(f"`{self.text}` has no closing `'`")
        inner = self.text[self.at + 1 : end]
        self.at = end + 1
        return inner

    def double_quoted(self) -> str:
        self.at += 1
        out: list[str] = []
        while character := self.peek():
            if character == '"':
                self.at += 1
                return "".join(out)
            if character == "$":
                out.append(self.variable())
                continue
            self.at += 1
            if character == self.escape:
                following = self.take()
                out.append(following if following in {'"', "$", self.escape} else character + following)
            else:
                out.append(character)
        raise WordError(f'`{self.text}` has no closing `"`')

    def variable(self) -> str:
        self.at += 1
        if self.peek() != "{":
            name = self.name()
            return self.variables.get(name, "") if name else "$"
        self.at += 1
        name = self.name()
        if not name:
            raise WordError(
                f"`{self.text}` has a `${{` that no name follows" if self.peek() else f"`{self.text}` has no closing `}}`"
            )
        operator = self.take()
        if operator == "}":
            return self.variables.get(name, "")
        if operator == ":":
            operator += self.take()
        if operator == "":
            raise WordError(f"`{self.text}` has no closing `}}`")
        if operator.removeprefix(":") not in {"-", "+", "?"}:
            raise WordError(f"`{operator}` is not understood in `{self.text}`; only `:-`, `:+` and `:?` are")
        word = self.read(stop="}")
        value = self.variables.get(name)
        is_set = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return word if is_set else ""
        if is_set:
            return value or ""
        if operator.endswith("?"):
            raise WordError(f"variable `{name}` is not set: {word}" if word else f"variable `{name}` is not set")
        return word

    def name(self) -> str:
        start = self.at
        if self.peek() in _SPECIAL_PARAMETERS:
            return self.take()
        while (character := self.peek()) and (character.isalnum() or character == "_"):
            self.at += 1
        return self.text[start : self.at]
