"""What ``override`` commands write: a folder for changes to a template that no manifest has a key for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from copilot.cli._context import Context
from copilot.cli._output import say, say_done, say_next, shown_path
from copilot.errors import ManifestError, UnsupportedError

F = TypeVar("F", bound=Callable[..., Any])

_PATCHES = """\
# Changes to {what}, one after the other. README.md, next to this file, says how they are written.
# `{see}` shows what comes of them.
#
# Without the first column of `#`, these lines are a change:
#
{example}"""

_README = """\
# Overrides

The changes in `cfn.patches.yml` are made to {what} each time it is generated.
Look for a key in the manifest first: a manifest is checked, and goes on to work when the template is made in another way.

Each change is an operation of JSON Patch (RFC 6902), in YAML:

| key | what |
|---|---|
| `op` | `add`, `remove` or `replace` |
| `path` | where: keys and numbers of items, each after a `/`; in a key, `/` is written `~1` and `~` is written `~0` |
| `value` | what to write there; `remove` has none |

* `add` sets a key, whether it is there or not. In a list it puts an item before the one with that number; `-` is its end.
* `replace` and `remove` need something to be there.
* Functions have their short forms in a `value`, such as `!Ref`, `!GetAtt` and `!Sub`. In a `path` they have the long one, such as
  `/Outputs/Address/Value/Fn::Sub`.
* The changes are made in the order of the file, each to what the ones before it left.

A change that leads to nothing is an error with its line, before a stack is changed.

See what comes of it:

```
{see}
```

Have it made:

```
{apply}
```
"""


def override_options(function: F) -> F:
    """Add ``--tool``."""
    text = "How changes are written: `yamlpatch`, the only way."
    return click.option("--tool", metavar="TOOL", help=text, callback=_tool, expose_value=False)(function)


def _tool(_context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value == "cdk":
        raise UnsupportedError(
            "overrides that are a program of the AWS CDK are not supported",
            hint="write patches: `--tool yamlpatch`, or leave it out",
        )
    if value not in (None, "yamlpatch"):
        raise click.BadParameter(f"`{value}` is unknown; there is `yamlpatch`")


def check_engine(context: Context) -> None:
    """Raises UnsupportedError where nothing is made from templates."""
    if not context.on_aws:
        raise UnsupportedError(
            "the local engine makes no templates, so there is nothing to override", hint="edit the manifests in copilot/"
        )


def write_overrides(folder: Path, *, what: str, see: str, apply: str, example: str) -> None:
    """Write the files of an overrides folder; those that are there stay.

    Args:
        folder: Where.
        what: Which template, for a sentence.
        see: The command that prints it.
        apply: The command that has AWS make it.
        example: A patch, in YAML.

    Raises:
        ManifestError: The folder has something that cannot be used.
    """
    from copilot.aws.overrides import CDK, PATCHES, check_overrides
    from copilot.workspace import write

    if (folder / CDK).exists():
        raise ManifestError(check_overrides(folder))
    commented = "".join(f"# {line}\n" for line in example.splitlines())
    texts = {
        PATCHES: _PATCHES.format(what=what, see=see, example=commented),
        "README.md": _README.format(what=what, see=see, apply=apply),
    }
    outcomes = {name: write(folder / name, text) for name, text in texts.items()}
    for name, outcome in outcomes.items():
        say(f"  {'wrote' if outcome == 'written' else 'kept'} {shown_path(folder / name)}")
    if "written" not in outcomes.values():
        say("The files are there already. There was nothing to do.")
    else:
        say_done(f"Changes to {what} go into {shown_path(folder / PATCHES)}")
    say_next(see, apply)
