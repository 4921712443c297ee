"""``copilot svc pause`` and ``resume``."""

from __future__ import annotations

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._deployment import see_through
from copilot.cli._options import yes_option
from copilot.cli._output import bold, out, progress, say, say_done, say_next
from copilot.cli._root import command
from copilot.cli._running import choose_running, refuse_on_aws, service_options


@command("svc pause")
@service_options
@yes_option
def pause(context: Context, name: str | None, environment: str | None, yes: bool) -> None:
    """Requests to it are answered with 503 until it is resumed, or a new release is deployed. Not on AWS."""
    refuse_on_aws(
        context,
        "a service on AWS cannot be paused",
        "put `count: 0` for the environment into its manifest and deploy it: it stays, without tasks",
    )
    running = choose_running(context, name, environment)
    what = f"{running.name} in {running.environment}"
    if running.state.paused_at is not None:
        say(f"{what} is paused already. There was nothing to do.")
        return
    if not yes and not _ask.confirm(f"Stop the tasks of {what}? Requests to it will be answered with 503.", flag="--yes"):
        say("Nothing was changed.")
        return
    with progress(f"Pausing {what}"):
        running.engine.pause_service(*running.place)
    say_done(f"Paused {bold(what)}; release {running.state.release} is kept")
    say_next(running.command("resume"))


@command("svc resume")
@service_options
def resume(context: Context, name: str | None, environment: str | None) -> None:
    """The release that was paused, as it was. Requests go to it once its tasks are healthy. Not on AWS."""
    refuse_on_aws(
        context,
        "a service on AWS is never paused, so there is nothing to resume",
        "its manifest says how many tasks run: `count`",
    )
    running = choose_running(context, name, environment)
    if running.state.paused_at is None:
        say(f"{running.name} in {running.environment} is not paused. There was nothing to do.")
        return
    done = f"Resumed {bold(f'{running.name} in {running.environment}')}"
    url = see_through(running.engine, running.engine.resume_service(*running.place), done)
    if url:
        out(url)
