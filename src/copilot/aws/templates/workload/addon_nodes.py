"""CloudFormation templates that people write, as plain data that knows where it was written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.faults import suggestion
from copilot.manifest.loader import SourceText, tree_of
from copilot.manifest.tree import Span, UnreadableError, read_tree

# The functions that have a short form in YAML
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html).
FUNCTIONS = (
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Ref",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
)
_WITHOUT_PREFIX = frozenset({"Condition", "Ref"})
_MERGE = "<<"
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,6})\.[0-9]{1,6}")
# CloudFormation reads YAML 1.1.
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True)
class Entry:
    """A key of a mapping with its value.

    Attributes:
        source: The file.
        key: Where the key is.
        data: The value as plain data, with the long forms of functions.
        entries: The value's own keys, if it is a mapping.
    """

    source: SourceText = field(repr=False)
    key: Span
    data: Any
    entries: dict[str, Entry] = field(default_factory=dict, repr=False)

    def problem(self, message: str, hint: str | None = None) -> Diagnostic:
        """A message about the key."""
        return self.source.diagnostic(self.key, message, hint)

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.source.shown_as}:{self.source.position(self.key).line}"


def template_entries(source: SourceText) -> dict[str, Entry]:
    """The sections of a template.

    Raises:
        ManifestError: It is no YAML, no mapping, or has functions that CloudFormation does not know; all that is wrong.
    """
    tree_of(source)  # what is wrong with the YAML is told there, and no file is nested or repeated beyond all reason
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    reader = _Reader(source)
    _, entries = reader.value(yaml.compose(source.text))
    if reader.diagnostics:
        raise ManifestError(reader.diagnostics)
    return entries


def item_entries(source: SourceText) -> list[Entry]:
    """The items of a file that is a list, in which functions stand as in a template; none if there are only comments.

    ``key`` of an item is the whole of it.

    Raises:
        ManifestError: It is no YAML, no list, or has functions that CloudFormation does not know; all that is wrong.
    """
    try:
        read_tree(source.text)  # as above
    except UnreadableError as error:
        raise ManifestError([source.diagnostic(error.flaw.span, error.flaw.message, error.flaw.hint)]) from None
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    root = yaml.compose(source.text)
    if root is None:
        return []
    if not isinstance(root, SequenceNode):
        raise ManifestError([source.diagnostic(_span(root), "the file must be a list", "begin each item with `- `")])
    reader = _Reader(source)
    items = [Entry(source, _span(node), *reader.value(node)) for node in root.value]
    if reader.diagnostics:
        raise ManifestError(reader.diagnostics)
    return items


class _Reader:
    """Turns the nodes of one file into plain data, and collects what is wrong."""

    def __init__(self, source: SourceText) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._source = source
        self._open: set[int] = set()

    def value(self, node: YamlNode) -> tuple[Any, dict[str, Entry]]:
        """A value as plain data, and its keys if it is a mapping and no function."""
        if id(node) in self._open:
            self._complain(node, "an alias leads back into the value that it is part of")
            return None, {}
        self._open.add(id(node))
        entries = self._entries(node) if isinstance(node, MappingNode) else {}
        data = {key: entry.data for key, entry in entries.items()} if isinstance(node, MappingNode) else self._data(node)
        self._open.remove(id(node))
        function = _function(node)
        return (data, entries) if function is None else (self._call(node, function, data), {})

    def _entries(self, node: MappingNode) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._complain(key, "a key must be text")
            elif key.value == _MERGE and key.style is None:
                self._complain(key, "`<<` cannot be used in a template", "CloudFormation does not know it; repeat the keys")
            elif key.value in found:
                self._complain(key, f"the key `{key.value}` is there twice", f"the first is in {found[key.value].place}")
            else:
                found[key.value] = Entry(self._source, _span(key), *self.value(value))
        return found

    def _data(self, node: YamlNode) -> Any:
        if isinstance(node, SequenceNode):
            return [self.value(item)[0] for item in node.value]
        written = isinstance(node, ScalarNode) and node.style is None and _function(node) is None
        return _scalar(node.value) if written else node.value

    def _call(self, node: YamlNode, function: str, data: Any) -> dict[str, Any]:
        if function not in FUNCTIONS:
            meant = suggestion(function, FUNCTIONS)
            self._complain(node, f"CloudFormation has no function `!{function}`", f"did you mean `!{meant}`?" if meant else None)
        if function == "GetAtt" and isinstance(data, str):
            data = data.split(".", maxsplit=1)
        return {function if function in _WITHOUT_PREFIX else f"Fn::{function}": data}

    def _complain(self, node: YamlNode, message: str, hint: str | None = None) -> None:
        self.diagnostics.append(self._source.diagnostic(_span(node), message, hint))


def _span(node: YamlNode) -> Span:
    return Span(node.start_mark.index, node.end_mark.index)


def _function(node: YamlNode) -> str | None:
    tag = str(node.tag or "")
    return tag[1:] if tag.startswith("!") and len(tag) > 1 else None


def _scalar(text: str) -> Any:
    """What CloudFormation makes of text without quotes; what is not certain to be a number stays text, such as an account's."""
    if text in _NOTHING:
        return None
    if text.lower() in _TRUTH and text in {text.lower(), text.upper(), text.capitalize()}:
        return _TRUTH[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) and str(float(text)) == text else text
