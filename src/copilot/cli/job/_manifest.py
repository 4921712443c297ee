"""The manifest that `job init` writes."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.cli.pipeline.scaffold import scalar


@dataclass(frozen=True)
class JobAnswers:
    """What a job's manifest is made of.

    Attributes:
        dockerfile: Path from the repository's root, with slashes; None if there is an ``image`` instead.
        schedule: As ``on.schedule`` has it.
        timeout: As the manifest has it, such as ``1h30m``; None: not limited.
    """

    name: str
    schedule: str
    dockerfile: str | None
    image: str | None
    retries: int | None
    timeout: str | None


def manifest_text(answers: JobAnswers) -> str:
    """What was answered, and as comments what else is often wanted."""
    image = (
        f"  # The Dockerfile, from the repository's root.\n  build: {scalar(answers.dockerfile)}"
        if answers.dockerfile is not None
        else f"  # An image that exists already.\n  location: {scalar(answers.image or '')}"
    )
    retries = "# retries: 3" if answers.retries is None else f"retries: {answers.retries}"
    timeout = "# timeout: 1h" if answers.timeout is None else f"timeout: {answers.timeout}"
    blocks = [
        (
            f"# How the job `{answers.name}` is built and run. Lines that begin with `#` and a key show what else can be said.\n"
            f"# After editing:  copilot job deploy --name {answers.name}   or commit and push.\n\n"
            f"name: {answers.name}\ntype: Scheduled Job"
        ),
        (
            "on:\n"
            "  # When it runs, in UTC: `@hourly`, `@daily`, `@every 30m`, a cron expression such as `0 9 * * 1-5`, or `none`.\n"
            f"  schedule: {scalar(answers.schedule)}"
        ),
        (
            "# It has succeeded when it ends with exit code 0.\n"
            "# How often it is tried again when it has failed, and how long it may take each time.\n"
            f"{retries}\n{timeout}"
        ),
        f"image:\n{image}",
        "# CPU units (1024 are one vCPU) and MiB of memory.\ncpu: 256\nmemory: 512",
        "# Environment variables.\n# variables:\n#   LOG_LEVEL: info",
        "# Environment variables with secret values: `copilot secret init` keeps them and prints the lines for here.",
        "# What is different in an environment.\n# environments:\n#   prod:\n#     cpu: 512",
    ]
    return "\n\n".join(blocks) + "\n"
