"""Entry point: answers version and help at once, and loads the rest only for a real command."""

from __future__ import annotations

import gc
import os
import sys

from copilot import __version__
from copilot.cli._commands import PROGRAM, find
from copilot.cli._help import group_help, terminal_width

_INTERRUPTED = 130
_OBJECTS_BETWEEN_COLLECTIONS = 400_000


def main() -> None:
    """Run the program on this process's arguments."""
    answer = quick_answer(sys.argv[1:])
    # What importing makes stays until the end: Python would look through it a hundred times, in vain.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    if answer is None or any(name.endswith("_COMPLETE") for name in os.environ):
        try:
            from copilot.cli._root import run  # noqa: PLC0415 - click costs 50 ms, which help and version need not pay

            code = run(sys.argv[1:])
            # Or Python would look through all of it once more, only to end.
            gc.freeze()
            sys.exit(code)
        except KeyboardInterrupt:  # while modules are imported
            sys.stderr.write("\nStopped.\n")
            sys.exit(_INTERRUPTED)
    sys.stdout.write(answer)
    sys.stdout.flush()


def quick_answer(arguments: list[str]) -> str | None:
    """What to print for a request of the version or of a group's help; None for anything else.

    The click commands print the same (`copilot.cli._root`): both come from the table of commands.
    """
    words = [word for word in arguments if word != "--debug"]
    if words in (["--version"], ["-v"], ["version"]):
        return f"{PROGRAM} {__version__}\n"
    if words and words[-1] in ("--help", "-h"):
        words.pop()
    path = " ".join(words)
    entry = find(path)
    if not path or (entry is not None and entry.is_group):
        return group_help(path, terminal_width())
    return None


if __name__ == "__main__":
    main()
