"""A local engine of its own, in a temporary folder, for measurements."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from copilot.engine import Engine, ExecutionDetail, PipelineDefinition
from copilot.local.client import connect, stop_server
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
    """An engine with the application ``bench`` and the environment ``test``, and a repository to push to."""

    folder: Path
    home: Home
    engine: Engine

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
        subprocess.run(["git", *arguments], cwd=self.checkout, check=True, capture_output=True, env={**os.environ, **IDENTITY})

    def commit_and_push(self, message: str) -> None:
        """Commit everything and push it."""
        self.git("add", "--all")
        self.git("commit", "--allow-empty", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "main")

    def put(self, plan: Plan) -> None:
        """Create or update the pipeline ``bench``."""
        self.engine.put_pipeline(
            PipelineDefinition(
                app="bench", name="bench", repository=str(self.remote), branch="main", manifest="copilot/pipeline.yml", plan=plan
            )
        )

    def wait(self, number: int, seconds: float = 60.0) -> ExecutionDetail:
        """Wait until an execution has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            detail = self.engine.execution("bench", "bench", number)
            if detail.summary.ended_at is not None:
                return detail
            time.sleep(0.05)
        raise TimeoutError(f"execution {number}")


@contextmanager
def engine() -> Iterator[Bench]:
    """Start an engine; stop it and remove everything afterwards."""
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as name:
        folder = Path(name).resolve()
        home = Home(folder / "home")
        os.environ |= {"COPILOT_HOME": str(home.root), "COPILOT_SECRETS": "file"}
        bench = Bench(folder, home, connect(home))
        try:
            bench.engine.create_application("bench")
            bench.engine.create_environment("bench", "test")
            bench.checkout.mkdir()
            bench.git("init", "--quiet", "--bare", "--initial-branch=main", str(bench.remote))
            bench.git("init", "--quiet", "--initial-branch=main")
            bench.git("remote", "add", "origin", str(bench.remote))
            yield bench
        finally:
            bench.engine.delete_application("bench")
            stop_server(home)
