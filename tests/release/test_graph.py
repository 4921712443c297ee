from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.release.graph import find_cycle, levels

NAMES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NAMES, st.lists(NAMES, max_size=3))


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    names = draw(st.lists(st.sampled_from("abcdefghij"), unique=True))
    return {name: draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [] for i, name in enumerate(names)}


@given(acyclic())
def test_a_level_is_one_more_than_the_deepest_dependency(graph: dict[str, list[str]]) -> None:
    found = levels(graph)
    assert found.keys() == graph.keys()
    for name, dependencies in graph.items():
        assert found[name] == max((found[d] + 1 for d in dependencies), default=0)
    assert find_cycle(graph) is None


@given(GRAPHS)
def test_a_graph_has_a_cycle_or_levels(graph: dict[str, list[str]]) -> None:
    cycle = find_cycle(graph)
    if cycle is None:
        levels(graph)
        return
    assert cycle[0] == cycle[-1]
    assert len(set(cycle)) == len(cycle) - 1
    for name, dependency in itertools.pairwise(cycle):
        assert dependency in graph[name]
    with pytest.raises(ValueError, match="cycle"):
        levels(graph)


def test_the_cycle_is_named_in_the_order_of_the_dependencies() -> None:
    assert find_cycle({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}) == ("a", "b", "c", "a")


def test_a_diamond_is_no_cycle() -> None:
    assert levels({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}) == {"a": 0, "b": 1, "c": 1, "d": 2}
