"""Writes the parts of docs/reference.md that are made from the code: commands, manifest keys, the annotated manifest.

    python docs/_generate.py

Each part stands between ``<!-- generated: NAME -->`` and ``<!-- end of NAME -->``. A test fails when they are not up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from copilot.cli._commands import COMMANDS, PROGRAM, Entry, below
from copilot.cli._options import IGNORED_FLAGS
from copilot.cli._root import load
from copilot.cli.pipeline.scaffold import PipelineAnswers, manifest_text
from copilot.manifest.schema import MODELS, schema
from copilot.manifest.section import Section
from copilot.release.unsupported import REFUSED_BY_LOCAL, WITHOUT_EFFECT_HERE

REFERENCE = Path(__file__).with_name("reference.md")
KINDS = {kind.lower().replace(" ", "-"): kind for kind in MODELS}
"""Parts that list the keys of a file, and what its schema is asked for by."""

_FLAG = {True, False, "yes", "no", "on", "off"}
_TEXT = ["string", "number", "boolean"]
_SIMPLE_KINDS = {"array": "list", "number": "number", "object": "mapping", "string": "text"}


def generated() -> dict[str, str]:
    """The text of every part, by its name."""
    keys = {f"keys of {name}": _keys(schema(kind)) for name, kind in KINDS.items()}
    here = {"keys without effect here": _without_effect(), "keys refused here": _refused_here()}
    return {"commands": _commands(), "annotated manifest": _annotated(), **keys, **here}


def updated(text: str) -> str:
    """The reference with every part up to date. Raises LookupError when it has no place for one."""
    for name, part in generated().items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise LookupError(f"docs/reference.md has no place for the {name}: write both comments where it belongs")
        text = pattern.sub(lambda match, part=part: f"{match[1]}\n{part}\n{match[2]}", text)  # type: ignore[misc]  # mypy cannot see that the default makes it one argument
    return text


def _commands() -> str:
    blocks = []
    for entry in COMMANDS:
        if not entry.listed:
            continue
        if entry.is_group:
            names = ", ".join(f"[`{e.name}`](#{_anchor(e)})" for e in below(entry.path) if e.listed)
            blocks.append(f"### {PROGRAM} {entry.path}\n\n{entry.summary}: {names}.\n")
        else:
            blocks.append(_command(entry))
    return "\n".join(blocks)


def _anchor(entry: Entry) -> str:
    return f"{PROGRAM}-{entry.path.replace(' ', '-')}"


def _command(entry: Entry) -> str:
    command = load(entry)
    usage = " ".join([PROGRAM, entry.path, *(_argument(p) for p in command.params if isinstance(p, click.Argument))])
    lines = [f"#### {PROGRAM} {entry.path}", "", f"`{usage} [flags]`", "", f"{entry.summary}."]
    if command.help:
        lines[-1] += " " + " ".join(_markdown(command.help).split())
    if entry.aliases:
        lines[-1] += " Also called " + " and ".join(f"`{entry.parent} {alias}`" for alias in entry.aliases) + "."
    options = [_option(p) for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        lines += ["", *options]
    ignored = IGNORED_FLAGS.get(entry.path, ())
    if ignored:
        flags = ", ".join(f"`{flag.rstrip('=')}`" for flag in ignored)
        lines += ["", f"Flags of AWS Copilot that are taken and change nothing: {flags}."]
    examples = [f"`{line}`" for line in entry.example.splitlines()]
    if examples:
        lines += ["", f"{'Example' if len(examples) == 1 else 'Examples'}: {', '.join(examples)}"]
    return "\n".join(lines) + "\n"


def _markdown(help_: str) -> str:
    """Help text as Markdown: what looks like a tag is none."""
    text = help_.replace("``", "`")
    return text.replace("<", "&lt;") if "`" not in text else text


def _argument(parameter: click.Argument) -> str:
    return parameter.make_metavar(click.Context(click.Command("x")))


def _option(option: click.Option) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    if not option.is_flag:
        value = option.make_metavar(click.Context(click.Command("x")))
        names += f" {value}"
    default = f" Default: `{option.default}`." if option.show_default and option.default is not None else ""
    return f"* `{names}`: {option.help}{default}"


def _annotated() -> str:
    answers = PipelineAnswers(
        name="pipeline-shop-ana-shop",
        environments=("test", "prod"),
        provider="GitHub",
        repository="https://github.com/ana/shop",
        branch="main",
        buildspec="copilot/buildspec.yml",
        access_token_secret="github-token-shop-shop",  # noqa: S106 - the name of a secret
    )
    return f"<!-- example: copilot/pipeline.yml -->\n```yaml\n{manifest_text(answers)}```\n"


def _keys(document: dict[str, Any]) -> str:
    definitions = document.get("$defs", {})
    rows = ["| key | value | meaning |", "|---|---|---|"]
    rows += [f"| {' | '.join(_cell(part) for part in row)} |" for row in _rows(document, definitions, "", {})]
    refused = sorted(_refused(document, definitions, ""))
    text = "\n".join(rows) + "\n"
    if refused:
        listed = ", ".join(f"`{key}`" for key in refused)
        text += f"\nKeys that AWS defines and this release does not support; each is an error that says so: {listed}.\n"
    return text


def _without_effect() -> str:
    rows = [f"| `{key}` | {_cell(instead)} |" for key, instead in WITHOUT_EFFECT_HERE.items()]
    return "\n".join(["| key | on this machine |", "|---|---|", *rows]) + "\n"


def _refused_here() -> str:
    rows = [
        f"| {', '.join(f'`{key}`' for key in refusal.key.split(', '))} | It {_cell(refusal.reason)}. |"
        for refusal in REFUSED_BY_LOCAL
    ]
    return "\n".join(["| key | why |", "|---|---|", *rows]) + "\n"


def _rows(
    node: dict[str, Any], definitions: dict[str, Any], prefix: str, listed: dict[int, str]
) -> Iterator[tuple[str, str, str]]:
    """A row for each key. Keys that were listed before, as another mapping's, are not listed again.

    ``listed`` has the key under which the keys of a mapping were listed, by the mapping's identity.
    """
    # What differs between environments comes last, after what it speaks of.
    for name, given in sorted(node.get("properties", {}).items(), key=lambda item: item[0] == "environments"):
        key = f"{prefix}{name}"
        required = name in node.get("required", ())
        path, inside = _inside(given, definitions)
        meaning = given.get("description") or inside.get("description", "")
        before = listed.get(id(inside)) if len(inside.get("properties", ())) > 1 else None
        again = f" Its keys are those of `{before}`." if before is not None else ""
        yield f"`{key}`", _value(given, required), meaning + _default(given) + again
        if name != "environments" and before is None and not _same_keys(inside, node):
            listed[id(inside)] = key
            yield from _rows(inside, definitions, f"{key}{path}.", listed)


def _same_keys(inside: dict[str, Any], node: dict[str, Any]) -> bool:
    """Whether a mapping has none but keys of the one that it is in, as further rules of a list do."""
    keys = inside.get("properties", {}).keys()
    return len(keys) > 1 and keys <= node.get("properties", {}).keys()


def _inside(given: dict[str, Any], definitions: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The mapping that a value is or holds, and how its keys are reached: ``[]`` in a list, ``.<name>`` in a mapping."""
    if "$ref" in given:
        return "", definitions[given["$ref"].rpartition("/")[2]]
    if "properties" in given:
        return "", given
    found = [_inside(option, definitions) for option in given.get("anyOf", ())]
    if any(inside for _, inside in found):
        return next((path, inside) for path, inside in found if inside)
    if isinstance(given.get("items"), dict):
        path, inside = _inside(given["items"], definitions)
        return f"[]{path}", inside
    if isinstance(given.get("additionalProperties"), dict):
        path, inside = _inside(given["additionalProperties"], definitions)
        return f".<name>{path}", inside
    return "", {}


def _value(given: dict[str, Any], required: bool) -> str:
    return f"{_kind(given)}, **required**" if required else _kind(given)


def _kind(given: dict[str, Any]) -> str:
    if "const" in given:
        return f"`{given['const']}`"
    if "enum" in given:
        values = given["enum"]
        return "true or false" if set(values) == _FLAG else ", ".join(f"`{value}`" for value in dict.fromkeys(map(str, values)))
    if "anyOf" in given:
        kinds = [_kind(option) for option in given["anyOf"] if option != {"type": "null"}]
        return " or ".join(dict.fromkeys(kinds))
    if "examples" in given:
        return f"duration, such as `{given['examples'][0]}`"
    kind: Any = "object" if "$ref" in given else given.get("type")
    if kind == "integer":
        return f"whole number{_limits(given)}"
    return "text" if kind == _TEXT else _SIMPLE_KINDS.get(kind, "anything")


def _limits(given: dict[str, Any]) -> str:
    least = given.get("minimum", given["exclusiveMinimum"] + 1 if "exclusiveMinimum" in given else None)
    most = given.get("maximum")
    if least is None:
        return ""
    return f", {least} to {most}" if most is not None else f", at least {least}"


def _default(given: dict[str, Any]) -> str:
    default = given.get("default")
    if default in (None, [], {}, "") or "efault" in given.get("description", ""):
        return ""
    if "examples" in given and isinstance(default, float):
        return f" Default: `{default:g}s`."
    return f" Default: `{str(default).lower() if isinstance(default, bool) else default}`."


def _refused(node: dict[str, Any], definitions: dict[str, Any], prefix: str, model: str = "") -> Iterator[str]:
    sections = {section.__name__: section for section in _sections(Section)}
    name = model or MODELS[node["title"]].__name__
    for key in sections[name].unsupported if name in sections else ():
        yield f"{prefix}{key}"
    for key, given in node.get("properties", {}).items():
        path, inside = _inside(given, definitions)
        model = next((n for n, d in definitions.items() if d is inside), "")
        if model and key != "environments":
            yield from _refused(inside, definitions, f"{prefix}{key}{path}.", model)


def _sections(base: type[Section]) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        yield section
        yield from _sections(section)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the reference."""
    REFERENCE.write_text(updated(REFERENCE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
