"""``copilot pipeline override``: changes to a pipeline's template that its manifest has no key for."""

from __future__ import annotations

from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._overrides import check_engine, override_options, write_overrides
from copilot.cli._root import command
from copilot.cli.pipeline._manifest import choose_files, own_workspace
from copilot.cli.pipeline._target import name_option

_EXAMPLE = """\
- op: add
  path: /Resources/BuildProject/Properties/QueuedTimeoutInMinutes
  value: 60
"""


@command("pipeline override")
@app_option
@name_option
@override_options
def override(context: Context, name: str | None) -> None:
    """A file of patches, with an example. `pipeline update` and `pipeline package` apply what is in it."""
    check_engine(context)
    workspace = own_workspace(context)
    files = choose_files(workspace, name)
    from copilot.aws.overrides import pipeline_overrides

    write_overrides(
        pipeline_overrides(workspace, files),
        what=f"the template of pipeline `{files.name}`",
        see=f"copilot pipeline package --name {files.name}",
        apply=f"copilot pipeline update --name {files.name}",
        example=_EXAMPLE,
    )
