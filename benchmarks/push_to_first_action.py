"""From the moment `git push` returns to the start of the first action, in milliseconds, next to what the push itself takes.

    python -m benchmarks.push_to_first_action

A negative figure means that the action had started before the push returned.
"""

from __future__ import annotations

import statistics
import time

from benchmarks._engine import engine
from copilot.release.plan import Plan, SourceAction, Stage

ROUNDS = 10


def main() -> None:
    """Measure and print."""
    with engine() as bench:
        bench.commit_and_push("First")
        source = SourceAction("SourceCodeFor-bench", 1, "Git", str(bench.remote), "main")
        bench.put(Plan("bench", "bench", (Stage("Source", (source,)),)))
        plain, hooked, waits = [], [], []
        hook = bench.remote / "hooks" / "post-receive"
        for number in range(1, ROUNDS + 1):
            begin = time.time()
            bench.commit_and_push(f"Change {number}")
            returned = time.time()
            detail = bench.wait(number)
            started = detail.stages[0].actions[0].started_at or 0.0
            ended = detail.summary.ended_at or 0.0
            waits.append((started - returned) * 1000)
            hooked.append((returned - begin) * 1000)
            away = hook.rename(hook.with_name("away"))
            begin = time.time()
            bench.commit_and_push(f"Unnoticed {number}")
            plain.append((time.time() - begin) * 1000)
            away.rename(hook)
            over = (ended - returned) * 1000
            print(f"#{number}: first action {waits[-1]:.0f} ms after the push returned, execution over {over:.0f} ms")
    print(f"commit and push with the hook {statistics.median(hooked):.0f} ms, without {statistics.median(plain):.0f} ms")
    print(f"push to first action: median {statistics.median(waits):.0f} ms, max {max(waits):.0f} ms")


if __name__ == "__main__":
    main()
