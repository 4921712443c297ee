"""Questions, asked only on a terminal. Each names the flag that answers it; without a terminal that flag is missing.

ctrl-C in a question raises KeyboardInterrupt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from copilot.cli._output import dim, has_colour, has_symbols, pad, say
from copilot.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from questionary import Question

Check = Callable[[str], str | None]
"""What is wrong with an answer, as a sentence for the person; None when it is fine."""


def can_ask() -> bool:
    """Whether there is a person to ask: stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def text(question: str, *, flag: str, default: str = "", check: Check | None = None) -> str:
    """Ask for a line of text.

    Args:
        question: As the person reads it, with its question mark or colon.
        flag: The flag that answers it, such as ``--name``.
        default: What an empty answer means; shown until something is typed.
        check: Called with the answer, without surrounding blanks.
    """
    _require(flag)
    import questionary

    def validate(typed: str) -> bool | str:
        return _validator(check)(typed.strip() or default)

    answer = _ask(questionary.text(question, placeholder=[("fg:ansibrightblack", default)], validate=validate, **_style()))
    return str(answer).strip() or default


def password(question: str, *, flag: str, check: Check | None = None) -> str:
    """Ask for a secret; it is not shown."""
    _require(flag)
    import questionary

    return str(_ask(questionary.password(question, validate=_validator(check), **_style())))


def confirm(question: str, *, flag: str, default: bool = False) -> bool:
    """Ask yes or no."""
    _require(flag)
    import questionary

    return bool(_ask(questionary.confirm(question, default=default, **_style())))


def select(question: str, choices: Sequence[str | tuple[str, str]], *, flag: str, default: str | None = None) -> str:
    """Ask for one of several, with the arrow keys.

    Args:
        question: As the person reads it.
        choices: At least one: values, or pairs of a value and a few words about it.
        flag: The flag that answers it.
        default: The value the cursor begins on.
    """
    _require(flag)
    import questionary

    pairs = [(c, "") if isinstance(c, str) else c for c in choices]
    width = max(len(value) for value, _ in pairs)
    shown = [questionary.Choice(f"{pad(v, width)}   {about}".rstrip(), value=v) for v, about in pairs]
    start = next((c for c in shown if c.value == default), None)
    return str(_ask(questionary.select(question, choices=shown, default=start, instruction=" ", **_pointer())))


def select_in_order(question: str, choices: Sequence[str], *, flag: str) -> tuple[str, ...]:
    """Ask for some of several, in the order in which they are picked; at least one.

    One pick at a time with the arrow keys; the question shows the order so far.
    """
    _require(flag)
    import questionary

    arrow = " → " if has_symbols(sys.stderr) else " -> "
    picked: list[str] = []
    while len(picked) < len(choices):
        rest = [questionary.Choice(c, value=c) for c in choices if c not in picked]
        if picked:
            rest.append(questionary.Choice("(that is all)", value=""))
        order = f"  {arrow.join(picked)}{arrow}" if picked else ""
        answer = _ask(questionary.select(question + order, choices=rest, instruction=" ", **_pointer()))
        if not answer:
            break
        picked.append(str(answer))
    return tuple(picked)


def choose(kind: str, names: Sequence[str], given: str | None, *, owner: str, create: str, flag: str = "--name") -> str:
    """One of the things that exist: the one given, the only one, or the one that the person picks.

    Args:
        kind: What they are, such as ``environment``.
        names: Those that exist.
        given: What the command line says.
        owner: What they belong to, as in ``application `shop```.
        create: The command that makes one.
        flag: The flag that answers it.

    Raises:
        NotFoundError: It does not exist, or there is none.
    """
    if not names:
        raise NotFoundError(f"{owner} has no {kind}", hint=f"create one with `{create}`")
    if given is not None:
        if given not in names:
            raise NotFoundError(f"{kind} `{given}` does not exist in {owner}", hint=f"it has: {', '.join(names)}")
        return given
    if len(names) == 1:
        say(dim(f"{kind.capitalize()} {names[0]} (the only one)"))
        return names[0]
    return select(f"Which {kind}?", list(names), flag=flag)


def name_fault(value: str) -> str | None:
    """A `Check`: may an application, environment or workload be called so?"""
    from copilot.manifest.names import name_fault as fault_of

    fault = fault_of(value)
    return f"The name {fault}" if fault else None


def confirm_deletion(question: str, *, yes: bool) -> None:
    """Go on only if the person agrees: with ``--yes``, or when asked. A no raises KeyboardInterrupt, as ctrl-C does."""
    if not yes and not confirm(question, flag="--yes"):
        raise KeyboardInterrupt


def _require(flag: str) -> None:
    if not can_ask():
        raise UsageError(f"`{flag}` is missing", hint="there is no terminal to ask on: give it on the command line")


def _ask(question: Question) -> Any:
    return question.unsafe_ask()


def _validator(check: Check | None) -> Callable[[str], bool | str]:
    return lambda answer: (check(answer.strip()) if check else None) or True


def _style() -> dict[str, Any]:
    # Questions are talk: they go to stderr, so that stdout can be piped while a person answers.
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.output.defaults import create_output

    keywords: dict[str, Any] = {"output": create_output(stdout=sys.stderr)}
    if not has_colour(sys.stderr):
        keywords["color_depth"] = ColorDepth.MONOCHROME
    return keywords


def _pointer() -> dict[str, Any]:
    return {**_style(), "pointer": "»" if has_symbols(sys.stderr) else ">"}
