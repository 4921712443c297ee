"""The course of an operation on a stack as a tree, for a live view in a terminal or lines in a pipe.

All pure. A live view keeps a `Tree`, adds each event that it is told (``watch`` of `Stacks.execute`) with `Tree.after`, and
draws `Tree.rows` several times a second, as durations go on between events. A pipe gets the line that `told` has for an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from copilot.aws.stack_failures import is_failure, plain
from copilot.aws.stack_values import STACK_TYPE, StackEvent, name_in_arn

State = Literal["pending", "in progress", "done", "failed", "cancelled", "rolling back", "rolled back", "deleted"]

SYMBOLS: Mapping[State, str] = {
    "pending": "·",
    "in progress": "◷",
    "done": "✓",
    "failed": "✗",
    "cancelled": "·",
    "rolling back": "◷",
    "rolled back": "·",
    "deleted": "✓",
}

_RUNNING = frozenset({"in progress", "rolling back"})
_USUAL = frozenset({"User Initiated", "Resource creation Initiated", "Resource update Initiated"})
_Place = tuple[str, str]
"""The name of a stack, and the logical ID of a resource in it; `_ITSELF` for the stack."""

_ITSELF = ""


@dataclass(frozen=True)
class Row:
    """A resource, or the stack itself, at one moment.

    Attributes:
        logical_id: The resource's name in its template; the stack's name for the stack itself.
        description: What it is, in a few words; its type if its template does not say.
        state: What is going on with it.
        seconds: How long that has taken, or took; None if it has not begun.
        reason: Why it failed, or what it waits for; None if there is nothing to say.
        depth: 0 for the stack itself, 1 for what is in it, 2 for what is in a stack nested in it, and so on.
    """

    logical_id: str
    description: str
    state: State
    seconds: float | None = None
    reason: str | None = None
    depth: int = 0

    def text(self, duration: Callable[[float], str]) -> str:
        """The row as one line without colours; ``duration`` says a number of seconds in words."""
        words = [self.description]
        if self.state in {"cancelled", "rolling back", "rolled back", "deleted"}:
            words.append(self.state)
        if self.seconds is not None:
            words.append(duration(self.seconds))
        if self.reason:
            words.append(self.reason)
        return f"{'  ' * self.depth}{SYMBOLS[self.state]} {'  '.join(words)}"


@dataclass(frozen=True)
class _Life:
    """What is known of one resource. Times are AWS's, in seconds since the epoch."""

    type: str
    state: State = "pending"
    began: float | None = None
    ended: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Tree:
    """What has happened in a stack so far.

    Attributes:
        stack: Name of the stack.
        descriptions: What its resources are, by logical ID (`templates.rendering.descriptions`); those in a nested stack by
            ``<the nested stack's logical ID>/<logical ID>``. A resource without a description is shown only if it fails.
        expected: Logical IDs of the resources that something will be done to, as far as that is known: they are pending until
            it begins. None: all that have a description when the stack is created, else none.
    """

    stack: str
    descriptions: Mapping[str, str]
    expected: frozenset[str] | None = None
    _lives: Mapping[_Place, _Life] = field(default_factory=dict)
    _nested: Mapping[str, _Place] = field(default_factory=dict)
    _phases: Mapping[str, str] = field(default_factory=dict)

    def after(self, event: StackEvent) -> Tree:
        """The tree with one more event, in the order in which they are told."""
        if event.of_stack_itself:
            return self._after_own(event)
        place = _place(event)
        nested = self._nested
        if event.type == STACK_TYPE and event.physical_id:
            nested = {**nested, name_in_arn(event.physical_id): place}
        known = self._lives.get(place, _Life(event.type))
        return replace(self, _lives={**self._lives, place: _lived(known, event, self._phase(event.stack))}, _nested=nested)

    def rows(self, now: float) -> list[Row]:
        """The stack itself first, then what is in it in the order of the template. ``now`` is in seconds since the epoch."""
        return [row for _, row in self._shown(now)]

    def row(self, event: StackEvent) -> Row | None:
        """The row of what an event is about, at the moment of the event; None if it is not shown."""
        return next((row for place, row in self._shown(event.at) if place == _place(event)), None)

    @property
    def has_ended(self) -> bool:
        """Whether the operation is over."""
        return self._own().ended is not None

    def _after_own(self, event: StackEvent) -> Tree:
        lives, place = self._lives, _place(event)
        begins = event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}
        if begins and event.stack == self.stack:
            lives = {}
        life = _own_life(lives.get(place), event)
        return replace(self, _lives={**lives, place: life}, _phases={**self._phases, event.stack: event.status})

    def _phase(self, stack: str) -> str:
        """What is being done to a stack; a nested one is rolled back with the one it is in, which alone says so."""
        whole = self._phases.get(self.stack, "")
        return whole if "ROLLBACK" in whole else self._phases.get(stack, whole)

    def _own(self) -> _Life:
        return self._lives.get((self.stack, _ITSELF), _Life(STACK_TYPE))

    def _shown(self, now: float) -> Iterator[tuple[_Place, Row]]:
        yield (self.stack, _ITSELF), _row(self.stack, self.stack, self._own(), now, 0)
        yield from self._inside(self.stack, "", now, 1)

    def _inside(self, stack: str, prefix: str, now: float, depth: int) -> Iterator[tuple[_Place, Row]]:
        described = [key.removeprefix(prefix) for key in self.descriptions if key.startswith(prefix)]
        told = [logical_id for name, logical_id in self._lives if name == stack and logical_id != _ITSELF]
        for logical_id in dict.fromkeys([*(one for one in described if "/" not in one), *told]):
            description = self.descriptions.get(prefix + logical_id)
            life = self._lives.get((stack, logical_id))
            inside = self._nested_rows(stack, logical_id, prefix, now, depth)
            if life is None:
                if stack == self.stack and self._is_expected(logical_id):
                    yield (stack, logical_id), Row(logical_id, description or logical_id, "pending", depth=depth)
            elif description or life.state == "failed" or inside:
                yield (stack, logical_id), _row(logical_id, description or f"{logical_id} ({life.type})", life, now, depth)
            yield from inside

    def _nested_rows(self, stack: str, logical_id: str, prefix: str, now: float, depth: int) -> list[tuple[_Place, Row]]:
        names = [name for name, place in self._nested.items() if place == (stack, logical_id) and name != stack]
        return [row for name in names for row in self._inside(name, f"{prefix}{logical_id}/", now, depth + 1)]

    def _is_expected(self, logical_id: str) -> bool:
        if self.has_ended:
            return False
        if self.expected is not None:
            return logical_id in self.expected
        return self._phases.get(self.stack, "").startswith("CREATE")


def told(tree: Tree, event: StackEvent, duration: Callable[[float], str]) -> tuple[Tree, str | None]:
    """The tree with one more event, and the line that tells of it where nothing can be redrawn.

    There is one line for each resource when it is finished, and one for the stack when there is news of it.
    """
    after, place = tree.after(event), _place(event)
    row = after.row(event)
    if row is None or after._lives.get(place) == tree._lives.get(place):  # noqa: SLF001 - of this module
        return after, None
    is_news = row.reason is not None or after.has_ended if event.of_stack_itself else row.state not in _RUNNING
    return after, row.text(duration) if is_news else None


def _place(event: StackEvent) -> _Place:
    return event.stack, _ITSELF if event.of_stack_itself else event.logical_id


def _own_life(known: _Life | None, event: StackEvent) -> _Life:
    running = event.status.endswith("_IN_PROGRESS")
    rolled = "ROLLBACK" in event.status
    began = event.at if known is None or known.began is None else known.began
    state: State = "failed" if rolled or event.status.endswith("_FAILED") else "done"
    if running:
        state = "rolling back" if rolled else "in progress"
    elif event.status == "DELETE_COMPLETE":
        state = "deleted"
    reason = plain(event.reason) if event.reason and event.reason not in _USUAL else None
    return _Life(STACK_TYPE, state, began, None if running else event.at, reason)


def _lived(known: _Life, event: StackEvent, phase: str) -> _Life:
    """What becomes of a resource by an event, while this is done to the stack."""
    if known.state == "failed" or _is_about_predecessor(known, event, phase):
        return known
    began = event.at if known.began is None else known.began
    if is_failure(event):
        return replace(known, state="failed", began=began, ended=event.at, reason=plain(event.reason))
    if event.status.endswith("_FAILED"):
        return replace(known, state="cancelled", began=began, ended=event.at)
    back = "ROLLBACK" in phase
    if event.status.endswith("_IN_PROGRESS"):
        state: State = "rolling back" if back else "in progress"
        goes_on = known.state == state and known.began is not None
        return replace(known, state=state, began=known.began if goes_on else event.at, ended=None)
    if event.status == "DELETE_COMPLETE":
        return replace(known, state="deleted", began=began, ended=event.at)
    return replace(known, state="rolled back" if back else "done", began=began, ended=event.at)


def _is_about_predecessor(known: _Life, event: StackEvent, phase: str) -> bool:
    """Whether it is about the resource that one was replaced with, or by: CloudFormation deletes that in the end."""
    if not event.status.startswith("DELETE_") or "CLEANUP" not in phase:
        return False
    return known.state == "rolled back" if "ROLLBACK" in phase else known.state == "done"


def _row(logical_id: str, description: str, life: _Life, now: float, depth: int) -> Row:
    seconds = None if life.began is None else max(0.0, (now if life.ended is None else life.ended) - life.began)
    return Row(logical_id, description, life.state, seconds, life.reason, depth)
