"""Overrides for single environments, and the two names that a workload manifest may hold placeholders for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from copilot.errors import KeyPath
from copilot.manifest.faults import Fault, bad_value, faults_of
from copilot.manifest.scalars import Name
from copilot.manifest.scaling import TARGETS
from copilot.manifest.section import Section
from copilot.manifest.values import Written, kind_of

_OVERRIDES = "environments"
_SAME_EVERYWHERE = ("name", "type", _OVERRIDES)
_PLACEHOLDER = re.compile(r"\\?\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET = (frozenset({"secretsmanager"}), frozenset({"from_cfn"}))
_IMAGE = (frozenset({"build"}), frozenset({"location"}))
_ALTERNATIVES = (
    (("image",), *_IMAGE),
    (("sidecars", "*", "image"), *_IMAGE),
    (("count",), frozenset({"spot"}), frozenset({"range", "cooldown", *TARGETS})),
    (("storage", "volumes", "*", "efs"), frozenset({"uid", "gid"}), frozenset({"id", "root_dir", "auth"})),
    (("secrets", "*"), *_SECRET),
    (("sidecars", "*", "secrets", "*"), *_SECRET),
    (("logging", "secretOptions", "*"), *_SECRET),
)
"""Mappings with keys that exclude each other; ``*`` is any name."""
PLACEHOLDERS = ("COPILOT_APPLICATION_NAME", "COPILOT_ENVIRONMENT_NAME")


class _Filled(str):
    """Text in which placeholders are filled in; ``${...}`` in it is meant so."""

    __slots__ = ()


def _override(value: Any) -> Any:
    if isinstance(value, Written) and value.value is None:
        return {}
    if not isinstance(value, Mapping):
        raise bad_value(f"must be a mapping of keys to values, not {kind_of(value)}")
    return value


class Overridable(Section):
    """A manifest whose values may differ between environments.

    Every override is checked as part of the manifest, by applying it: a manifest that was loaded can be resolved for each of
    its environments.
    """

    environments: dict[Name, Annotated[dict[str, Any], BeforeValidator(_override)]] = Field(
        default_factory=dict,
        description="What differs in single environments. Mappings are merged with those above; other values replace them.",
    )

    _written: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_what_was_written(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        model = handler(data)
        if isinstance(data, Mapping):
            model._written = dict(data)  # noqa: SLF001 - its own class sets it, once
        return model

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Overrides fit, and placeholders are known."""
        yield from placeholder_faults(data)
        overrides = data.get(_OVERRIDES)
        if not isinstance(overrides, Mapping):
            return
        base = {key: value for key, value in data.items() if key != _OVERRIDES}
        known = set(cls._faults(base))
        for environment, override in overrides.items():
            if isinstance(override, Mapping):
                at = (_OVERRIDES, environment)
                yield from (replace(f, path=at + f.path) for f in cls._override_faults(base, override, known))

    @classmethod
    def _override_faults(cls, base: Mapping[str, Any], override: Mapping[str, Any], known: set[Fault]) -> Iterable[Fault]:
        for key in _SAME_EVERYWHERE:
            if key in override:
                yield Fault((key,), "sentence", f"`{key}` cannot be overridden", "remove it here", "key")
        changes = {key: value for key, value in override.items() if key not in _SAME_EVERYWHERE}
        for fault in cls._faults(merged(base, changes)):
            depth, innermost = _reached(changes, fault.path)
            if depth == len(fault.path) or not isinstance(innermost, (Mapping, list)):
                yield fault
            elif fault not in known:
                # The values clash only now that both are there: point at the part of the override that is nearest.
                yield fault if fault.kind == "missing" else replace(fault, path=fault.path[:depth], at="key")

    @classmethod
    def _faults(cls, data: Mapping[str, Any]) -> list[Fault]:
        try:
            cls.model_validate(data)
        except ValidationError as error:
            return faults_of(error)
        return []

    def written_at(self, environment: str, path: KeyPath) -> KeyPath:
        """Where the value at a path is written that holds in an environment: in the overrides for it, or above them."""
        override = self.environments.get(environment, {})
        return (_OVERRIDES, environment, *path) if _reached(override, path)[0] == len(path) else path

    def resolved(self, environment: str, application: str | None = None) -> Self:
        """The manifest as it is in one environment, without overrides. Given the application, placeholders are filled in."""
        base = {key: value for key, value in self._written.items() if key != _OVERRIDES}
        data = merged(base, self.environments.get(environment, {}))
        if application is not None:
            data = filled(data, application, environment)
        return type(self).model_validate(data)


def merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with an override applied as AWS Copilot does: mappings are merged, other values replaced.

    What excludes each other takes each other's place: an overridden ``image.location`` that of ``image.build``, and so on.
    """
    return _merged(base, override, ())


def _merged(base: Mapping[str, Any], override: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    result = dict(base)
    for one, other in _alternatives(path):
        for given, replaced in ((one, other), (other, one)):
            if given & override.keys() and not replaced & override.keys():
                result = {key: value for key, value in result.items() if key not in replaced}
    for key, value in override.items():
        below = base.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = _merged(below, value, (*path, str(key)))
        else:
            result[key] = value
    return result


def _alternatives(path: tuple[str, ...]) -> Iterable[tuple[frozenset[str], frozenset[str]]]:
    """The keys of a mapping that exclude each other, one set the other."""
    for pattern, one, other in _ALTERNATIVES:
        if len(pattern) == len(path) and all(part in ("*", name) for part, name in zip(pattern, path, strict=True)):
            yield one, other


def _reached(data: Any, path: KeyPath) -> tuple[int, Any]:
    """How many parts of a path exist in the data, and what is there."""
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (LookupError, TypeError):
            return depth, data
    return len(path), data


def placeholder_faults(data: Any, path: KeyPath = ()) -> Iterable[Fault]:
    """A fault for each placeholder without a value."""
    if isinstance(data, str) and not isinstance(data, _Filled):
        for match in _PLACEHOLDER.finditer(data):
            if match[1] not in PLACEHOLDERS and not match[0].startswith("\\"):
                known = " and ".join(f"`${{{name}}}`" for name in PLACEHOLDERS)
                hint = f"known are {known}; write `\\{match[0]}` to keep it as text"
                yield Fault(path, "sentence", f"there is no value for `{match[0]}`", hint)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from placeholder_faults(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from placeholder_faults(value, (*path, index))


def filled(data: Any, application: str, environment: str) -> Any:
    """Data with the names in place of their placeholders. Text with one that has no value stays as it is."""
    return _filled(data, dict(zip(PLACEHOLDERS, (application, environment), strict=True)))


def _filled(data: Any, values: Mapping[str, str]) -> Any:
    if isinstance(data, _Filled):
        return data
    if isinstance(data, str):
        if any(placeholder_faults(data)):
            return data
        return _Filled(_PLACEHOLDER.sub(lambda m: m[0][1:] if m[0].startswith("\\") else values[m[1]], data))
    if isinstance(data, Mapping):
        return {key: _filled(value, values) for key, value in data.items()}
    return [_filled(value, values) for value in data] if isinstance(data, list) else data
