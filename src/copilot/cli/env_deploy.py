"""``copilot env deploy``: for scripts written for AWS Copilot, which needs it after ``env init``."""

from __future__ import annotations

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import bold, say
from copilot.cli._root import command


@command("env deploy")
@app_option
@click.option("--name", "-n", metavar="NAME", help="The environment.")
def deploy(context: Context, name: str | None) -> None:
    """AWS Copilot makes an environment in two steps. Here `env init` does all of it."""
    names = [e.name for e in context.engine.environments(context.app)]
    name = _ask.choose("environment", names, name, owner=f"application `{context.app}`", create="copilot env init")
    say(f"Environment {bold(name)} is ready at {context.engine.environment(context.app, name).url}. There was nothing to do.")
