"""A local engine of its own, in a temporary folder, for measurements."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from copilot.engine import ExecutionDetail, LocalEngine, PipelineDefinition
from copilot.local.client import connect, stop_server
from copilot.local.docker.names import Names
from copilot.local.home import Home
from copilot.release.plan import Plan

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ana",
    "GIT_AUTHOR_EMAIL": "ana@example.com",
    "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@example.com",
}


@dataclass(frozen=True)
class Bench:
    """An engine with the application ``bench`` and some environments, and a repository to push to."""

    folder: Path
    home: Home
    engine: LocalEngine

    @property
    def remote(self) -> Path:
        """The bare repository that pushes go to."""
        return self.folder / "remote.git"

    @property
    def checkout(self) -> Path:
        """A clone of it."""
        return self.folder / "checkout"

    def git(self, *arguments: str) -> None:
        """Run git in the checkout."""
        git(self.checkout, *arguments)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the checkout."""
        for name, text in files.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--allow-empty", "--quiet", "--message", message)

    def push(self) -> None:
        """Push what was committed."""
        self.git("push", "--quiet", "origin", "main")

    def commit_and_push(self, message: str) -> None:
        """Commit everything and push it."""
        self.commit(message)
        self.push()

    def copilot(self, *arguments: str) -> str:
        """Run one of our commands in the checkout; the answer is what it printed."""
        command = [sys.executable, "-m", "copilot", *arguments]
        done = subprocess.run(command, cwd=self.checkout, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"copilot {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def put(self, plan: Plan) -> None:
        """Create or update the pipeline ``bench``."""
        self.engine.put_pipeline(
            PipelineDefinition(
                app="bench", name="bench", repository=str(self.remote), branch="main", manifest="copilot/pipeline.yml", plan=plan
            )
        )

    def wait(self, number: int, seconds: float = 60.0) -> ExecutionDetail:
        """Wait until an execution, which a push is about to start, has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(e.number == number for e in self.engine.executions("bench", "bench")):
                detail = self.engine.execution("bench", "bench", str(number))
                if detail.summary.ended_at is not None:
                    return detail
            time.sleep(0.25)
        raise TimeoutError(f"execution {number}")


@contextmanager
def engine(runtime: str = "host", environments: Sequence[str] = ("test",)) -> Iterator[Bench]:
    """Start an engine; stop it and remove everything afterwards."""
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as name:
        folder = Path(name).resolve()
        home = Home(folder / "home")
        os.environ |= {"COPILOT_HOME": str(home.root), "COPILOT_SECRETS": "file"}
        bench = Bench(folder, home, connect(home))
        try:
            bench.engine.create_application("bench")
            for environment in environments:
                bench.engine.create_environment("bench", environment, runtime)
            make_repository(bench.remote, bench.checkout)
            yield bench
        finally:
            bench.engine.delete_application("bench")
            stop_server(home)
            if runtime == "docker":
                remove_images(f"{Names.of(home).prefix}/*/*")


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **IDENTITY})


def make_repository(remote: Path, checkout: Path) -> None:
    """Make a bare repository, and an empty clone of it."""
    checkout.mkdir(parents=True)
    git(checkout, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "remote", "add", "origin", str(remote))


def docker(*arguments: str) -> str:
    """Run `docker`; the answer is what it printed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def remove_images(reference: str) -> None:
    """Delete the images whose names match."""
    found = docker("image", "ls", "--filter", f"reference={reference}", "--format", "{{.Repository}}:{{.Tag}}").split()
    if found:
        docker("image", "rm", "--force", *found)
