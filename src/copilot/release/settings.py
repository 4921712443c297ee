"""What differs between the settings of two releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from copilot.release.description import ReleaseDescription

_NOT_SETTINGS = {"application", "environment", "workload", "image", "revision"}
_NOTHING = "—"


def changed_settings(before: ReleaseDescription, after: ReleaseDescription) -> tuple[tuple[str, str, str], ...]:
    """Settings that differ, as (name, before, after); ``—`` where there is none.

    Settings inside of others are listed one by one: ``routing.path``, ``variables.LOG_LEVEL``, ``sidecars.proxy.port``.
    """
    old, new = dict(_settings(before)), dict(_settings(after))
    names = [*new, *(name for name in old if name not in new)]
    changes = ((name, old.get(name, _NOTHING), new.get(name, _NOTHING)) for name in names)
    return tuple((name, then, now) for name, then, now in changes if then != now)


def _settings(description: ReleaseDescription) -> Iterator[tuple[str, str]]:
    for field in fields(ReleaseDescription):
        if field.name not in _NOT_SETTINGS:
            yield from _flat(field.name, getattr(description, field.name))


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A setting by its name, or what is in it by their names."""
    if value is None or value in ((), {}):
        return
    if is_dataclass(value):
        for field in fields(value):
            if name.startswith(("volumes.", "sidecars.")) and field.name == "name":
                continue  # it stands in the setting's name
            yield from _flat(f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{name}.{key}", each)
    elif isinstance(value, tuple) and any(is_dataclass(each) for each in value):
        for each in value:
            yield from _flat(f"{name}.{getattr(each, 'name', '')}", each)
    else:
        yield name, " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
