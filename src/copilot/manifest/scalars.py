"""The types of single values. Where text is wanted, a number or true/false is taken as it was written."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from copilot.manifest.faults import bad_value
from copilot.manifest.names import action_name_fault, name_fault
from copilot.manifest.values import Written, kind_of, plain

# What AWS Copilot's YAML library takes for true and false where it wants one of them.
_YES_NO = {"y": True, "Y": True, "yes": True, "on": True, "n": False, "N": False, "no": False, "off": False}
_DURATION = re.compile(
    r"(?:(?P<h>[0-9]{1,6}(?:\.[0-9]{1,6})?)h)?(?:(?P<m>[0-9]{1,6}(?:\.[0-9]{1,6})?)m)?(?:(?P<s>[0-9]{1,6}(?:\.[0-9]{1,6})?)s)?(?:(?P<ms>[0-9]{1,9})ms)?"
)
_SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}


def _refuse_nothing(value: Any) -> None:
    if isinstance(value, Written) and value.value is None:
        raise bad_value("has no value", "give it one, or remove the line")


def _any_text(value: Any) -> str:
    _refuse_nothing(value)
    if isinstance(value, str) and "\0" in value:
        # No argument, variable or file name can hold it.
        raise bad_value("must not contain the character U+0000")
    if isinstance(value, str):
        return value
    if isinstance(value, Written):
        return value.text
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    raise bad_value(f"must be text, not {kind_of(value)}")


def _text(value: str) -> str:
    if not value.strip():
        raise bad_value("must not be empty")
    return value


def _whole(value: Any) -> int:
    _refuse_nothing(value)
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int):
        hint = "remove the quotes" if isinstance(value, str) and re.fullmatch(r"\d+", value) else None
        raise bad_value(f"must be a whole number, not {kind_of(value)}", hint)
    return value


def flag_of(value: Any) -> bool | None:
    """What a value that is not validated yet means where true or false is wanted; None if it is neither."""
    value = plain(value)
    if isinstance(value, str):
        return _YES_NO.get(value)
    return value if isinstance(value, bool) else None


def _flag(value: Any) -> bool:
    _refuse_nothing(value)
    flag = flag_of(value)
    if flag is None:
        raise bad_value(f"must be true or false, not {kind_of(value)}")
    return flag


def _command(value: Any) -> Any:
    if isinstance(value, dict):
        raise bad_value("must be text, not a mapping", "put the whole command in quotes: YAML takes `: ` for a key and its value")
    return value


def _file_path(value: str) -> str:
    if not value.isprintable():
        raise bad_value("must not contain control characters")
    if value.startswith("-"):
        raise bad_value("must not begin with a hyphen", "write `./` in front of it")
    return value


def _arguments(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise bad_value(f"cannot be split into arguments: {str(error).lower()}") from None


def parse_duration(text: str) -> float | None:
    """The seconds of a length of time as Go writes it, such as ``1m30s``; None if it is something else."""
    match = _DURATION.fullmatch(text) if text else None
    if match is None:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for unit, number in match.groupdict(default="0").items())
    return round(seconds, 3)


def _duration(value: Any) -> float:
    _refuse_nothing(value)
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None:
        number = isinstance(plain(value), int) and not isinstance(plain(value), bool)
        raise bad_value("must be a duration, such as `10s` or `1m30s`", f"did you mean `{value}s`?" if number else None)
    return seconds


def _written_duration(seconds: float) -> str:
    return f"{seconds:g}s" if seconds < 1e6 else f"{seconds:.0f}s"


def _variable_name(value: str) -> str:
    wrong = re.search(r"[=\s\x00-\x1f\x7f]", value)
    if not value:
        raise bad_value("must not be empty")
    if wrong:
        raise bad_value("must not contain spaces, control characters or `=`: it is the name of an environment variable")
    return value


def _choice(value: Any) -> Any:
    _refuse_nothing(value)
    return value.text if isinstance(value, Written) else value


def _action_name(value: str) -> str:
    fault = action_name_fault(value)
    if fault:
        raise bad_value(fault, "allowed are letters, digits and `.`, `@`, `-`, `_`")
    return value


def _name(value: str) -> str:
    fault = name_fault(value)
    if fault:
        raise bad_value(fault.removeprefix(f"`{value}` "), "use lowercase letters, digits and single hyphens, such as `my-shop`")
    return value


def _word(value: str) -> str:
    wrong = re.search(r"[\s\x00-\x1f\x7f-\x9f]", value)
    if wrong:
        raise bad_value("must not contain spaces or control characters")
    if value.startswith("-"):
        raise bad_value("must not begin with a hyphen")
    return value


class Or:
    """Marks a mapping or list that has a short form, for the JSON Schema. The argument is the schema of the short form."""

    def __init__(self, short: JsonSchemaValue) -> None:
        self._short = short

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either of both."""
        inner = handler(core_schema)
        return {"anyOf": [self._short, *(inner["anyOf"] if inner.keys() == {"anyOf"} else [inner])]}


class OrText(Or):
    """Marks a mapping or list that may also be written as one text, for the JSON Schema."""

    def __init__(self) -> None:
        super().__init__({"type": "string"})


AnyText = Annotated[str, BeforeValidator(_any_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Text that may be empty."""

Text = Annotated[AnyText, AfterValidator(_text), Field(json_schema_extra={"minLength": 1})]
"""Text that says something."""

Word = Annotated[Text, AfterValidator(_word)]
"""Text that is safe as one argument of a program: no spaces or control characters, and no hyphen in front."""

ActionName = Annotated[AnyText, AfterValidator(_action_name), Field(json_schema_extra={"pattern": r"^[A-Za-z0-9.@\-_]{1,100}$"})]
"""The name of a pipeline or an action."""

Name = Annotated[AnyText, AfterValidator(_name), Field(json_schema_extra={"pattern": "^[a-z][a-z0-9-]*$", "maxLength": 40})]
"""The name of an application, an environment or a workload."""

FilePath = Annotated[Text, AfterValidator(_file_path)]
"""A path that no program takes for an option."""

Arguments = Annotated[
    tuple[AnyText, ...],
    BeforeValidator(_arguments),
    OrText(),
]
"""A command line: one text, split as a shell splits it, or a list of arguments."""

Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(_written_duration, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["10s", "1m30s"]}),
]
"""A length of time, in seconds."""

Command = Annotated[Text, BeforeValidator(_command)]
"""A shell command."""

VariableName = Annotated[str, AfterValidator(_variable_name)]
"""The name of an environment variable."""

Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number."""

WholeChoice = BeforeValidator(_whole)
"""Goes in front of a ``Literal`` of whole numbers."""

Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"enum": [True, False, "yes", "no", "on", "off"]})]
"""True or false; also ``yes``, ``no``, ``on`` and ``off``, as AWS Copilot takes them."""

Choice = BeforeValidator(_choice)
"""Goes in front of a ``Literal`` of texts."""
