"""Changing stacks while a person looks on: what would change, a live tree of what happens, how it ended."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from copilot.cli import _ask
from copilot.cli._output import OK, bold, dim, duration, fit, green, out, progress, red, say, yellow

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.aws.difference_lines import Line
    from copilot.aws.progress import Row
    from copilot.aws.stack_values import StackEvent, Watch
    from copilot.aws.stacks import Explain, Proposal, StackRequest, Stacks

Outcome = Literal["created", "updated", "unchanged", "declined", "begun"]

_FRAMES_PER_SECOND = 4
_ROWS_KEPT = 2
"""Lines of the terminal that the tree leaves free."""
_PAINT: Mapping[str, Callable[[str], str]] = {
    "done": green,
    "failed": red,
    "in progress": yellow,
    "rolling back": yellow,
    "rolled back": yellow,
    "pending": dim,
    "cancelled": dim,
    "deleted": dim,
}
_LINE_PAINT: Mapping[str, Callable[[str], str]] = {"add": green, "remove": red, "replace": red, "modify": yellow, "same": dim}


@dataclass(frozen=True)
class Wish:
    """How a person wants a stack changed.

    Attributes:
        diff: Show what would change, and ask before it is changed.
        yes: Do not ask.
        detach: Do not wait until it is done.
    """

    diff: bool = False
    yes: bool = False
    detach: bool = False


def change_stack(
    stacks: Stacks, request: StackRequest, wish: Wish, *, clear_failed: bool = False, explain: Explain | None = None
) -> Outcome:
    """Propose what a stack is to be, show it if that is wanted, and have it made.

    Args:
        stacks: Where the stack is.
        request: What it is to be.
        wish: How.
        clear_failed: As in `Stacks.propose`.
        explain: As in `Stacks.execute`.

    Raises:
        DeploymentError: It failed; the message has the first cause.
        UsageError: There is something to ask, and no terminal to ask on.
    """
    with progress(f"Working out what changes in {request.name}"):
        proposal = stacks.propose(request, waits, clear_failed=clear_failed)
    if proposal is None:
        return "unchanged"
    with proposal:
        if wish.diff:
            show_difference(stacks, proposal)
            if not wish.yes and not _ask.confirm(f"Change {request.name} like this?", flag="--diff-yes"):
                return "declined"
        if wish.detach:
            stacks.begin(proposal)
            return "begun"
        with watching(request.name, request.template) as watch:
            stacks.execute(proposal, watch, **({"explain": explain} if explain else {}))
        return "created" if proposal.creates else "updated"


def waits(event: StackEvent) -> None:
    """Say, while changes are proposed, that another operation must end first, or that a stack that failed is deleted."""
    if event.of_stack_itself and event.reason:
        say(dim(f"  {event.stack}: {event.reason}"))


def show_difference(stacks: Stacks, proposal: Proposal) -> bool:
    """Print what a proposal changes, in the template's order; the answer is whether it is anything."""
    from copilot.aws.difference_lines import lines_of
    from copilot.aws.differences import difference, marked
    from copilot.aws.templates.reading import read_template
    from copilot.aws.templates.rendering import descriptions

    request = proposal.request
    stack = None if proposal.creates else stacks.find(request.name)
    before = read_template(stacks.template(request.name)) if stack is not None else {}
    after = read_template(request.template)
    found = marked(difference(before, after, stack.parameters if stack else {}, request.parameters), proposal.changes)
    for line in lines_of(found, descriptions(after)):
        out(_painted(line))
    return bool(found)


def _painted(line: Line) -> str:
    text = str(line)
    indent = len(text) - len(text.lstrip())
    return text[:indent] + _LINE_PAINT[line.kind](text[indent:])


@contextmanager
def watching(stack: str, template: str | None = None) -> Iterator[Watch]:
    """Show an operation on a stack: on a terminal a tree that is redrawn, else a line for each thing that is done.

    Whoever stops looking is told that AWS does not stop.
    """
    try:
        with _watching(stack, template) as watch:
            yield watch
    except KeyboardInterrupt:
        say(f"AWS goes on with what it has begun in {stack}. Run the same command again to see how it ends.")
        raise


@contextmanager
def _watching(stack: str, template: str | None) -> Iterator[Watch]:
    from copilot.aws.progress import Tree, told
    from copilot.aws.templates.reading import read_template
    from copilot.aws.templates.rendering import descriptions

    known = descriptions(read_template(template)) if template else {}
    tree = Tree(stack, known)
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        say(f"{stack} …")

        def line(event: StackEvent) -> None:
            nonlocal tree
            tree, text = told(tree, event, duration)
            if text is not None:
                say(text)

        yield line
        return
    with _live(lambda: tree.rows(time.time())):

        def add(event: StackEvent) -> None:
            nonlocal tree
            tree = tree.after(event)

        yield add


@contextmanager
def _live(rows: Callable[[], list[Row]]) -> Iterator[None]:
    """Draw rows again and again until the end, when they stay."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stderr, highlight=False)

    def picture(most: int | None) -> Text:
        shown = rows()
        if most is not None and len(shown) > most:
            # What goes on matters more than what is done or has not begun.
            shown = [shown[0], *[row for row in shown[1:] if row.state not in {"done", "pending"}]][:most]
        return Text.from_ansi(fit("\n".join(_row(row) for row in shown), sys.stderr), no_wrap=True)

    ended = threading.Event()
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def draw() -> None:
            while not ended.wait(1 / _FRAMES_PER_SECOND):
                live.update(picture(console.height - _ROWS_KEPT), refresh=True)

        drawing = threading.Thread(target=draw, daemon=True)
        drawing.start()
        try:
            yield
        finally:
            ended.set()
            drawing.join()
            live.update(picture(None), refresh=True)


def _row(row: Row) -> str:
    text = row.text(duration)
    indent = len(text) - len(text.lstrip())
    return text[:indent] + _PAINT[row.state](text[indent]) + text[indent + 1 :]


def plain_watch(event: StackEvent) -> None:
    """A line for each stack, or region of a StackSet, that something was done to."""
    if event.of_stack_itself and event.status.endswith(("_COMPLETE", "_FAILED")) and "CLEANUP" not in event.status:
        say(dim(f"  {event.stack}: {event.status.replace('_', ' ').lower()}"))


def say_outcome(outcome: Outcome, what: str, took: float) -> None:
    """Say what became of a stack."""
    if outcome == "unchanged":
        say(f"{bold(what[:1].upper() + what[1:])} is up to date. There was nothing to do.")
    elif outcome == "declined":
        say("Nothing was changed.")
    elif outcome == "begun":
        say(f"AWS deploys {bold(what)} now. Run the same command without `--detach` to wait for it and see how it ends.")
    else:
        say(f"{green(OK)} {'Deployed' if outcome == 'created' else 'Updated'} {bold(what)} in {duration(took)}")
