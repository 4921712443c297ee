"""`copilot pipeline delete`."""

from __future__ import annotations

import click

from copilot.cli._ask import confirm_deletion
from copilot.cli._context import Context
from copilot.cli._options import app_option, yes_option
from copilot.cli._output import say, say_done
from copilot.cli._root import command
from copilot.cli.pipeline._target import choose_pipeline, name_option


@command("pipeline delete")
@app_option
@name_option
@click.option("--delete-secret", is_flag=True, help="Delete the repository's access token, too.")
@yes_option
def delete(context: Context, name: str | None, delete_secret: bool, yes: bool) -> None:
    """What it deployed keeps running, and its files in the repository stay."""
    if context.on_aws:
        from copilot.cli.aws.delete import delete_pipeline

        # By its name also what is left of one that was deleted by hand, which is no pipeline any more.
        delete_pipeline(context, name or choose_pipeline(context, None).name, delete_secret=delete_secret, yes=yes)
        return
    target = choose_pipeline(context, name)
    source = target.engine.pipeline(target.app, target.name).definition.plan.source
    confirm_deletion(f"Delete pipeline {target.name} with the history of its executions?", yes=yes)
    target.engine.delete_pipeline(target.app, target.name, delete_secret)
    say_deleted(target.name, source.access_token_secret, deleted=delete_secret)


def say_deleted(pipeline: str, secret: str | None, *, deleted: bool) -> None:
    """Say that a pipeline is gone, and what of its access token, if it has one."""
    say_done(f"Deleted pipeline {pipeline}; what it deployed keeps running")
    if secret is None:
        return
    if deleted:
        say_done(f"Deleted secret {secret}")
    else:
        say(f"Its access token {secret} is kept; `--delete-secret` deletes it, too.")
