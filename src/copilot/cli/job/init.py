"""``copilot job init``."""

from __future__ import annotations

from pathlib import Path

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._dockerfiles import choose_dockerfile, warn_of
from copilot.cli._options import app_option
from copilot.cli._output import bold, fields, say, say_done, say_next, shown_path, yellow
from copilot.cli._root import command
from copilot.cli.job._manifest import JobAnswers, manifest_text
from copilot.cli.job._target import name_option
from copilot.cli.svc_init import register
from copilot.errors import ConflictError, UsageError

_TYPE = "Scheduled Job"
_OTHER = "other"
_SCHEDULES = [
    ("@hourly", "when an hour begins"),
    ("@daily", "at midnight, UTC"),
    ("@weekly", "on Sunday at midnight, UTC"),
    ("@monthly", "on the first of the month at midnight, UTC"),
    (_OTHER, "another interval, or a cron expression"),
]
_MOST_RETRIES = 100


@command("job init")
@app_option
@name_option
@click.option("--schedule", "-s", metavar="SCHEDULE", help="When it runs, in UTC: @daily, '@every 30m', '0 9 * * 1-5' or none.")
@click.option("--dockerfile", "-d", metavar="PATH", help="Its Dockerfile.")
@click.option("--image", "-i", metavar="IMAGE", help="An image that exists already instead.")
@click.option("--retries", type=click.IntRange(0, _MOST_RETRIES), metavar="N", help="How often a failed run is tried again.")
@click.option("--timeout", metavar="DURATION", help="How long a run may take, all tries together, such as 1h30m.")
@click.option("--job-type", "-t", "type_", metavar="TYPE", help=f'"{_TYPE}", the only one.')
def init(
    context: Context,
    name: str | None,
    schedule: str | None,
    dockerfile: str | None,
    image: str | None,
    retries: int | None,
    timeout: str | None,
    type_: str | None,
) -> None:
    """Looks for Dockerfiles in the repository. Writes copilot/<name>/manifest.yml; one that is there is kept as it is."""
    from copilot.manifest.names import check_name

    workspace = context.require_workspace()
    _check_flags(schedule, dockerfile, image, timeout, type_)
    if name is None:
        name = _ask.text("What is the job called?", flag="--name", check=_ask.name_fault)
    check_name("workload", name)
    manifest = workspace.workload_manifest(name)
    known = {w.name: w.type for w in context.engine.workloads(context.app)}
    if known.get(name, _TYPE) != _TYPE:
        raise ConflictError(f"`{name}` exists already and is a {known[name]}", hint="choose another name")
    if manifest.exists():
        _adopt(context, name, manifest, known=name in known)
        return
    schedule = schedule or _ask_schedule(name)
    if image is None:
        dockerfile = choose_dockerfile(workspace, dockerfile)
        if not context.on_aws:
            warn_of(workspace.root / dockerfile, dockerfile)
    elif not context.on_aws:
        _warn_of_image(context)
    _write(manifest, JobAnswers(name, schedule, dockerfile, image, retries, timeout))
    register(context, name, _TYPE)
    say_done(f"Added job {bold(name)} to application {bold(context.app)}")
    built = {"  Image": image} if image else {"  Dockerfile": dockerfile or ""}
    say(fields({**built, "  Schedule": schedule, "  Wrote": shown_path(manifest)}))
    _say_next(context, name)


def _check_flags(schedule: str | None, dockerfile: str | None, image: str | None, timeout: str | None, type_: str | None) -> None:
    from copilot.manifest.scalars import parse_duration
    from copilot.manifest.schedule import ScheduleError, parse_schedule

    if type_ not in (None, _TYPE):
        raise UsageError(f"`--job-type` must be `{_TYPE}`, not `{type_}`")
    if dockerfile is not None and image is not None:
        raise UsageError("`--dockerfile` and `--image` cannot be used together")
    if timeout is not None and (parse_duration(timeout) or 0) < 1:
        raise UsageError(f"`--timeout` must be a duration of at least a second, such as `90s` or `1h30m`, not `{timeout}`")
    try:
        parse_schedule(schedule or "none")
    except ScheduleError as error:
        raise UsageError(f"`--schedule` {error.text}", hint=error.hint) from None


def _ask_schedule(name: str) -> str:
    chosen = _ask.select(f"When does {name} run?", _SCHEDULES, flag="--schedule")
    if chosen != _OTHER:
        return chosen
    return _ask.text("Schedule, such as `@every 30m` or `0 9 * * 1-5`:", flag="--schedule", check=_schedule_fault)


def _schedule_fault(value: str) -> str | None:
    from copilot.manifest.schedule import ScheduleError, parse_schedule

    try:
        parse_schedule(value)
    except ScheduleError as error:
        return f"It {error.text}" + (f": {error.hint}" if error.hint else "")
    return None


def _adopt(context: Context, name: str, manifest: Path, *, known: bool) -> None:
    """Register a job whose manifest is there already."""
    from copilot.manifest.workload import load_workload

    written = load_workload(manifest).model.type
    if written != _TYPE:
        raise ConflictError(f"`{shown_path(manifest)}` says that `{name}` is a {written}", hint="choose another name")
    if known:
        say(f"Job {bold(name)} is there already, with {shown_path(manifest)}. There was nothing to do.")
    else:
        register(context, name, _TYPE)
        say_done(f"Added job {bold(name)} to application {bold(context.app)}, as {shown_path(manifest)} describes it")
    _say_next(context, name)


def _warn_of_image(context: Context) -> None:
    on_host = [e.name for e in context.local.environments(context.app) if e.runtime == "host"]
    if on_host:
        say(f"{yellow('warning:')} the host runtime of environment {', '.join(on_host)} cannot run an image of a registry")


def _write(manifest: Path, answers: JobAnswers) -> None:
    """Write the manifest. Raises ManifestError, and writes nothing, if an answer does not fit."""
    from copilot.manifest.loader import SourceText
    from copilot.manifest.workload import parse_workload
    from copilot.workspace import write

    text = manifest_text(answers)
    parse_workload(SourceText(manifest, shown_path(manifest), text))
    write(manifest, text)


def _say_next(context: Context, name: str) -> None:
    environments = context.engine.environments(context.app)
    first = [] if environments else ["copilot env init --name test"]
    if first and context.on_aws:
        first.append("copilot env deploy --name test")
    environment = environments[0].name if environments else "test"
    say_next(
        *first, f"copilot job deploy --name {name} --env {environment}", f"copilot job run --name {name} --env {environment}"
    )
