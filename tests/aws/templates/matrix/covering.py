"""As few combinations of choices as hold every pair of them: most faults show where two options meet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

Pair = tuple[tuple[str, str], tuple[str, str]]


def covering(factors: Mapping[str, Sequence[str]], impossible: Collection[Pair] = ()) -> list[dict[str, str]]:
    """Rows that choose one option for each factor, such that each pair of options of two factors is in one of them.

    The rows are the same each time. The first has the first option of each factor. Impossible pairs, each in the order of
    the factors, are in none; whatever is chosen for some factors must leave something for the others.
    """
    missing = dict.fromkeys(
        ((one, left), (other, right))
        for one, other in combinations(factors, 2)
        for left in factors[one]
        for right in factors[other]
        if ((one, left), (other, right)) not in impossible
    )
    rows = [{factor: options[0] for factor, options in factors.items()}]
    while missing:
        for pair in list(_pairs(rows[-1], factors)):
            missing.pop(pair, None)
        if missing:
            rows.append(_row(next(iter(missing)), factors, missing, impossible))
    return rows


def _row(
    first: Pair, factors: Mapping[str, Sequence[str]], missing: Mapping[Pair, None], impossible: Collection[Pair]
) -> dict[str, str]:
    row = dict(first)
    for factor, options in factors.items():
        if factor not in row:
            possible = [each for each in options if not _pairs({**row, factor: each}, factors) & set(impossible)]
            row[factor] = max(possible, key=lambda option: len(missing.keys() & _pairs({**row, factor: option}, factors)))
    return {factor: row[factor] for factor in factors}


def _pairs(row: Mapping[str, str], factors: Mapping[str, Sequence[str]]) -> set[Pair]:
    chosen = [(factor, row[factor]) for factor in factors if factor in row]
    return set(combinations(chosen, 2))
