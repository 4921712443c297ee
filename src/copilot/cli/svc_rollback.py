"""``copilot svc rollback``: an earlier release again, with nothing built."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._deployment import see_through
from copilot.cli._options import yes_option
from copilot.cli._output import ago, bold, dim, out, say, say_next, yellow
from copilot.cli._root import command
from copilot.cli._running import Running, choose_running, refuse_on_aws, service_options
from copilot.cli.svc_status import short_revision
from copilot.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from copilot.engine import Release

_LOOKED_AT = 100
"""How many releases back an earlier one is looked for."""


@command("svc rollback")
@service_options
@yes_option
@click.argument("release", required=False, type=click.IntRange(min=1))
def rollback(context: Context, name: str | None, environment: str | None, yes: bool, release: int | None) -> None:
    """RELEASE is its number; default: the last one that served before.

    What serves now keeps serving until it is healthy. Not on AWS.
    """
    refuse_on_aws(
        context,
        "the aws engine keeps no earlier releases to go back to",
        "check out the earlier commit and run `copilot svc deploy`; a deployment that fails is rolled back by itself",
    )
    running = choose_running(context, name, environment)
    releases = running.engine.releases(*running.place, limit=_LOOKED_AT)
    current = next(r for r in releases if r.number == running.state.release)
    goal = choose_release(running, releases, current, release)
    what = f"{running.name} in {running.environment}"
    say(f"{bold(what)}   release {current.number} → {bold(str(goal.number))}, {_when(goal)}")
    for line in differences(current, goal):
        say(f"    {line}")
    if not yes and not _ask.confirm(f"Bring {what} back to release {goal.number}?", flag="--yes"):
        say("Nothing was changed.")
        return
    done = f"Brought {bold(what)} back to release {goal.number}"
    url = see_through(running.engine, running.engine.redeploy(*running.place, release=goal.number), done)
    if url:
        out(url)
    say_next(running.command("status"))


def choose_release(running: Running, releases: Sequence[Release], current: Release, number: int | None) -> Release:
    """The release of that number, or the last one that served and is not like the current one.

    Raises:
        NotFoundError: There is no such release.
        ConflictError: It serves now, or it never did.
    """
    served = [r for r in releases if r.deployed_at is not None and r.number != current.number]
    there = f"there is: {', '.join(_listed(r) for r in served)}" if served else "there is none yet"
    place = f"`{running.name}` in environment `{running.environment}`"
    if number is None:
        found = next((r for r in served if _content(r) != _content(current)), None)
        if found is None:
            reason = "all releases that served are like the current one" if served else "no other release ever served"
            raise NotFoundError(f"{place} cannot go back: {reason}", hint=None if not served else there)
        return found
    if number == current.number:
        raise ConflictError(f"release {number} of {place} serves now", hint=there)
    for release in releases:
        if release.number == number and release.deployed_at is None:
            raise ConflictError(f"release {number} of {place} never became healthy", hint=there)
        if release.number == number:
            return release
    raise NotFoundError(f"{place} has no release {number}", hint=there)


def differences(before: Release, after: Release) -> list[str]:
    """What changes from one release to another, line by line: image, revision, settings."""
    from copilot.release.settings import changed_settings

    changes = [
        ("image", before.image[:19], after.image[:19]),
        ("revision", short_revision(before.revision), short_revision(after.revision)),
        *changed_settings(before.settings, after.settings),
    ]
    lines = [f"{name} {old or '—'} → {new or '—'}" for name, old, new in changes if old != new]
    return [yellow(line) for line in lines] or [dim("image, revision and settings are the same")]


def _content(release: Release) -> object:
    """What a release is made of, but for the commit it was made from."""
    return replace(release.settings, revision="")


def _listed(release: Release) -> str:
    revision = f" {short_revision(release.revision)}" if release.revision else ""
    return f"{release.number} ({release.image[:13]}…{revision})"


def _when(release: Release) -> str:
    return f"deployed {ago(release.deployed_at, time.time())}" if release.deployed_at is not None else "never deployed"
