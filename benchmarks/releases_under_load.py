"""Ten releases in a row under a constant load, then ten of which every second one is unhealthy: how many requests are lost?

    python -m benchmarks.releases_under_load [--runtime host|docker] [--rate 500] [--releases 10]

A release is a push that goes through the whole pipeline. A request is lost when its connection breaks, when it takes 10 s, and
when its status is not 200. Next to it stands the same load on the same front door while nothing is released.
"""

from __future__ import annotations

import argparse
import statistics
import time
import urllib.request
from collections.abc import Sequence

from benchmarks._engine import Bench, engine
from benchmarks._load import Request, load
from benchmarks._site import base_image, url, write_site, write_version


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", choices=["host", "docker"], default="host")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--releases", type=int, default=10)
    options = parser.parse_args()
    with base_image(options.runtime), engine(options.runtime) as bench:
        write_site(bench)
        write_version(bench, "version 1")
        bench.commit_and_push("Version 1")
        bench.copilot("pipeline", "update", "--yes")
        _expect(bench, 1, healthy=True)
        print(f"runtime {options.runtime}, {options.rate} requests a second, {options.releases} releases in a row")
        _run(bench, options.rate, "all healthy", [True] * options.releases)
        _run(bench, options.rate, "every second unhealthy", [n % 2 == 0 for n in range(options.releases)])


def _run(bench: Bench, rate: int, title: str, releases: Sequence[bool]) -> None:
    number = len(bench.engine.executions("bench", "bench"))
    serving = _served(bench)
    with load(url(bench), rate) as result:
        time.sleep(5)
        begin = time.time()
        for healthy in releases:
            number += 1
            name = f"version {number}"
            write_version(bench, name, 200 if healthy else 500)
            bench.commit_and_push(name)
            _expect(bench, number, healthy=healthy)
            serving = name if healthy else serving
            if _served(bench) != serving:
                raise RuntimeError(f"{_served(bench)} serves, and not {serving}")
        end = time.time()
        time.sleep(1)
    print(f"{title}: {serving} serves in the end")
    _show("without releases", result.between(0, begin))
    _show("during releases", result.between(begin, end))
    for request in result.failed[:10]:
        print(f"  lost at {request.began - begin:.3f} s after {request.seconds:.3f} s: {request.answer}")
    versions = {r.answer for r in result.requests} - {r.answer for r in result.failed}
    print(f"  {len(versions)} versions answered; {len(result.failed)} of {len(result.requests)} requests failed")


def _show(title: str, requests: Sequence[Request]) -> None:
    seconds = sorted(r.seconds for r in requests)
    lost = sum(r.failed for r in requests)
    period = max(r.began for r in requests) - min(r.began for r in requests)
    median, most = statistics.median(seconds) * 1000, seconds[int(len(seconds) * 0.99)] * 1000
    print(
        f"  {title:17} {len(requests):7} requests, {len(requests) / period:4.0f} a second, {lost} lost;"
        f" median {median:5.1f} ms, 99th percentile {most:6.1f} ms, longest {seconds[-1] * 1000:6.0f} ms"
    )


def _expect(bench: Bench, number: int, *, healthy: bool) -> None:
    detail = bench.wait(number)
    if (detail.summary.status == "Succeeded") is not healthy:
        raise RuntimeError(detail.model_dump_json(indent=2))


def _served(bench: Bench) -> str:
    with urllib.request.urlopen(url(bench), timeout=10) as response:
        return str(response.read().decode())


if __name__ == "__main__":
    main()
