"""Which pushes a pipeline's ``source.paths`` lets through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wcmatch import glob

# The same on every system: case counts, and a name that starts with a dot is like any other.
_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.BRACE | glob.FORCEUNIX


def matches(paths: Iterable[str], patterns: Sequence[str]) -> bool:
    """Whether any of the paths matches any of the globs.

    ``*`` stays within a folder, ``**`` crosses folders, ``{a,b}`` is either, and ``folder/`` is all that is below it.

    Args:
        paths: Relative to the repository's top level.
        patterns: As in ``source.paths``.
    """
    expanded = [f"{pattern}**" if pattern.endswith("/") else pattern for pattern in patterns]
    return any(glob.globmatch(path, expanded, flags=_FLAGS) for path in paths)
