from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.progress import SYMBOLS, Row, State, Tree, told
from copilot.aws.stack_states import waiting
from copilot.aws.stack_values import STACK_TYPE, Stack, StackEvent
from tests.aws.recorded import arn

_STACK = "shop-test-api"
_NESTED = "shop-test-api-AddonsStack-1X"
_DESCRIPTIONS = {
    "Role": "A role for the tasks",
    "AddonsStack": "Your own resources",
    "AddonsStack/Table": "A table",
    "Service": "An ECS service",
}


def _event(logical_id: str, status: str, at: float = 0.0, reason: str | None = None, *, stack: str = _STACK) -> StackEvent:
    return StackEvent(stack, logical_id, f"physical-{logical_id}", "AWS::X::Y", status, reason, at)


def _own(status: str, at: float = 0.0, reason: str | None = None, *, stack: str = _STACK) -> StackEvent:
    return StackEvent(stack, stack, arn(stack), STACK_TYPE, status, reason, at)


def _addons(status: str, at: float = 0.0, reason: str | None = None) -> StackEvent:
    return StackEvent(_STACK, "AddonsStack", arn(_NESTED), STACK_TYPE, status, reason, at)


def _tree(*events: StackEvent, expected: frozenset[str] | None = None) -> Tree:
    tree = Tree(_STACK, _DESCRIPTIONS, expected)
    for event in events:
        tree = tree.after(event)
    return tree


def _states(tree: Tree) -> dict[str, State]:
    return {row.logical_id: row.state for row in tree.rows(100.0)}


def _seconds(value: float) -> str:
    return f"{value:.0f} s"


def _printed(*events: StackEvent) -> list[str]:
    tree, lines = _tree(), []
    for event in events:
        tree, line = told(tree, event, _seconds)
        lines += [line] if line else []
    return lines


def test_a_creation() -> None:
    events = [
        _own("REVIEW_IN_PROGRESS", 0, "User Initiated"),
        _own("CREATE_IN_PROGRESS", 1, "User Initiated"),
        _event("Role", "CREATE_IN_PROGRESS", 2),
        _event("Role", "CREATE_IN_PROGRESS", 3, "Resource creation Initiated"),
        _event("Quiet", "CREATE_IN_PROGRESS", 3),
        _event("Role", "CREATE_COMPLETE", 12),
        _event("Quiet", "CREATE_COMPLETE", 13),
        _addons("CREATE_IN_PROGRESS", 13),
        _own("CREATE_IN_PROGRESS", 14, stack=_NESTED),
        _event("Table", "CREATE_IN_PROGRESS", 15, stack=_NESTED),
    ]
    assert _tree(*events).rows(20.0) == [
        Row(_STACK, _STACK, "in progress", 19.0),
        Row("Role", "A role for the tasks", "done", 10.0, None, 1),
        Row("AddonsStack", "Your own resources", "in progress", 7.0, None, 1),
        Row("Table", "A table", "in progress", 5.0, None, 2),
        Row("Service", "An ECS service", "pending", None, None, 1),
    ]
    ended = _tree(*events, _own("CREATE_COMPLETE", 30))
    assert ended.has_ended
    assert "Service" not in _states(ended)  # a condition of the template left it out


def test_an_update_shows_only_what_is_touched_or_expected() -> None:
    begins = _own("UPDATE_IN_PROGRESS", 1, "User Initiated")
    assert _states(_tree(begins)) == {_STACK: "in progress"}
    assert _states(_tree(begins, expected=frozenset({"Service"}))) == {_STACK: "in progress", "Service": "pending"}
    assert _states(_tree(begins, _event("Role", "UPDATE_COMPLETE")))["Role"] == "done"


def test_a_failure_and_the_way_back() -> None:
    events = [
        _own("UPDATE_IN_PROGRESS", 1),
        _event("Role", "UPDATE_IN_PROGRESS", 2),
        _event("Role", "UPDATE_COMPLETE", 3),
        _event("Service", "UPDATE_IN_PROGRESS", 4),
        _event("Rule", "CREATE_IN_PROGRESS", 4),
        _event("Service", "UPDATE_FAILED", 9, 'Resource handler returned message: "No luck." (RequestToken: 1)'),
        _event("Rule", "CREATE_FAILED", 10, "Resource creation cancelled"),
        _own("UPDATE_ROLLBACK_IN_PROGRESS", 11, "The following resource(s) failed to update: [Service]."),
        _event("Role", "UPDATE_IN_PROGRESS", 12),
        _event("Service", "UPDATE_IN_PROGRESS", 12),
    ]
    assert _tree(*events).rows(20.0) == [
        Row(_STACK, _STACK, "rolling back", 19.0, "The following resource(s) failed to update: [Service]"),
        Row("Role", "A role for the tasks", "rolling back", 8.0, None, 1),
        Row("Service", "An ECS service", "failed", 5.0, "No luck", 1),
    ]
    more = [
        _event("Role", "UPDATE_COMPLETE", 21),
        _event("Service", "UPDATE_COMPLETE", 22),
        _own("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 23),
        _event("Role", "DELETE_IN_PROGRESS", 24),
        _event("Role", "DELETE_COMPLETE", 25),
        _own("UPDATE_ROLLBACK_COMPLETE", 26),
    ]
    assert _states(_tree(*events, *more)) == {_STACK: "failed", "Role": "rolled back", "Service": "failed"}
    assert _printed(*events, *more) == [
        "  ✓ A role for the tasks  1 s",
        "  ✗ An ECS service  5 s  No luck",
        f"◷ {_STACK}  rolling back  10 s  The following resource(s) failed to update: [Service]",
        "  · A role for the tasks  rolled back  9 s",
        f"✗ {_STACK}  25 s",
    ]


def test_a_resource_without_a_description_is_shown_when_it_fails() -> None:
    tree = _tree(
        _own("CREATE_IN_PROGRESS"), _event("Quiet", "CREATE_IN_PROGRESS", 1), _event("Quiet", "CREATE_FAILED", 2, "Quota")
    )
    assert Row("Quiet", "Quiet (AWS::X::Y)", "failed", 1.0, "Quota", 1) in tree.rows(9.0)


def test_inside_of_nested_stacks_too_and_then_with_what_it_is_in() -> None:
    tree = Tree(_STACK, {})
    for event in (
        _own("UPDATE_IN_PROGRESS"),
        _addons("UPDATE_IN_PROGRESS"),
        _event("Quiet", "CREATE_FAILED", 2, "Quota", stack=_NESTED),
    ):
        tree = tree.after(event)
    assert [(row.logical_id, row.depth) for row in tree.rows(9.0)] == [(_STACK, 0), ("AddonsStack", 1), ("Quiet", 2)]


def test_what_was_replaced_is_deleted_without_a_word() -> None:
    events = [
        _own("UPDATE_IN_PROGRESS"),
        _event("Service", "UPDATE_COMPLETE", 5),
        _own("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 6),
        _event("Service", "DELETE_IN_PROGRESS", 7),
        _event("Service", "DELETE_COMPLETE", 8),
        _event("Role", "DELETE_IN_PROGRESS", 8),
        _event("Role", "DELETE_COMPLETE", 9),
        _own("UPDATE_COMPLETE", 10),
    ]
    assert _states(_tree(*events)) == {_STACK: "done", "Role": "deleted", "Service": "done"}
    assert _printed(*events) == ["  ✓ An ECS service  0 s", "  ✓ A role for the tasks  deleted  1 s", f"✓ {_STACK}  10 s"]


def test_waiting_for_someone_else_is_news() -> None:
    other = waiting(Stack(_STACK, arn(_STACK), "UPDATE_IN_PROGRESS"), 500.0)
    assert _printed(other) == [f"◷ {_STACK}  0 s  it is already being updated; waiting until that is done"]
    rows = _tree(other, _own("UPDATE_IN_PROGRESS", 10, "User Initiated"), _own("UPDATE_COMPLETE", 15)).rows(600.0)
    assert rows == [Row(_STACK, _STACK, "done", 5.0)]


def test_a_stack_may_be_called_as_a_resource_in_it() -> None:
    tree = Tree("api", {"api": "A queue"}).after(_own("CREATE_IN_PROGRESS", 1, stack="api"))
    tree = tree.after(_event("api", "CREATE_COMPLETE", 3, stack="api"))
    assert [(row.description, row.state) for row in tree.rows(4.0)] == [("api", "in progress"), ("A queue", "done")]


_STATUSES = st.builds(
    lambda operation, end: f"{operation}_{end}",
    st.sampled_from(["CREATE", "UPDATE", "DELETE"]),
    st.sampled_from(["IN_PROGRESS", "COMPLETE", "FAILED"]),
)
_EVENTS = st.one_of(
    st.builds(
        _event, st.sampled_from(["Role", "Service", "Quiet"]), _STATUSES, st.floats(0, 9), st.sampled_from([None, "Quota"])
    ),
    st.builds(
        lambda name, status, at: _event(name, status, at, stack=_NESTED), st.sampled_from("TU"), _STATUSES, st.floats(0, 9)
    ),
    st.builds(_addons, _STATUSES, st.floats(0, 9)),
    st.builds(
        _own, _STATUSES | st.sampled_from(["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"]), st.floats(0, 9)
    ),
)


@given(st.lists(_EVENTS))
def test_whatever_the_order_of_events_each_resource_has_at_most_one_row(events: list[StackEvent]) -> None:
    tree = _tree(*events)
    rows = tree.rows(10.0)
    names = [(row.depth, row.logical_id) for row in rows]
    assert len(names) == len(set(names))
    assert names[0] == (0, _STACK)
    assert all(row.seconds is None or row.seconds >= 0 for row in rows)
    assert all(row.reason for row in rows if row.state == "failed" and row.depth)


@given(st.lists(_EVENTS))
def test_each_line_is_the_row_of_the_event(events: list[StackEvent]) -> None:
    tree = _tree()
    for event in events:
        tree, line = told(tree, event, _seconds)
        row = tree.row(event)
        assert line is None or (row is not None and line == row.text(_seconds))


@pytest.mark.parametrize("state", SYMBOLS)
def test_rows_as_text(state: State) -> None:
    text = Row("A", "A thing", state, 3.0, "Because", 1).text(_seconds)
    assert text.startswith(f"  {SYMBOLS[state]} A thing  ")
    assert text.endswith("  3 s  Because")
