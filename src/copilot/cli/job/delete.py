"""``copilot job delete``."""

from __future__ import annotations

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, yes_option
from copilot.cli._output import bold, progress, say_done, say_next
from copilot.cli._root import command
from copilot.cli.job._target import choose_job, name_option


@command("job delete")
@app_option
@name_option
@click.option("--env", "-e", "environment", metavar="NAME", help="Only from this environment.")
@yes_option
def delete(context: Context, name: str | None, environment: str | None, yes: bool) -> None:
    """A run that is under way is stopped. Its manifest stays in copilot/, and its secrets where they are.

    On AWS its images go when it leaves the application.
    """
    if context.on_aws:
        from copilot.cli.aws import delete as aws_delete
        from copilot.cli.aws import job as aws_job

        aws_delete.delete(context, aws_job.choose_job(context, name), environment, yes=yes, job=True)
        return
    name = choose_job(context, name).name
    engine = context.local
    if environment is not None:
        engine.environment(context.app, environment)
    where = f"environment {environment}" if environment else f"application {context.app} and all its environments"
    _ask.confirm_deletion(f"Delete job {name} from {where}?", yes=yes)
    with progress(f"Deleting job {name}"):
        engine.delete_workload(context.app, name, environment)
    say_done(f"Deleted job {bold(name)} from {where}")
    say_next("copilot job ls")
