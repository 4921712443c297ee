"""What the commands cost that write a stack for AWS, as whole processes, against an emulator of it.

    python -m benchmarks.packages

`copilot svc package`, and `copilot pipeline package` for 2 workloads in 2 environments and for 50 in 10; beside them a bare
client of botocore that asks AWS one thing, and an empty program. They run in turn. The least of all runs counts: the rest is
what else the machine had to do. Processor time is that of the process and its threads, without what the emulator needs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
ROUNDS = 15
WORKLOADS = 50
ENVIRONMENTS = tuple(f"env{number}" for number in range(10))
PIPELINES = {"small": (2, 2), "large": (WORKLOADS, len(ENVIRONMENTS))}
"""With the number of workloads, and of environments."""

KIND = "Load Balanced Web Service"
MANIFEST = f"""\
name: {{name}}
type: {KIND}
image: {{{{location: 'nginx:1', port: 80}}}}
http: {{{{path: /{{name}}, healthcheck: /health}}}}
count: {{{{range: 1-5, cpu_percentage: 70}}}}
variables: {{{{LOG_LEVEL: info}}}}
secrets: {{{{TOKEN: /bench/token}}}}
"""
PIPELINE = """\
name: {name}
version: 1
source:
  provider: GitHub
  properties: {{repository: 'https://github.com/ana/bench', branch: main}}
stages:
"""
STAGE = "  - {{name: {environment}, deployments: {{{workloads}}}}}\n"
BUILDSPEC = "version: 0.2\nphases: {build: {commands: [copilot pipeline build]}}\n"
ONE_CALL = "from botocore.session import Session; Session().create_client('sts').get_caller_identity()"

_COPILOT = (sys.executable, "-m", "copilot")
PROGRAMS: Mapping[str, Sequence[str]] = {
    "svc package": (*_COPILOT, "svc", "package", "--name", "svc00", "--env", ENVIRONMENTS[0]),
    "pipeline package, 2 in 2": (*_COPILOT, "pipeline", "package", "--name", "small"),
    f"pipeline package, {WORKLOADS} in {len(ENVIRONMENTS)}": (*_COPILOT, "pipeline", "package", "--name", "large"),
    "botocore, one call of AWS": (sys.executable, "-c", ONE_CALL),
    "an empty program": (sys.executable, "-c", "pass"),
}


@dataclass(frozen=True)
class Cost:
    """What a process cost, in seconds."""

    wall: float
    processor: float


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder, emulator():
        # As an installed program, which has its bytecode.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder, "bytecode"))
        repository = Path(folder, "repository")
        repository.mkdir()
        os.chdir(repository)
        _make(connect())
        rounds = [{name: _cost(program) for name, program in PROGRAMS.items()} for _ in range(ROUNDS + 1)][1:]
    least = {
        name: Cost(min(each[name].wall for each in rounds), min(each[name].processor for each in rounds)) for name in PROGRAMS
    }
    *_, one_call, empty = least.values()
    print(f"{'':34} {'wall':>7} {'processor':>11} {'one call':>9} {'empty':>6}")
    for name, cost in least.items():
        ratios = f"{cost.processor / one_call.processor:8.2f}x {cost.processor / empty.processor:5.1f}x"
        print(f"{name:34} {cost.wall:5.2f} s {cost.processor:9.2f} s {ratios}")


def _cost(program: Sequence[str]) -> Cost:
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _make(aws: Aws) -> None:
    """The application, with all that is in it, and the repository that the current folder becomes."""
    applications, environments, store = Applications(aws, pause=0.01), Environments(aws, pause=0.01), Store(aws)
    workspace = Workspace.create(Path.cwd(), APP, "aws")
    applications.create(APP)
    for name in ENVIRONMENTS:
        environments.init(APP, name)
    first = ENVIRONMENTS[0]
    environments.deploy(APP, first, EnvironmentManifest(name=first, type="Environment"), "")
    workloads = [f"svc{number:02}" for number in range(WORKLOADS)]
    applications.add_workloads(APP, workloads)
    for name in workloads:
        _write(workspace.workload_manifest(name), MANIFEST.format(name=name))
        store.create_workload(WorkloadRecord(APP, name, KIND))
    for name, (deployed, stages) in PIPELINES.items():
        folder, listed = workspace.folder / "pipelines" / name, ", ".join(f"{each}: " for each in workloads[:deployed])
        text = "".join(STAGE.format(environment=each, workloads=listed) for each in ENVIRONMENTS[:stages])
        _write(folder / "manifest.yml", PIPELINE.format(name=name) + text)
        _write(folder / "buildspec.yml", BUILDSPEC)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
