"""Options that many commands share, and those AWS Copilot has that mean nothing here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from copilot.cli._context import Context
from copilot.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST_TAG_KEY = 128
_LONGEST_TAG_VALUE = 256
_TAG_CHARACTERS = " _.:/=+-@"

IGNORED_FLAGS: dict[str, tuple[str, ...]] = {
    "env init": ("--allow-downgrade", "--default-config"),
    "env deploy": ("--allow-downgrade",),
    "env package": ("--allow-downgrade", "--force", "--upload-assets"),
    "env override": ("--cdk-language=", "--skip-resources"),
    "svc init": ("--allow-downgrade", "--ingress-type=", "--sources="),
    "svc deploy": ("--allow-downgrade",),
    "svc package": ("--allow-downgrade",),
    "svc override": ("--cdk-language=", "--skip-resources"),
    "svc exec": ("--yes",),
    "deploy": ("--allow-downgrade", "--init-wkld"),
    "job init": ("--allow-downgrade",),
    "job deploy": ("--allow-downgrade",),
    "job package": ("--allow-downgrade",),
    "job override": ("--cdk-language=", "--skip-resources"),
    "pipeline update": ("--allow-downgrade",),
    "pipeline override": ("--cdk-language=", "--skip-resources"),
}
"""By command: flags of AWS Copilot that a script may pass and that change nothing here; ``=``: it takes a value."""


def ignored_options(path: str) -> list[click.Parameter]:
    """The hidden options of a command that have no effect."""
    made: list[click.Parameter] = []
    for flag in IGNORED_FLAGS.get(path, ()):
        takes_value = flag.endswith("=")
        name = f"ignored_{flag.strip('-=').replace('-', '_')}"
        option = click.Option([flag.removesuffix("="), name], is_flag=not takes_value, hidden=True, expose_value=False)
        made.append(option)
    return made


def app_option(function: F) -> F:
    """Add ``--app -a``; the command gets a `Context` as ``context``."""
    return click.option(
        "--app",
        "-a",
        "context",
        metavar="NAME",
        help="The application; default: the one of this repository.",
        callback=lambda _ctx, _param, value: Context(value),
    )(function)


def app_name_option(function: F) -> F:
    """Add ``--name -n`` for an application; the command gets a `Context` as ``context``."""
    return click.option(
        "--name",
        "-n",
        "context",
        metavar="NAME",
        help="The application; default: the one of this repository.",
        callback=lambda _ctx, _param, value: Context(value),
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``; the command gets ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def yes_option(function: F) -> F:
    """Add ``--yes``; the command gets ``yes``."""
    return click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(function)


def keep_volumes_option(function: F) -> F:
    """Add ``--keep-volumes``; the command gets ``keep_volumes``."""
    text = "This machine: leave the volumes of its services; an environment of the same name finds them again."
    return click.option("--keep-volumes", is_flag=True, help=text)(function)


def tags_option(function: F) -> F:
    """Add ``--resource-tags``; the command gets ``tags``, a mapping or None."""
    return click.option(
        "--resource-tags",
        "tags",
        metavar="KEY=VALUE,…",
        help="AWS: tags on everything that is made.",
        callback=lambda _ctx, _param, value: None if value is None else _tags(value),
    )(function)


def _tags(text: str) -> dict[str, str]:
    """Tags as CloudFormation takes them: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html."""
    found = pairs("--resource-tags", text)
    for key, value in found.items():
        if key.lower().startswith("aws:"):
            raise UsageError(f"`--resource-tags`: `{key}` begins with `aws:`, and such tags are AWS's own")
        if len(key) > _LONGEST_TAG_KEY or len(value) > _LONGEST_TAG_VALUE:
            raise UsageError(
                f"`--resource-tags`: `{key[:20]}…` is too long",
                hint=f"a key may have {_LONGEST_TAG_KEY} characters, and a value {_LONGEST_TAG_VALUE}",
            )
        wrong = next((c for c in key + value if not (c.isalnum() or c in _TAG_CHARACTERS)), None)
        if wrong is not None:
            raise UsageError(
                f"`--resource-tags`: a tag must not contain `{wrong}`", hint="it may have letters, digits, spaces and _.:/=+-@"
            )
    return found


def pairs(flag: str, text: str) -> dict[str, str]:
    """``key=value,key=value`` as a mapping. Raises UsageError."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"`{flag}`: `{part}` must be a key and a value, such as `team=web`")
        if key.strip() in found:
            raise UsageError(f"`{flag}`: `{key.strip()}` is there twice")
        found[key.strip()] = value.strip()
    return found


def change_options(function: F) -> F:
    """Add how a stack is changed; the command gets ``diff``, ``diff_yes``, ``detach``, ``force`` and ``no_rollback``."""
    flags = (
        ("--diff", "diff", "AWS: show what would change, and ask before it is changed."),
        ("--diff-yes", "diff_yes", "AWS: with `--diff`, do not ask."),
        ("--detach", "detach", "AWS: do not wait until it is done."),
        ("--force", "force", "AWS: deploy even if nothing changes."),
        ("--no-rollback", "no_rollback", "AWS: leave a deployment that fails as it is, to look at."),
    )
    for flag, name, text in reversed(flags):
        function = click.option(flag, name, is_flag=True, help=text)(function)
    return function


def image_options(function: F) -> F:
    """Add ``--tag`` and ``--resource-tags``; the command gets ``tag`` and ``tags``."""
    function = tags_option(function)
    return click.option("--tag", metavar="TAG", help="AWS: tag of the image; default: the commit.")(function)


def package_options(function: F) -> F:
    """Add the flags of ``package``; the command gets ``output_dir``, ``diff``, ``upload`` and ``tag``."""
    function = click.option("--tag", metavar="TAG", help="AWS: tag of the image; default: the commit.")(function)
    function = click.option(
        "--upload-assets", "upload", is_flag=True, help="AWS: build and push images and upload files, as a deployment does."
    )(function)
    function = click.option("--diff", is_flag=True, help="AWS: show what a deployment would change.")(function)
    folder = click.Path(file_okay=False, path_type=Path)
    return click.option("--output-dir", type=folder, metavar="DIR", help="Write it into this folder instead of printing it.")(
        function
    )


def names(values: tuple[str, ...]) -> tuple[str, ...]:
    """The names given to a repeatable option, where each value may hold several divided by commas."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())
