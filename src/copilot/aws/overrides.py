"""Changes that people make to generated templates: YAML patches in an ``overrides/`` folder, as AWS Copilot applies them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.references import missing_references
from copilot.aws.templates.rendering import dump
from copilot.aws.templates.workload.addon_nodes import Entry, item_entries
from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.faults import suggestion
from copilot.manifest.loader import read
from copilot.manifest.tree import Span
from copilot.manifest.values import kind_of, shown
from copilot.workspace import PipelineFiles, Workspace

PATCHES = "cfn.patches.yml"
"""The file of an overrides folder that is read."""
CDK = "cdk.json"
"""The file by which AWS Copilot knows overrides that are a program of the AWS CDK."""

_FOLDER = "overrides"
_KEYS = ("op", "path", "value")
_OPERATIONS = ("add", "remove", "replace")
_OF_NAMES = frozenset({"Conditions", "Hooks", "Mappings", "Metadata", "Outputs", "Parameters", "Resources", "Rules"})
_SECTIONS = _OF_NAMES | {"AWSTemplateFormatVersion", "Description", "Transform"}
_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_LISTED = 8
"""So many keys are named when another one is not there."""


def pipeline_overrides(workspace: Workspace, files: PipelineFiles) -> Path:
    """The folder with a pipeline's overrides: AWS Copilot's, which has the pipeline's name whatever the layout.

    If that is not there, one next to the manifest counts, in a folder that is called otherwise.
    """
    folder = workspace.folder / "pipelines" / files.name / _FOLDER
    beside = files.manifest.parent / _FOLDER
    return beside if not folder.exists() and beside.exists() and files.manifest.parent != workspace.folder else folder


def workload_overrides(workspace: Workspace, workload: str) -> Path:
    """The folder with the overrides of a workload, for all environments."""
    return workspace.folder / workload / _FOLDER


def environment_overrides(workspace: Workspace) -> Path:
    """The folder with the overrides of all environments."""
    return workspace.folder / "environments" / _FOLDER


def check_overrides(folder: Path) -> list[Diagnostic]:
    """What is wrong with an overrides folder, as far as that can be told without the template."""
    try:
        _read(folder)
    except ManifestError as error:
        return list(error.diagnostics)
    return []


def overridden(folder: Path, template: str) -> str:
    """A template with the patches of an overrides folder applied, one after the other; without any, the template as it is.

    Args:
        folder: The folder, which need not be there.
        template: The text of a template of ours.

    Raises:
        ManifestError: A patch is none, or leads to nothing, or what comes of them is no template; all that is wrong.
    """
    patches = _read(folder)
    if not patches:
        return template
    data = read_template(template)
    problems = [problem for patch in patches for problem in patch.apply(data)]
    if not problems:
        problems = list(_faults(data, patches))
    if problems:
        raise ManifestError(problems)
    return dump(data)


@dataclass(frozen=True)
class _Patch:
    """One change.

    Attributes:
        entry: What was written.
        operation: What is done.
        steps: Keys and indexes that lead from the template's root to where it is done.
    """

    entry: Entry
    operation: str
    steps: tuple[str, ...]

    def apply(self, data: Any) -> Iterator[Diagnostic]:
        """Change the data in place, or tell why that cannot be."""
        import jsonpatch  # noqa: PLC0415 - few repositories have patches

        place = data
        for number, step in enumerate(self.steps):
            last = number == len(self.steps) - 1
            where = f"`{_pointer(self.steps[:number])}`" if number else "the template"
            wrong = _wrong_step(place, where, step, adds=last and self.operation == "add")
            if wrong is not None:
                yield self.problem(*wrong)
                return
            if not last:
                place = place[int(step)] if isinstance(place, list) else place[step]
        jsonpatch.apply_patch(data, [self.entry.data], in_place=True)

    def problem(self, message: str, hint: str | None = None) -> Diagnostic:
        """A message about where the patch leads."""
        return self.entry.entries["path"].problem(message, hint)


def _read(folder: Path) -> list[_Patch]:
    if not folder.is_dir() or not any(folder.iterdir()):
        return []
    if (folder / CDK).exists():
        raise ManifestError([_without_cdk(folder / CDK)])
    problems: list[Diagnostic] = []
    patches = [_patch(item, problems) for item in item_entries(read(folder / PATCHES))]
    if problems:
        raise ManifestError(problems)
    return [patch for patch in patches if patch is not None]


def _without_cdk(path: Path) -> Diagnostic:
    """A fault without exit: a program that makes templates would have to be run, and its results cannot be foreseen."""
    source = read(path)
    message = "overrides that are a program of the AWS CDK are not supported"
    return source.diagnostic(
        Span(0, 1), message, f"write what it changes as YAML patches, into `{PATCHES}`, and delete this file"
    )


def _patch(item: Entry, problems: list[Diagnostic]) -> _Patch | None:
    found = list(_patch_faults(item))
    problems += found
    if found:
        return None
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in item.data["path"].split("/")[1:])
    return _Patch(item, item.data["op"], steps)


def _patch_faults(item: Entry) -> Iterator[Diagnostic]:
    if not isinstance(item.data, dict) or (item.data and not item.entries):
        yield item.problem(f"a patch must be a mapping of keys to values, not {kind_of(item.data)}", "with `op` and `path`")
        return
    for key, entry in item.entries.items():
        if key not in _KEYS:
            meant = suggestion(key, _KEYS)
            yield entry.problem(f"unknown key `{key}` in a patch", f"did you mean `{meant}`?" if meant else None)
    for key in ("op", "path"):
        if key not in item.entries:
            yield item.problem(f"`{key}` is missing in this patch")
    if "op" in item.entries:
        yield from _operation_faults(item)
    if "path" in item.entries:
        yield from _path_faults(item.entries["path"])


def _operation_faults(item: Entry) -> Iterator[Diagnostic]:
    operation = item.data["op"]
    if operation not in _OPERATIONS:
        yield item.entries["op"].problem(f"`op` is unknown: {shown(operation)}", f"it is one of: {', '.join(_OPERATIONS)}")
    elif operation != "remove" and "value" not in item.entries:
        yield item.problem(f"`value` is missing: `{operation}` needs one")
    elif operation != "remove" and item.data["value"] is None:
        yield item.entries["value"].problem("`value` has no value", "CloudFormation takes no empty values; `remove` removes one")


def _path_faults(entry: Entry) -> Iterator[Diagnostic]:
    path = entry.data
    hint = "such as `/Resources/BuildProject/Properties/TimeoutInMinutes`"
    if not isinstance(path, str):
        yield entry.problem(f"`path` must be text, not {kind_of(path)}", hint)
    elif not path.startswith("/"):
        yield entry.problem("`path` must begin with `/`", hint)
    elif path == "/":
        yield entry.problem("`path` must lead to something in the template, not to all of it", hint)
    elif _BAD_ESCAPE.search(path):
        yield entry.problem("a `~` in `path` is written `~0`, and a `/` in a key `~1`")


def _wrong_step(place: Any, where: str, step: str, *, adds: bool) -> tuple[str, str | None] | None:
    """Why a step does not lead on, and what to do. ``where`` is what a message calls the place it begins at."""
    if isinstance(place, Mapping):
        if adds or step in place:
            return None
        meant = suggestion(step, map(str, place))
        return f"there is no `{step}` in {where}", f"did you mean `{meant}`?" if meant else _there_is(place)
    if not isinstance(place, list):
        return f"{where} is {kind_of(place)}, and has nothing in it", None
    if adds and step == "-":
        return None
    if not _INDEX.fullmatch(step):
        ways = f"a number{', or `-` for its end' if adds else ''}"
        return f"{where} is a list, of which `{step}` is no item", f"an item is {ways}"
    if int(step) < len(place) + adds:
        return None
    count = "no items" if not place else "one item" if len(place) == 1 else f"{len(place)} items"
    return f"{where} has {count}, and no item {step}", "the first is 0"


def _there_is(place: Mapping[str, Any]) -> str | None:
    listed = list(map(str, place))
    if not listed:
        return None
    return f"there is: {', '.join(listed[:_LISTED])}{', …' if len(listed) > _LISTED else ''}"


def _pointer(steps: tuple[str, ...]) -> str:
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


def _faults(data: Mapping[str, Any], patches: list[_Patch]) -> Iterator[Diagnostic]:
    """In what the patched data is no template, each at the last patch that had to do with it."""
    broken = False
    for section, content in data.items():
        if section in _OF_NAMES and not isinstance(content, dict):
            broken = True
            yield _last(patches, section).problem(f"`{section}` must be a mapping of names to what they are")
        elif section not in _SECTIONS:
            meant = suggestion(str(section), _SECTIONS)
            yield _last(patches, section).problem(
                f"a template has no section `{section}`", f"did you mean `{meant}`?" if meant else None
            )
    if broken:
        return
    if not data.get("Resources"):
        yield _last(patches, "Resources").problem("the template must have `Resources`")
        return
    for name, resource in data["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            yield _last(patches, "Resources", name).problem(f"resource `{name}` must be a mapping with a `Type`")
    # What a transform adds is not known here.
    for missing, user in () if "Transform" in data else missing_references(data):
        message = f"`{user}` refers to `{missing}`, which is not in the template"
        yield _last(patches, "Resources", missing, otherwise=("Resources", user)).problem(message)


def _last(patches: list[_Patch], *steps: str, otherwise: tuple[str, ...] = ()) -> _Patch:
    for way in (steps, otherwise):
        for patch in reversed(patches):
            length = min(len(way), len(patch.steps))
            if way and patch.steps[:length] == way[:length]:
                return patch
    return patches[-1]
