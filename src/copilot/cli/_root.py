"""The click side of the command line: groups that load their commands lazily, help from the table, errors.

A command is written as::

    @command("env show")
    @app_option
    @click.option("--name", "-n", help="The environment.")
    def show(context: Context, name: str | None) -> None:
        \"\"\"What follows the summary in its help, if anything.\"\"\"

Its summary, example and aliases are in `copilot.cli._commands`, whose ``target`` names the function. It raises a
`CopilotError` when it cannot do what it was asked.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from inspect import cleandoc
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from copilot import __version__
from copilot.cli._commands import AWS_COPILOT, PROGRAM, Entry, below, find
from copilot.cli._help import group_help, summary_line, terminal_width
from copilot.cli._options import ignored_options
from copilot.cli._output import fit, red, say, show_error
from copilot.errors import CopilotError

_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
_INTERRUPTED = 130
_CLICK_WORDINGS = (
    (re.compile(r"is not a valid integer( range)?"), "is not a whole number"),
    (re.compile(r"is not in the range (\d+)<=x<=(\d+)"), r"is not from \1 to \2"),
    (re.compile(r"is not in the range x>=(\d+)"), r"is less than \1"),
)
_TRUTH = {"true": True, "false": False}


class _Formatter(click.HelpFormatter):
    """Headings as `copilot.cli._help` has them."""

    def write_heading(self, heading: str) -> None:
        self.write(f"{heading}\n")


class _ClickContext(click.Context):
    def make_formatter(self) -> click.HelpFormatter:
        """As wide as the terminal, within reason."""
        return _Formatter(width=terminal_width())


class Command(click.Command):
    """A command whose summary and example come from the table."""

    context_class = _ClickContext

    def __init__(self, *args: Any, entry: Entry, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entry = entry

    def get_help(self, ctx: click.Context) -> str:
        """Help as the terminal can show it."""
        return fit(super().get_help(ctx), sys.stdout)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The summary, what the function's docstring adds, usage, flags, an example."""
        formatter.write_text(summary_line(self._entry))
        if self.help:
            formatter.write_paragraph()
            formatter.write_text(cleandoc(self.help).replace("``", "`"))
        pieces = [metavar for p in self.get_params(ctx) if isinstance(p, click.Argument) and (metavar := p.make_metavar(ctx))]
        with formatter.section("Usage"):
            formatter.write(f"  {' '.join([PROGRAM, self._entry.path, *pieces, '[flags]'])}\n")
        records = [r for p in self.get_params(ctx) if isinstance(p, click.Option) and (r := p.get_help_record(ctx))]
        with formatter.section("Flags"):
            formatter.write_dl(records)
        lines = self._entry.example.splitlines()
        with formatter.section("Example" if len(lines) == 1 else "Examples"):
            for line in lines:
                formatter.write(f"  {line}\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also takes ``--flag=true`` and ``--flag=false``, as scripts written for AWS Copilot have them."""
        flags = {name for p in self.params if isinstance(p, click.Option) and p.is_flag for name in p.opts}
        end = args.index("--") if "--" in args else len(args)
        rewritten = []
        for arg in args[:end]:
            name, _, value = arg.partition("=")
            if name in flags and value in _TRUTH:
                rewritten += [name] if _TRUTH[value] else []
            else:
                rewritten.append(arg)
        return super().parse_args(ctx, rewritten + args[end:])


class Group(click.Group):
    """A group of commands, each imported when it is used. The empty path is the whole program."""

    def __init__(self, path: str = "") -> None:
        super().__init__(name=path.rpartition(" ")[2] or PROGRAM, context_settings=_SETTINGS)
        self._path = path
        if not path:
            self.params.append(
                click.Option(["--version", "-v"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
            )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the listed commands."""
        del ctx
        return [entry.name for entry in below(self._path) if entry.listed]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        entry = find(f"{self._path} {cmd_name}".strip())
        if entry is None:
            return None
        return Group(entry.path) if entry.is_group else load(entry)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is an error that suggests those with a similar name."""
        if not ctx.resilient_parsing and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            self._fail_unknown(args[0])
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a command, show help."""
        if not args and not ctx.resilient_parsing:
            click.echo(self.get_help(ctx))
            ctx.exit()
        return super().parse_args(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        """Help from the table, the same as `copilot.__main__.quick_answer` prints."""
        del ctx
        return group_help(self._path, terminal_width()).removesuffix("\n")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table, without importing any command."""
        entries = [e for e in below(self._path) if e.listed and e.name.startswith(incomplete)]
        return [CompletionItem(e.name, help=e.summary) for e in entries] or super(click.Group, self).shell_complete(
            ctx, incomplete
        )

    def _fail_unknown(self, word: str) -> NoReturn:
        names = [name for entry in below(self._path) for name in (entry.name, *entry.aliases)]
        close = get_close_matches(word, names, n=2, cutoff=0.55)
        full = " ".join([PROGRAM, *self._path.split()])
        instead = AWS_COPILOT.get(f"{self._path} {word}".strip())
        if instead is not None:
            raise CommandLineError(f"`{full} {word}` of AWS Copilot is not part of this release", hint=instead)
        raise CommandLineError(
            f"`{full}` has no command `{word}`",
            hint="did you mean " + " or ".join(f"`{full} {name}`" for name in close) + "?" if close else f"see `{full} --help`",
        )


class CommandLineError(CopilotError):
    """The words of the command line make no command."""

    exit_code = 2


def run(args: Sequence[str]) -> int:
    """Run a command line: the words after the program's name.

    Returns:
        The exit code: 0, 1 (something went wrong), 2 (wrong command line), 130 (ctrl-C). What went wrong has been said.
    """
    end = args.index("--") if "--" in args else len(args)
    words = [*(word for word in args[:end] if word != "--debug"), *args[end:]]
    if completion_variable() in os.environ:
        root.main(words, prog_name=_program(), complete_var=completion_variable())
    return _guarded(lambda: root.main(words, prog_name=PROGRAM, standalone_mode=False), debug="--debug" in args[:end])


def command(path: str) -> Callable[[Callable[..., None]], Command]:
    """Make a function the command of that path of the table, with the flags AWS Copilot has and we ignore."""
    entry = find(path)
    if entry is None:
        raise LookupError(path)

    def decorate(function: Callable[..., None]) -> Command:
        made = click.command(entry.name, cls=Command, entry=entry, context_settings=_SETTINGS)(function)
        made.params += ignored_options(entry.path)
        return made

    return decorate


def load(entry: Entry) -> click.Command:
    """Import the command that an entry of the table names."""
    module, _, attribute = entry.target.partition(":")
    loaded = getattr(import_module(module), attribute)
    if not isinstance(loaded, click.Command):
        raise TypeError(entry.target)
    return loaded


def completion_variable() -> str:
    """The environment variable with which a shell asks this program to complete a command line."""
    return f"_{_program().replace('-', '_').upper()}_COMPLETE"


def _program() -> str:
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - the name alone
    return name if name in {PROGRAM, "copilot-pipelines"} else PROGRAM


def _guarded(work: Callable[[], Any], *, debug: bool) -> int:
    """Do it, and turn what goes wrong into a few calm lines and an exit code."""
    try:
        result = work()
    except BrokenPipeError:
        # Whoever read our output has enough; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (click.Abort, KeyboardInterrupt) as stop:
        say(f"Stopped. {stop}".rstrip())  # click has ended the line that ^C is on
        return _INTERRUPTED
    except click.ClickException as error:
        return _report(_of_click(error), debug=debug)
    except CopilotError as error:
        return _report(error, debug=debug)
    except OSError as error:
        if error.filename is None:
            return _defect(error, debug=debug)
        # A full disk, a folder that may not be written: a person can mend that.
        return _report(CopilotError(f"`{error.filename}`: {error.strerror}"), debug=debug)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person never sees a traceback unasked
        return _defect(error, debug=debug)
    return result if isinstance(result, int) else 0


def _defect(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    say(f"{red('error:')} this is a defect of copilot ({type(error).__name__}); run again with --debug and report it")
    return 1


def _report(error: CopilotError, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    show_error(error)
    return error.exit_code


def _of_click(error: click.ClickException) -> CopilotError:
    message = error.format_message().rstrip(".").replace("'", "`")
    for wording, ours in _CLICK_WORDINGS:
        message = wording.sub(ours, message)
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see `{context.command_path} --help`" if context else None
    return CommandLineError(message[:1].lower() + message[1:], hint=hint)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"{PROGRAM} {__version__}")
        ctx.exit()


root = Group()
