"""Real git repositories for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SETTINGS = (
    "-c",
    "user.name=Ana",
    "-c",
    "user.email=ana@example.com",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "commit.gpgSign=false",
)


def run(folder: Path, *arguments: str) -> str:
    """Run git in a folder. The answer is what it printed, without the last newline."""
    done = subprocess.run(["git", *_SETTINGS, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.removesuffix("\n")


def write(folder: Path, name: str, text: str) -> None:
    """Write a file; the next commit has it."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    run(folder, "add", "--force", name)


def commit(folder: Path, name: str, text: str = "x", message: str | None = None) -> str:
    """Write a file and commit it. The answer is the commit."""
    write(folder, name, text)
    run(folder, "commit", "-m", message or f"Change {name}")
    return run(folder, "rev-parse", "HEAD")


def push(folder: Path, *arguments: str) -> str:
    """Push to ``origin``. The answer is what the pusher sees of it."""
    done = subprocess.run(["git", "push", "origin", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stderr


def repository_with_checkout(folder: Path, name: str = "shop.git") -> tuple[Path, Path]:
    """A bare repository and a checkout of it on branch main with one pushed commit."""
    bare, work = folder / name, folder / "work"
    run(folder, "init", str(work))
    commit(work, "README", "hello\n")
    run(folder, "clone", "--quiet", "--bare", str(work), str(bare))
    run(work, "remote", "add", "origin", str(bare))
    return bare, work
