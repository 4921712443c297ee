"""YAML text to a tree that knows where everything is.

YAML 1.2, core schema: ``2012-10-17``, ``on`` and ``yes`` are text. Anchors, aliases and merge keys work; tags other than
YAML's own for text, numbers, booleans and nothing are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from copilot.manifest.values import Written

DEEPEST = 50
"""How many collections may sit inside each other."""

MOST_NODES = 50_000
"""How many values a file may hold, those repeated through aliases counted each time."""

_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
}
_TEXT_TAG = "tag:yaml.org,2002:str"
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MERGE = "<<"


class Span(NamedTuple):
    """A stretch of the text, as indexes of characters: the first, and the one after the last."""

    start: int
    end: int


@dataclass(frozen=True)
class Flaw:
    """Something wrong with the YAML itself."""

    span: Span
    message: str
    hint: str | None = None


class UnreadableError(Exception):
    """The text is not YAML at all; the argument is the `Flaw`."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


@dataclass(frozen=True)
class Node:
    """A value with its place.

    Attributes:
        data: The value: text, `Written`, a list or a dict.
        children: The values of a mapping or list, by key or index.
        keys: Where a mapping's keys are.
        size: How many values it holds, itself counted.
    """

    span: Span
    data: Any
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str | int, Span] = field(default_factory=dict)
    size: int = 1


@dataclass(frozen=True)
class Tree:
    """A document. ``flaws`` leave the rest of it readable."""

    root: Node
    flaws: tuple[Flaw, ...]


def read_tree(text: str) -> Tree:
    """Parse one YAML document.

    Raises:
        UnreadableError: It is not YAML, or nested or repeated beyond all reason.
    """
    unprintable = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if unprintable:
        start = unprintable.start()
        message = f"the character U+{ord(unprintable.group()):04X} cannot be part of a YAML file"
        raise UnreadableError(Flaw(Span(start, start + 1), message))
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEEPEST
    yaml.composer.warn_double_anchors = False
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise UnreadableError(_in_words(error, text)) from None
    except YAMLError as error:
        raise UnreadableError(Flaw(Span(0, 1), f"this is not valid YAML: {error}")) from None
    if root is None:
        return Tree(Node(Span(0, 0), Written(None, "")), ())
    reader = _Reader(text)
    return Tree(reader.node(root), tuple(reader.flaws))


class _Reader:
    """Turns the nodes of one document into ours. A node that aliases repeat is turned once."""

    def __init__(self, text: str) -> None:
        self.flaws: list[Flaw] = []
        self._text = text
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def node(self, node: YamlNode) -> Node:
        if id(node) in self._done:
            return self._done[id(node)]
        span = _span(node)
        if id(node) in self._open:
            self.flaws.append(Flaw(span, "an alias leads back into the value that it is part of"))
            return Node(span, Written(None, ""))
        self._open.add(id(node))
        result = self._turned(node, span)
        self._open.remove(id(node))
        if result.size > MOST_NODES:
            raise UnreadableError(Flaw(span, f"the file holds more than {MOST_NODES} values"))
        self._done[id(node)] = result
        return result

    def _turned(self, node: YamlNode, span: Span) -> Node:
        if str(node.tag) not in _TAGS:
            message = f"the tag `{node.tag}` is not supported"
            self.flaws.append(Flaw(Span(span.start, span.start + 1), message, "write the value without it"))
        if isinstance(node, MappingNode):
            return self._mapping(node, span)
        if isinstance(node, SequenceNode):
            children: dict[str | int, Node] = {index: self.node(item) for index, item in enumerate(node.value)}
            return Node(span, [child.data for child in children.values()], children, size=_size(children))
        return Node(span, _scalar(str(node.tag), node.value))

    def _mapping(self, node: MappingNode, span: Span) -> Node:
        children: dict[str | int, Node] = {}
        keys: dict[str | int, Span] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            value, key_span = self.node(value_node), _span(key_node)
            if not isinstance(key_node, ScalarNode):
                self.flaws.append(Flaw(key_span, "a key must be text", "put it in quotes if it is meant to be text"))
            elif key_node.value == _MERGE and key_node.style is None:
                merged += self._merged(value, key_span)
            elif not key_node.value and key_node.style is None:
                self.flaws.append(Flaw(Span(key_span.start, key_span.start + 1), "there is no key before this `:`"))
            elif key_node.value in keys:
                line = self._text.count("\n", 0, keys[key_node.value].start) + 1
                self.flaws.append(Flaw(key_span, f"the key `{key_node.value}` is there twice", f"the first is in line {line}"))
            else:
                children[key_node.value], keys[key_node.value] = value, key_span
        for other in merged:
            for key in other.keys.keys() - keys.keys():
                children[key], keys[key] = other.children[key], other.keys[key]
        return Node(span, {key: child.data for key, child in children.items()}, children, keys, _size(children))

    def _merged(self, value: Node, at: Span) -> Iterator[Node]:
        for node in value.children.values() if isinstance(value.data, list) else [value]:
            if isinstance(node.data, dict):
                yield node
            else:
                self.flaws.append(Flaw(at, "`<<` must be followed by an alias of a mapping"))


def _span(node: YamlNode) -> Span:
    return Span(node.start_mark.index, node.end_mark.index)


def _size(children: dict[str | int, Node]) -> int:
    return 1 + sum(child.size for child in children.values())


def _scalar(tag: str, text: str) -> str | Written:
    if tag == _TEXT_TAG:
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return Written(None, text)
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return Written(text.lower() == "true", text)
    if re.fullmatch(r"[-+]?[0-9]{1,100}", text):
        return Written(int(text), text)
    if re.fullmatch(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}", text):
        return Written(int(text, 0), text)
    if _NUMBER.fullmatch(text):
        return Written(float(text.lower().replace(".inf", "inf").replace(".nan", "nan")), text)
    return text


# What the parser says, and how we say it: a part of its message, our sentence, what to do, and whether to point at its context
# mark, where the thing began.
_SENTENCES = (
    ("character '\\t'", "a tab cannot be used here", "indent with spaces", False),
    ("cannot start any token", "a value cannot begin with {character}", "put it in quotes", False),
    ("mapping values are not allowed", "a `:` is not expected here", "check the indentation, or put the text in quotes", False),
    ("could not find expected ':'", "a `:` and a value are missing after this key", None, True),
    ("unexpected end of stream", "this quote is never closed", None, True),
    ("found unexpected document separator", "this quote is never closed", None, True),
    ("expected ',' or ']'", "this list has no `]`, or lacks a `,`", None, True),
    ("expected ',' or '}'", "this mapping has no `}}`, or lacks a `,`", None, True),
    ("expected <block end>", "this does not fit the lines above it", "check its indentation", False),
    ("but found '<stream end>'", "the file ends in the middle of a value", "a `]` or `}` is missing", False),
    ("expected the node content", "a value is missing here", None, False),
    ("undefined alias", "there is no anchor of this name before this alias", None, False),
    ("unknown escape character", "a backslash cannot be followed by {character} in double quotes", "use single quotes", False),
    ("another document", "a second document begins here; a file holds one", "remove this line and what follows", False),
    ("maximum depth", f"more than {DEEPEST} collections are nested in each other here", None, False),
)


def _in_words(error: MarkedYAMLError, text: str) -> Flaw:
    problem = error.problem or error.context or "unreadable"
    mark = error.problem_mark or error.context_mark
    start = mark.index if mark is not None else 0
    for part, sentence, hint, at_context in _SENTENCES:
        if part in problem:
            if at_context and error.context_mark is not None:
                start = error.context_mark.index
            start = min(start, max(0, len(text.rstrip()) - 1))
            character = f"`{text[start]}`" if start < len(text) and text[start].strip() else "this"
            return Flaw(Span(start, start + 1), sentence.format(character=character), hint)
    return Flaw(Span(start, start + 1), f"this is not valid YAML: {problem.splitlines()[0]}")
