"""What the engine itself needs when nothing happens: 20 services in 3 environments, next to the same engine with none deployed.

    python -m benchmarks.idle [--runtime host|docker] [--services 20] [--environments 3] [--seconds 60]

For docker also how many `docker` processes are started meanwhile.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks._engine import Bench, engine
from benchmarks._site import base_image, write_site, write_version
from copilot.local.client import server_status

_SETTLE = 15.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", choices=["host", "docker"], default="host")
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--environments", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    environments = [f"env{n}" for n in range(1, options.environments + 1)]
    with base_image(options.runtime), _counted() as calls, engine(options.runtime, environments) as bench:
        _measure(bench, "nothing deployed", options.seconds, calls)
        write_site(bench, options.services)
        write_version(bench, "idle")
        bench.commit_and_push("Everything")
        begin = time.monotonic()
        bench.copilot("pipeline", "update", "--yes")
        detail = bench.wait(1, seconds=1200)
        if detail.summary.status != "Succeeded":
            raise RuntimeError(detail.model_dump_json(indent=2))
        tasks = options.services * options.environments
        print(f"{tasks} tasks released on {options.runtime} in {time.monotonic() - begin:.0f} s")
        _measure(bench, f"{tasks} tasks", options.seconds, calls)


def _measure(bench: Bench, title: str, seconds: float, calls: Path) -> None:
    time.sleep(_SETTLE)
    status = server_status(bench.home)
    if status is None:
        raise RuntimeError("the server has ended")
    server = psutil.Process(status.pid)
    pid = bench.home.caddy / "pid"
    caddy = psutil.Process(int(pid.read_text())) if pid.exists() else None
    before = [_spent(server), _spent(caddy)], _lines(calls)
    time.sleep(seconds)
    after = [_spent(server), _spent(caddy)], _lines(calls)
    percent = [100 * (b - a) / seconds for a, b in zip(before[0], after[0], strict=True)]
    print(f"{title:17} server {_memory(server):4.0f} MiB, {percent[0]:5.2f} % of a core", end="")
    print(f"   front door {_memory(caddy):4.0f} MiB, {percent[1]:5.2f} %", end="")
    print(f"   {60 * (after[1] - before[1]) / seconds:.0f} docker commands a minute")


def _spent(process: psutil.Process | None) -> float:
    """Seconds of a processor, also those of children that have ended."""
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory(process: psutil.Process | None) -> float:
    """Resident, in MiB, with that of the docker clients it has running; tasks of the host runtime are its children too."""
    if process is None:
        return 0.0
    clients = [child for child in process.children(recursive=True) if child.name() == "docker"]
    return float(sum(p.memory_info().rss for p in [process, *clients]) / 2**20)


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines())


@contextmanager
def _counted() -> Iterator[Path]:
    """A file that gets a line for each `docker` that this process and its children start."""
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as name:
        calls = Path(name) / "calls"
        calls.touch()
        real = shutil.which("docker")
        if real is not None:
            program = Path(name) / "docker"
            program.write_text(f'#!/bin/sh\necho "$1" >>{shlex.quote(str(calls))}\nexec {shlex.quote(real)} "$@"\n')
            program.chmod(0o755)
            os.environ["PATH"] = f"{name}{os.pathsep}{os.environ['PATH']}"
        yield calls


if __name__ == "__main__":
    main()
