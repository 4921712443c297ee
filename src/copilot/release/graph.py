"""Dependency levels of named things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def levels(depends_on: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The level of each name: 0 for one that depends on nothing, else one more than its deepest dependency.

    Names in the dependency lists that are no key themselves are passed over; a cycle must have been refused before
    (see ``find_cycle``), else this raises ValueError.
    """
    found: dict[str, int] = {}
    remaining = {name: {d for d in deps if d in depends_on} for name, deps in depends_on.items()}
    level = 0
    while remaining:
        ready = [name for name, deps in remaining.items() if deps <= found.keys()]
        if not ready:
            raise ValueError(f"a cycle among {sorted(remaining)}")
        found.update(dict.fromkeys(ready, level))
        for name in ready:
            del remaining[name]
        level += 1
    return found


def find_cycle(depends_on: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """A cycle as the names on it, the first repeated at the end (``("a", "b", "a")``), or None."""
    done: set[str] = set()
    for start in depends_on:
        path: list[str] = []
        pending = [iter((start,))]
        while pending:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                return (*path[path.index(name) :], name)
            elif name in depends_on and name not in done:
                path.append(name)
                pending.append(iter(depends_on[name]))
    return None
