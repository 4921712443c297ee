"""From `git push` to the first answer of the new version, on docker, against a bare shell script in the same place: a hook.

    python -m benchmarks.docker_push_to_live [--rounds 15]

The script does `docker build`, `docker run`, waits for HTTP 200, and `docker rm --force` of the old container; it has no
pipeline, no front door, and knows nothing afterwards. Both build the same content from repositories of their own, in turn.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks._engine import Bench, docker, engine, git, make_repository, remove_images
from benchmarks._site import BUILDSPEC, PIPELINE, url
from copilot.local import ports

BARE = "copilot-bench-bare"

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY index.html /site/
EXPOSE 8080
CMD ["/bin/busybox", "sh", "-c", "trap exit TERM; /bin/busybox httpd -f -p 8080 -h /site & wait"]
"""

MANIFEST = """\
name: web
type: Load Balanced Web Service
image: {build: Dockerfile, port: 8080}
http: {path: /}
"""

SCRIPT = """\
#!/bin/sh
set -e
read -r _ new _
port=$(cat "{folder}/port")
old=$(docker ps --quiet --filter label={bare})
GIT_WORK_TREE="{folder}/tree" git checkout --quiet --force main
docker build --quiet --tag "{bare}:$new" "{folder}/tree"
docker run --detach --label {bare} --network {bare} --publish "127.0.0.1:$port:8080" "{bare}:$new"
until curl --silent --fail --output /dev/null "http://127.0.0.1:$port/"; do sleep 0.02; done
[ -z "$old" ] || docker rm --force $old
"""


@dataclass(frozen=True)
class Ours:
    """One round of ours. Seconds since the push began; ``built`` and ``deploying`` are when the actions ended and began."""

    live: float
    pushed: float
    source: float
    built: float
    deploying: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with engine("docker") as bench:
        bare = bench.folder / "bare"
        make_repository(bare / "remote.git", bare / "checkout")
        (bare / "tree").mkdir()
        hook = bare / "remote.git" / "hooks" / "post-receive"
        hook.write_text(SCRIPT.format(folder=bare, bare=BARE))
        hook.chmod(0o755)
        for checkout in (bench.checkout, bare / "checkout"):
            (checkout / "Dockerfile").write_text(DOCKERFILE)
            shutil.copy(shutil.which("busybox") or "busybox", checkout)
            _write_version(checkout, "version 1")
        bench.write(
            {
                "copilot/.workspace": "application: bench\nengine: local\n",
                "copilot/pipeline.yml": PIPELINE.format(remote=bench.remote) + "  - name: test\n",
                "copilot/buildspec.yml": BUILDSPEC,
                "copilot/web/manifest.yml": MANIFEST,
            }
        )
        bench.commit_and_push("First")
        bench.copilot("pipeline", "update", "--yes")
        bench.wait(1)
        docker("network", "create", BARE)
        try:
            pairs = [(_bare(bare, number), _ours(bench, number)) for number in range(2, rounds + 3)][1:]
        finally:
            docker("rm", "--force", *docker("ps", "--all", "--quiet", "--filter", f"label={BARE}").split())
            docker("network", "rm", BARE)
            remove_images(BARE)
    _show(pairs)


def _bare(folder: Path, number: int) -> float:
    checkout, port = folder / "checkout", ports.choose(taken=())
    (folder / "port").write_text(str(port))
    _write_version(checkout, f"bare version {number}")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", str(number))
    with ThreadPoolExecutor(1) as pool:
        begin = time.time()
        push = pool.submit(git, checkout, "push", "--quiet", "origin", "main")
        live = _first_answer(f"http://127.0.0.1:{port}/", f"bare version {number}")
        push.result()
    return live - begin


def _ours(bench: Bench, number: int) -> Ours:
    _write_version(bench.checkout, f"version {number}")
    bench.commit(str(number))
    address = url(bench)

    def push() -> float:
        bench.push()
        return time.time()

    with ThreadPoolExecutor(1) as pool:
        begin = time.time()
        pushed = pool.submit(push)
        live = _first_answer(address, f"version {number}")
    detail = bench.wait(number)
    if detail.summary.status != "Succeeded":
        raise RuntimeError(detail.model_dump_json(indent=2))
    source, build, deploy = (stage.actions[0] for stage in detail.stages)
    moments = (live, pushed.result(), source.started_at or 0.0, build.ended_at or 0.0, deploy.started_at or 0.0)
    return Ours(*(moment - begin for moment in moments))


def _first_answer(address: str, version: str) -> float:
    """When a version answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                if response.read().decode() == version:
                    return time.time()
        except OSError:
            pass
        time.sleep(0.01)
    raise TimeoutError(version)


def _write_version(checkout: Path, version: str) -> None:
    # Not the same for both: one would find the other's image already built.
    (checkout / "index.html").write_text(version)


def _show(pairs: Sequence[tuple[float, Ours]]) -> None:
    median = statistics.median
    print(f"{len(pairs)} rounds after one to warm up, in turn")
    print(f"bare script  {median(b for b, _ in pairs):6.3f} s from push to live")
    print(f"copilot      {median(o.live for _, o in pairs):6.3f} s   {median(o.live / b for b, o in pairs):.2f}x")
    ours = [o for _, o in pairs]
    print(f"  source begins {median(o.source for o in ours):.3f}, push returns {median(o.pushed for o in ours):.3f}", end="")
    print(f", built {median(o.built for o in ours):.3f}, deployment begins {median(o.deploying for o in ours):.3f}")


if __name__ == "__main__":
    main()
