"""A workload's ``addons/`` folder: the templates in it, merged into the one that becomes a nested stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.aws.templates.rendering import dump
from copilot.aws.templates.workload.addon_nodes import Entry, template_entries
from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.faults import suggestion
from copilot.manifest.loader import SourceText, read
from copilot.manifest.tree import Span

GIVEN = ("App", "Env", "Name")
"""Parameters that every addons template gets: names of the application, the environment and the workload."""

_SUFFIXES = (".yml", ".yaml")
_PARAMETERS_FILES = tuple(f"addons.parameters{suffix}" for suffix in _SUFFIXES)
_SECTIONS = ("Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform", "Resources", "Outputs")
_HEADERS = ("AWSTemplateFormatVersion", "Description")
_KINDS = {
    "AWS::SecretsManager::Secret": "secret",
    "AWS::IAM::ManagedPolicy": "policy",
    "AWS::EC2::SecurityGroup": "security group",
}


@dataclass(frozen=True)
class AddonsTemplate:
    """The merged template of a folder.

    Attributes:
        text: The template.
        outputs: What the workload makes of each output: ``variable``, ``secret``, ``policy`` or ``security group``.
        parameters: Values of the template's parameters other than `GIVEN`: text, or functions of the workload's template.
    """

    text: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, Any]


def read_addons(folder: Path) -> AddonsTemplate | None:
    """Read and merge the templates of a folder, in the order of their names; None if it has none.

    What two templates define alike is one. The values of further parameters are in ``addons.parameters.yml``.

    Raises:
        ManifestError: A file cannot be read, they do not fit each other, or something is missing; all that is wrong.
    """
    files = sorted(path for path in folder.glob("*") if path.suffix in _SUFFIXES) if folder.is_dir() else []
    templates = [path for path in files if path.name not in _PARAMETERS_FILES]
    values = [path for path in files if path.name in _PARAMETERS_FILES]
    problems: list[Diagnostic] = []
    read_files = [_read(path, problems) for path in (*templates, *values)]
    if problems:
        raise ManifestError(problems)
    merged = _Merged()
    for source, sections in read_files[: len(templates)]:
        merged.add(source, sections)
    parameters = _parameters(read_files[len(templates) :], merged)
    if merged.problems:
        raise ManifestError(merged.problems)
    return merged.template(parameters) if templates else None


def _read(path: Path, problems: list[Diagnostic]) -> tuple[SourceText, dict[str, Entry]]:
    source = SourceText(path, str(path), "")
    try:
        source = read(path)
        return source, template_entries(source)
    except ManifestError as error:
        problems += error.diagnostics
        return source, {}


class _Merged:
    """Sections of several templates, and what is wrong between them."""

    def __init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self._sections: dict[str, dict[str, Entry]] = {}
        self._transforms: list[Any] = []

    def section(self, name: str) -> dict[str, Entry]:
        return self._sections.setdefault(name, {})

    def add(self, source: SourceText, sections: Mapping[str, Entry]) -> None:
        for name, entry in sections.items():
            if name == "Transform":
                transforms = entry.data if isinstance(entry.data, list) else [entry.data]
                self._transforms += [each for each in transforms if each not in self._transforms]
            elif name in _SECTIONS:
                self._add_section(name, entry)
            elif name not in _HEADERS:
                meant = suggestion(name, (*_SECTIONS, *_HEADERS))
                self.problems.append(
                    entry.problem(f"a template has no section `{name}`", f"did you mean `{meant}`?" if meant else None)
                )
        if not any(name in sections for name in _SECTIONS):
            self.problems.append(source.diagnostic(Span(0, 1), "the template has no `Resources`"))

    def _add_section(self, name: str, entry: Entry) -> None:
        if not isinstance(entry.data, dict) or (entry.data and not entry.entries):
            self.problems.append(entry.problem(f"`{name}` must be a mapping of names to what they are"))
            return
        for key, item in entry.entries.items():
            self._check(name, key, item)
            self._add_item(name, self.section(name), key, item)

    def _add_item(self, section: str, known: dict[str, Entry], key: str, item: Entry) -> None:
        first = known.setdefault(key, item)
        if first.data == item.data:
            return
        if section == "Mappings":  # two templates may fill one
            for inner, nested in item.entries.items():
                self._add_item(f"{section}.{key}", first.entries, inner, nested)
            merged = {inner: nested.data for inner, nested in first.entries.items()}
            known[key] = Entry(first.source, first.key, merged, first.entries)
            return
        hint = f"the first is in {first.place}; rename one of them, or write them alike"
        self.problems.append(item.problem(f"`{key}` is in two templates, which say different things of it", hint))

    def _check(self, section: str, key: str, item: Entry) -> None:
        wanted = {"Resources": "Type", "Parameters": "Type", "Outputs": "Value"}.get(section)
        if wanted is not None and wanted not in item.entries:
            self.problems.append(item.problem(f"`{key}` has no `{wanted}`"))

    def template(self, parameters: Mapping[str, Any]) -> AddonsTemplate:
        data: dict[str, Any] = {}
        for name in _SECTIONS:
            items = {key: entry.data for key, entry in self._sections.get(name, {}).items()}
            if name == "Parameters":
                items = {**{given: {"Type": "String"} for given in GIVEN}, **items}
            if name == "Transform" and self._transforms:
                data[name] = self._transforms
            elif items:
                data[name] = items
        resources = {name: entry.data["Type"] for name, entry in self.section("Resources").items()}
        outputs = {name: _kind(entry.data["Value"], resources) for name, entry in self.section("Outputs").items()}
        return AddonsTemplate(dump(data), outputs, parameters)


def _kind(value: Any, resources: Mapping[str, str]) -> str:
    referred = value.get("Ref") if isinstance(value, dict) else None
    return _KINDS.get(resources.get(str(referred), ""), "variable")


def _parameters(files: Iterable[tuple[SourceText, Mapping[str, Entry]]], merged: _Merged) -> dict[str, Any]:
    """The values of parameters, each checked against what the templates declare."""
    values: dict[str, Entry] = {}
    declared = merged.section("Parameters")
    for number, (source, sections) in enumerate(files):
        if number:
            merged.problems.append(source.diagnostic(Span(0, 1), "there are two files of parameters", "remove one of them"))
            continue
        for name, entry in sections.items():
            if name != "Parameters":
                merged.problems.append(entry.problem(f"`{name}` cannot be here", "the file holds `Parameters` only"))
        values = dict(sections["Parameters"].entries) if "Parameters" in sections else {}
        for name, entry in values.items():
            merged.problems += _faults(name, entry, declared)
    for name, entry in declared.items():
        if name not in GIVEN and name not in values and "Default" not in entry.entries:
            hint = f"give it a `Default`, or a value in `{_PARAMETERS_FILES[0]}` beside it"
            merged.problems.append(entry.problem(f"the parameter `{name}` has no value", hint))
    return {name: _value(entry.data) for name, entry in values.items()}


def _faults(name: str, entry: Entry, declared: Mapping[str, Entry]) -> Iterable[Diagnostic]:
    if name in GIVEN:
        yield entry.problem(f"the parameter `{name}` has its value already", "remove it: every template gets it")
    elif name not in declared:
        meant = suggestion(name, declared)
        yield entry.problem(f"no template has the parameter `{name}`", f"did you mean `{meant}`?" if meant else None)
    elif not _is_value(entry.data):
        yield entry.problem(f"the parameter `{name}` cannot be that", "write text, a number, a list of them, or a function")
    elif entry.data is None:
        yield entry.problem(f"the parameter `{name}` has no value")


def _is_value(data: Any) -> bool:
    if isinstance(data, list):
        return not any(isinstance(item, (dict, list)) for item in data)
    return not isinstance(data, dict) or (len(data) == 1 and all(key == "Ref" or key.startswith("Fn::") for key in data))


def _value(data: Any) -> Any:
    """A parameter's value as a nested stack takes it: text, or a function. A list is what its parameter splits at commas."""
    if isinstance(data, list):
        return ",".join(str(_value(item)) for item in data)
    if isinstance(data, bool):
        return str(data).lower()
    return data if isinstance(data, dict) else str(data)
