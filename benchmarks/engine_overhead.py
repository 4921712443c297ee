"""What an action costs beyond its command: a pipeline of 50 trivial actions against a shell script with the same commands.

    python -m benchmarks.engine_overhead

Both run in turn. The pipeline's time is from the start of its first such action to the end of the last; the actions depend on
each other, so they run one after the other, and each transition is a durable transaction.
"""

from __future__ import annotations

import statistics
import subprocess
import time

from benchmarks._engine import Bench, engine
from copilot.release.plan import Plan, ProjectAction, SourceAction, Stage

ACTIONS = 50
ROUNDS = 5

BUILDSPEC = """\
version: 0.2
phases:
  build:
    commands:
      - "true"
"""


def main() -> None:
    """Measure and print."""
    script = "\n".join(["sh -c true"] * ACTIONS)
    with engine() as bench:
        (bench.checkout / "step.yml").write_text(BUILDSPEC)
        bench.commit_and_push("Trivial steps")
        bench.put(_plan(str(bench.remote)))
        pairs = [(_pipeline(bench), _script(script)) for _ in range(ROUNDS + 1)][1:]
    own = [(pipeline - shell) / ACTIONS * 1000 for pipeline, shell in pairs]
    print(f"{ACTIONS} actions, {ROUNDS} rounds after one to warm up, in turn with the script")
    print(f"pipeline  {statistics.median(p for p, _ in pairs):7.3f} s")
    print(f"script    {statistics.median(s for _, s in pairs):7.3f} s")
    print(f"own time  {statistics.median(own):7.2f} ms per action   (min {min(own):.2f}, max {max(own):.2f})")


def _plan(repository: str) -> Plan:
    source = SourceAction("SourceCodeFor-bench", 1, "Git", repository, "main")
    steps = tuple(ProjectAction(f"step-{i:02}", i, "test", "step.yml", 5) for i in range(1, ACTIONS + 1))
    return Plan("bench", "bench", (Stage("Source", (source,)), Stage("DeployTo-test", steps, "test")))


def _pipeline(bench: Bench) -> float:
    detail = bench.wait(int(bench.engine.start_execution("bench", "bench").id))
    if detail.summary.status != "Succeeded":
        raise RuntimeError(detail.model_dump_json())
    actions = detail.stages[-1].actions
    return max(a.ended_at or 0.0 for a in actions) - min(a.started_at or 0.0 for a in actions)


def _script(script: str) -> float:
    begin = time.perf_counter()
    subprocess.run(["sh", "-c", script], check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
