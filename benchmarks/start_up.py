"""How long the program takes to answer, as a ratio to an empty Python program.

python -m benchmarks.start_up
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

ROUNDS = 30
COMMANDS = {
    "copilot --version": ("--version",),
    "copilot --help": ("--help",),
    "copilot pipeline --help": ("pipeline", "--help"),
    "copilot pipeline init --help": ("pipeline", "init", "--help"),
}


def main() -> None:
    """Measure and print."""
    empty = [sys.executable, "-c", "pass"]
    for name, arguments in COMMANDS.items():
        command = [sys.executable, "-m", "copilot", *arguments]
        pairs = [(_seconds(command), _seconds(empty)) for _ in range(ROUNDS + 1)][1:]
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:30} {statistics.median(a for a, _ in pairs) * 1000:6.1f} ms   {ratio:4.2f}x an empty program")


def _seconds(command: Sequence[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
