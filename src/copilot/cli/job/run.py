"""``copilot job run``."""

from __future__ import annotations

from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import bold, say
from copilot.cli._root import command
from copilot.cli.job._follow import follow_run
from copilot.cli.job._target import choose_deployed, env_option, name_option, result
from copilot.errors import CopilotError


@command("job run")
@app_option
@name_option
@env_option
def run(context: Context, name: str | None, environment: str | None) -> None:
    """What was deployed last, whatever its schedule says. Shows what it prints until it ends; ctrl-C leaves it running.

    On AWS it is started, and nothing waits for it.
    """
    if context.on_aws:
        from copilot.cli.aws import job as aws_job

        aws_job.run(context, name, environment)
        return
    target = choose_deployed(context, name, environment)
    started = target.engine.start_job(*target.place)
    what = f"{target.name} in {target.state.environment}"
    say(f"Run {started.id} of {bold(what)}, release {started.release}")
    try:
        ended = follow_run(target.engine, started)
    except KeyboardInterrupt:
        say(f"\nRun {started.id} of {what} goes on; watch it with `{target.command('logs')} --follow`.")
        raise
    say(f"{result(ended)}")
    if ended.status != "Succeeded":
        raise CopilotError(
            f"run {ended.id} of `{target.name}` in `{target.state.environment}` failed: {ended.reason}",
            hint=f"run it again with `{target.command('run')}`",
        )
