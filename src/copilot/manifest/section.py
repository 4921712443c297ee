"""The base of every model of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticOmit

from copilot.manifest.faults import Fault, bad_value, faults_of, raised, suggestion
from copilot.manifest.values import kind_of, plain

T = TypeVar("T")


class NoKey:
    """Marks a field that cannot be written in a file."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """It is not part of the JSON Schema."""
        raise PydanticOmit


def checked(adapter: TypeAdapter[T], value: Any) -> T:
    """A value as a type has it, for a validator of one of several forms to return. Raises PydanticCustomError with its faults."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise raised(faults_of(error)) from None


class Section(BaseModel):
    """A mapping of a manifest. Unknown keys are refused, and everything wrong in it is found in one pass.

    Subclasses may set:

    * ``unsupported``: keys that AWS Copilot or CodeBuild define and this tool does not read yet.
    * ``hints``: what to write for a required key that is missing.

    A field with `NoKey` holds what a short form says, such as the number in ``count: 2``.
    """

    # Building all models of all files takes longer than a command that reads one of them.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    unsupported: ClassVar[frozenset[str]] = frozenset()
    hints: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Faults that concern several keys, read off unvalidated data so that they are found next to all others."""
        del data
        return ()

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys as they are written in the file."""
        fields = cls.model_fields.items()
        return tuple(f.alias or name for name, f in fields if not any(isinstance(m, NoKey) for m in f.metadata))

    @model_validator(mode="wrap")
    @classmethod
    def _find_all_faults(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, cls):
            return handler(data)
        if not isinstance(data, Mapping):
            raise bad_value(
                "has no value" if plain(data) is None else f"must be a mapping of keys to values, not {kind_of(data)}"
            )
        known = cls.keys()
        faults = [cls._unknown(key) for key in data if key not in known]
        faults += cls.rules(data)
        try:
            model = handler({key: value for key, value in data.items() if key in known})
        except ValidationError as error:
            # A misspelt key is one mistake: it is not reported as missing as well.
            meant = {(fault.suggests,) for fault in faults}
            faults += [cls._hinted(f) for f in faults_of(error) if not (f.kind == "missing" and f.path in meant)]
        if faults:
            raise raised(faults)
        return model

    @classmethod
    def _hinted(cls, fault: Fault) -> Fault:
        if fault.kind == "missing" and len(fault.path) == 1 and fault.hint is None:
            return replace(fault, hint=cls.hints.get(str(fault.path[0])))
        return fault

    @classmethod
    def _unknown(cls, key: Any) -> Fault:
        if key in cls.unsupported:
            return Fault((key,), "unsupported", at="key")
        known = suggestion(str(key), [*cls.keys(), *cls.unsupported])
        hint = f"did you mean `{known}`?" if known else None
        if known in cls.unsupported:
            hint = f"did you mean `{known}`? It is not supported yet"
        return Fault((key,), "unknown", hint=hint, at="key", suggests=known)
