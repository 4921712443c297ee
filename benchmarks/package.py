"""What it takes to write the stacks of a repository for AWS, against an emulator of it.

    python -m benchmarks.package

`copilot pipeline build` for 100 services in 5 environments, whose images exist; beside it a program that reads the same
templates and writes them again. `copilot svc package` of one of them; beside it a program that asks AWS one thing. Each pair
runs in turn.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._emulator import emulator
from copilot.aws.applications import Applications
from copilot.aws.client import Aws, connect
from copilot.aws.environments import Environments
from copilot.aws.records import WorkloadRecord
from copilot.aws.store import Store
from copilot.manifest.environment import EnvironmentManifest
from copilot.workspace import Workspace

APP = "bench"
SERVICES = 100
ENVIRONMENTS = tuple(f"env{number}" for number in range(1, 6))
ROUNDS = 5
ROUNDS_OF_ONE = 15
_KIND = "Load Balanced Web Service"

MANIFEST = f"""\
name: {{name}}
type: {_KIND}
image: {{{{location: 'nginx:1', port: 80}}}}
http: {{{{path: /{{name}}, healthcheck: /health}}}}
cpu: 256
memory: 512
count: {{{{range: 1-5, cpu_percentage: 70}}}}
variables: {{{{LOG_LEVEL: info}}}}
secrets: {{{{TOKEN: /bench/token}}}}
environments:
  env1: {{{{count: 1}}}}
"""

ONE_CALL = "import boto3; boto3.client('sts').get_caller_identity()"
READ_AND_WRITE = """\
import pathlib
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import dump
for path in pathlib.Path("infrastructure").glob("*.stack.yml"):
    path.write_text(dump(read_template(path.read_text())))
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder, emulator():
        os.chdir(folder)
        _make(connect())
        build = [sys.executable, "-m", "copilot", "pipeline", "build", "--output-dir", "infrastructure"]
        _print(f"{SERVICES} services in {len(ENVIRONMENTS)} environments", build, "read and write", READ_AND_WRITE, ROUNDS)
        package = [sys.executable, "-m", "copilot", "svc", "package", "--name", "svc001", "--env", "env1"]
        _print("svc package of one", package, "one call of AWS", ONE_CALL, ROUNDS_OF_ONE)


def _print(what: str, ours: Sequence[str], beside: str, program: str, rounds: int) -> None:
    other = [sys.executable, "-c", program]
    pairs = [(_seconds(ours), _seconds(other)) for _ in range(rounds + 1)][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    for name, times in ((what, [a for a, _ in pairs]), (beside, [b for _, b in pairs])):
        print(f"{name:34} {statistics.median(times):6.2f} s   (min {min(times):.2f}, max {max(times):.2f})")
    print(f"{'':34} {ratio:6.2f} times")


def _seconds(command: Sequence[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _make(aws: Aws) -> None:
    """The application, with all that is in it, and the repository that the current folder becomes."""
    applications, environments, store = Applications(aws, pause=0.01), Environments(aws, pause=0.01), Store(aws)
    workspace = Workspace.create(Path.cwd(), APP, "aws")
    applications.create(APP)
    for name in ENVIRONMENTS:
        environments.init(APP, name)
        environments.deploy(APP, name, EnvironmentManifest(name=name, type="Environment"), "")
    for number in range(SERVICES):
        name = f"svc{number:03}"
        path = workspace.workload_manifest(name)
        path.parent.mkdir()
        path.write_text(MANIFEST.format(name=name))
        applications.add_workload(APP, name)
        store.create_workload(WorkloadRecord(APP, name, _KIND))


if __name__ == "__main__":
    main()
