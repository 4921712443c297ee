"""What a YAML document holds, as plain Python, except that numbers and booleans keep their spelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """A number, true/false or nothing as a YAML document has it, with its spelling: as text, ``1.10`` is not ``1.1``."""

    value: bool | int | float | None
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


def plain(value: Any) -> Any:
    """A value with every `Written` in it replaced by what it stands for."""
    if isinstance(value, Written):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)  # a placeholder that was filled in marks its text with a class of its own
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def kind_of(value: Any) -> str:
    """What a value of a YAML document is, for a person."""
    value = plain(value)
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def shown(value: Any) -> str:
    """A value as a message quotes it: itself if it is short and simple, else what kind it is."""
    if isinstance(value, (str, int, float, Written)) and len(str(value)) <= 60 and str(value).isprintable():
        return f"`{value}`" if str(value) else "empty"
    return kind_of(value)
