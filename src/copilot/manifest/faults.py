"""Faults: what is wrong in a manifest, in plain words, and how a failed validation becomes a list of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from copilot.errors import KeyPath, Problem
from copilot.manifest.values import kind_of, plain, shown

_FAULTS = "faults"
_LONGEST_QUOTE = 100
_LIST_HINT = "write it in `[ ]`, or after `- ` in a line of its own"


@dataclass(frozen=True)
class Fault:
    """Something wrong in a manifest, before it is put in a sentence that names its place.

    Attributes:
        path: Keys and indexes from the mapping that reports it to the offending place.
        kind: ``unknown``, ``unsupported`` and ``missing`` speak of the key at the path; ``value`` of what it holds, and then
            ``text`` is what follows the key's name in a sentence; ``sentence`` is complete in itself.
        text: Empty for the first three kinds.
        hint: What to do about it, or None.
        at: Whether the key or its value is to be pointed at.
        suggests: The key that an unknown one was probably meant to be.
    """

    path: KeyPath
    kind: Literal["unknown", "unsupported", "missing", "value", "sentence"]
    text: str = ""
    hint: str | None = None
    at: Literal["key", "value"] = "value"
    suggests: str | None = None

    def problem(self, data: Any) -> Problem:
        """The fault as a sentence. ``data`` is the whole document: list items are called by their name in it."""
        return Problem(self.path, self._sentence(data), self.hint, self.at)

    def _sentence(self, data: Any) -> str:
        if self.kind == "sentence":
            return self.text
        if self.kind == "value":
            return f"{_subject(self.path, data)} {self.text}"
        if self.kind == "unsupported":
            return f"{_subject(self.path, data)} is not supported yet"
        owner = _label(self.path[:-1], data)
        place = f" in {owner}" if owner else ""
        key = _dotted(self.path[-1:])
        return f"unknown key {key}{place}" if self.kind == "unknown" else f"{key} is missing{place}"


def raised(faults: Sequence[Fault]) -> PydanticCustomError:
    """The exception that carries faults out of a validator."""
    return PydanticCustomError(_FAULTS, "{count} faults", {"count": len(faults), _FAULTS: tuple(faults)})


def bad_value(text: str, hint: str | None = None) -> PydanticCustomError:
    """The exception for a validator of one value to raise; ``text`` follows the key's name, as in ``must not be empty``."""
    return raised([Fault((), "value", text, hint)])


def faults_of(error: ValidationError) -> list[Fault]:
    """Everything a failed validation found, with paths from the root of what was validated."""
    faults: list[Fault] = []
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_is_inside(other["loc"], detail["loc"]) for other in details):
            continue  # there are items, but bad ones: they have faults of their own
        path = tuple(part for part in detail["loc"] if part != "[key]")
        at: Literal["key", "value"] = "value" if path == detail["loc"] else "key"
        if detail["type"] == _FAULTS:
            inner: tuple[Fault, ...] = detail["ctx"][_FAULTS]
            faults += [replace(f, path=path + f.path, at="key" if at == "key" else f.at) for f in inner]
        elif detail["type"] == "missing":
            faults.append(Fault(path, "missing", at="key"))
        else:
            listable = detail["type"] == "tuple_type" and isinstance(detail["input"], str)
            faults.append(Fault(path, "value", _in_words(detail), _LIST_HINT if listable else None, at))
    return faults


def suggestion(wrong: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: another case, ``-`` for ``_``, or a slip of a few letters."""

    def simple(name: str) -> str:
        return name.lower().replace("-", "").replace("_", "").replace(" ", "")

    by_simple = {simple(name): name for name in known}
    close = difflib.get_close_matches(simple(wrong), by_simple, n=1, cutoff=0.7)
    return by_simple[close[0]] if close else None


def _in_words(detail: ErrorDetails) -> str:
    kind, limits, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if plain(value) is None:
        return "has no value"
    if kind == "literal_error":
        return f"must be {limits['expected']}, not {shown(value)}".replace("'", "`")
    if kind in {"tuple_type", "list_type"}:
        return f"must be a list, not {kind_of(value)}"
    if kind in {"dict_type", "model_type", "mapping_type"}:
        return f"must be a mapping of keys to values, not {kind_of(value)}"
    for name, text in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if name in limits:
            seconds = " seconds" if isinstance(value, str) else ""
            return f"must be {text} {limits[name]}{seconds}, not {shown(value) if seconds else value}"
    if kind == "too_short":
        least = limits["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} items"
    if kind == "too_long":
        what = "characters" if isinstance(value, str) else "items"
        return f"must have at most {limits['max_length']} {what}, not {len(value)}"
    return f"must not be {shown(value)}"


def _is_inside(path: KeyPath, outer: KeyPath) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


def _subject(path: KeyPath, data: Any) -> str:
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        own, owner = f"item {path[-1] + 1} of {_dotted(path[:-1])}", _named_item(path[:-1], data)
    else:
        own, owner = _dotted(path), _named_item(path[:-1], data)
    return f"{own} in {owner}" if owner else own


def _label(path: KeyPath, data: Any) -> str:
    """What the mapping at a path is called: ``stage `prod` ``, or the keys that lead to it."""
    owner = _named_item(path, data)
    if not path or isinstance(path[-1], int):
        return owner
    return f"{_dotted(path)} of {owner}" if owner else _dotted(path)


def _dotted(path: KeyPath) -> str:
    """The keys since the last list item, as in ``deployments.api``."""
    last_index = max((i for i, part in enumerate(path) if isinstance(part, int)), default=-1)
    dotted = ".".join(str(part) for part in path[last_index + 1 :])
    printable = "".join(c if c.isprintable() else " " for c in dotted)
    return f"`{printable}`" if len(printable) <= _LONGEST_QUOTE else f"`{printable[:_LONGEST_QUOTE]}…`"


def _named_item(path: KeyPath, data: Any) -> str:
    """The last list item on the path, by its name where it has one."""
    for end in range(len(path), 0, -1):
        index, key = path[end - 1], path[end - 2] if end > 1 else ""
        if isinstance(index, int):
            name = _name_at(data, path[:end])
            return f"{str(key).removesuffix('s')} {shown(name)}" if isinstance(name, str) else f"item {index + 1} of `{key}`"
    return ""


def _name_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None  # a short form stands for what the path leads through
    return data.get("name") if isinstance(data, Mapping) else None
