"""``copilot env deploy`` and ``copilot env package``."""

from __future__ import annotations

from pathlib import Path

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, change_options
from copilot.cli._output import bold, say
from copilot.cli._root import command
from copilot.errors import UnsupportedError

_name_option = click.option("--name", "-n", metavar="NAME", help="The environment.")


@command("env deploy")
@app_option
@_name_option
@change_options
def deploy(context: Context, name: str | None, diff: bool, diff_yes: bool, detach: bool, force: bool, no_rollback: bool) -> None:
    """On AWS: its network, its cluster, and what its manifest says of them. What services asked for stays.

    On this machine `env init` does all of it.
    """
    name = _existing(context, name)
    if context.on_aws:
        from copilot.cli.aws import env as aws_env
        from copilot.cli.aws._stacks import Wish

        wish = Wish(diff=diff or diff_yes, yes=diff_yes, detach=detach)
        aws_env.deploy(context, name, wish, force=force, rollback=not no_rollback)
        return
    say(f"Environment {bold(name)} is ready at {context.engine.environment(context.app, name).url}. There was nothing to do.")


@command("env package")
@app_option
@_name_option
@click.option("--output-dir", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write it into this folder.")
@click.option("--diff", is_flag=True, help="Show what a deployment would change; exit code 1 if anything.")
def package(context: Context, name: str | None, output_dir: Path | None, diff: bool) -> None:
    """The CloudFormation template that `env deploy` would have AWS make it from."""
    if not context.on_aws:
        raise UnsupportedError("an environment of this machine has no template", hint="`copilot env show` shows what there is")
    from copilot.cli.aws import env as aws_env

    differs = aws_env.package(context, _existing(context, name), output_dir=output_dir, diff=diff)
    if diff and differs:
        click.get_current_context().exit(1)


def _existing(context: Context, name: str | None) -> str:
    names = [e.name for e in context.engine.environments(context.app)]
    return _ask.choose("environment", names, name, owner=f"application `{context.app}`", create="copilot env init")
