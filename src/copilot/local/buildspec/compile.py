"""A buildspec compiled into one shell program. Pure: the same buildspec gives the same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from shlex import quote
from typing import Literal

from copilot.manifest.buildspec import Buildspec, OnFailure, Phase

PhaseName = Literal["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"]

_PRELUDE = files(__package__).joinpath("prelude.sh").read_text("utf-8")


@dataclass(frozen=True)
class CommandLine:
    """One command of a buildspec. ``cleanup``: it stands under ``finally``."""

    phase: PhaseName
    text: str
    cleanup: bool = False

    @property
    def echo(self) -> str:
        """How the log announces it."""
        return "$ " + self.text.strip("\n").replace("\n", "\n  ")


@dataclass(frozen=True)
class Program:
    """A buildspec as a shell program.

    Attributes:
        text: POSIX sh, to be run by ``shell``; ``prelude.sh`` says with which arguments.
        commands: What the numbers in the program's event file refer to.
        shell: ``sh`` or ``bash``.
        talks: It sends messages to its logger, so plain ``cat`` will not do.
    """

    text: str
    commands: tuple[CommandLine, ...]
    shell: str
    talks: bool


def compile_buildspec(buildspec: Buildspec, notes: tuple[str, ...] = ()) -> Program:
    """Compile a buildspec. ``notes`` are lines that the log begins with.

    Where CodeBuild's documentation is silent, the reading is the strict one:

    * A phase that failed under ``on-failure: CONTINUE`` does not stop the build, but the build has failed.
    * ``on-failure: ABORT``, when it is written, ends the build: after BUILD, POST_BUILD does not run and nothing is collected.
      Without it, POST_BUILD follows a failed BUILD.
    * ``RETRY`` runs the phase again, its ``finally`` included, from the variables and the working folder it began with.
    * Variables and the working folder are all that persists from command to command: not functions, aliases, options of the
      shell or file descriptors, and of an array only its first item.
    """
    writer = _Writer()
    writer.lines += [f"printf '%s\\n' {quote(note)}" for note in notes]
    phases = buildspec.phases
    talks = bool(buildspec.env.exported_variables)
    named: list[tuple[PhaseName, Phase | None]] = [
        ("INSTALL", phases.install),
        ("PRE_BUILD", phases.pre_build),
        ("BUILD", phases.build),
        ("POST_BUILD", phases.post_build),
    ]
    for name, phase in named:
        if phase is not None:
            writer.phase(name, phase)
            talks = talks or _pattern(phase.on_failure) is not None
    writer.export(buildspec.env.exported_variables)
    writer.lines.append("_copilot_finish")
    text = "\n".join([_PRELUDE, *writer.lines, ""])
    return Program(text, tuple(writer.commands), buildspec.env.shell, talks)


def commands_buildspec(commands: Sequence[str]) -> Buildspec:
    """A buildspec that only runs commands, in its build phase."""
    return Buildspec.model_validate({"version": "0.2", "phases": {"build": {"commands": list(commands)}}})


class _Writer:
    """Collects the lines of the program and the commands in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.commands: list[CommandLine] = []

    def phase(self, name: PhaseName, phase: Phase) -> None:
        on_failure = phase.on_failure
        pattern = _pattern(on_failure)
        self.lines.append('if [ "$_copilot_go" = 1 ]; then')
        self.lines.append(f"_copilot_phase {name}" + (f" {quote(pattern)}" if pattern else ""))
        if on_failure.action == "RETRY":
            self.lines.append('( . "$_copilot_state"; _copilot_dump "$_copilot_snapshot" )')
            self.lines.append("while :; do")
        for text in phase.commands:
            self._command(CommandLine(name, text))
        if phase.finally_:
            self.lines.append("_copilot_finally")
        for text in phase.finally_:
            self._command(CommandLine(name, text, cleanup=True))
        if on_failure.action == "RETRY":
            self.lines.append(f"_copilot_again {on_failure.retries} || break")
            self.lines.append('( . "$_copilot_snapshot"; _copilot_dump "$_copilot_state" )')
            self.lines.append("done")
        go, collect = _after_failure(name, phase)
        self.lines.append(f"_copilot_phase_end {int(go)} {int(collect)}")
        self.lines.append("fi")

    def _command(self, command: CommandLine) -> None:
        number = len(self.commands)
        self.commands.append(command)
        # Neither the subshell nor the command may stand in a condition: there, `set -e` has no effect.
        self.lines += [
            f"if _copilot_begin {number} {quote(command.echo)}; then",
            '( _copilot_open; . "$_copilot_state"; _copilot_enter',
            f"eval {quote(' ' + command.text)}",  # the space: bash takes a first `-` for an option of `eval`
            '{ _copilot_leave "$?"; } 2>/dev/null; exit "$_copilot_status" )',
            '_copilot_end "$?"',
            "fi",
        ]

    def export(self, names: tuple[str, ...]) -> None:
        if names:
            tell = [f'[ -z "${{{name}+set}}" ] || _copilot_tell "export {name}=${name}"' for name in names]
            self.lines.append("\n".join(['( . "$_copilot_state"', *tell, ")"]))


def _pattern(on_failure: OnFailure) -> str | None:
    return on_failure.pattern if on_failure.action == "RETRY" else None


def _after_failure(name: PhaseName, phase: Phase) -> tuple[bool, bool]:
    """Whether a build goes on after this phase failed, and whether its artifacts are collected."""
    if phase.on_failure.action == "CONTINUE":
        return True, True
    early = name in {"INSTALL", "PRE_BUILD"}
    aborts = phase.on_failure.action == "ABORT" and "on_failure" in phase.model_fields_set
    return not (early or aborts), not (early or aborts)
