"""The environment variables of a container: what a manifest says about them, and files that hold more of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.faults import bad_value, suggestion
from copilot.manifest.loader import SourceText, read
from copilot.manifest.scalars import AnyText, FilePath, Text, VariableName
from copilot.manifest.section import Section, checked
from copilot.manifest.tree import Span

ENV_FILE_SUFFIX = ".env"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


class FromCfn(Section):
    """A value that a CloudFormation stack exports."""

    from_cfn: Text = Field(description="Name of the CloudFormation export that holds the value.")


class FromSecretsManager(Section):
    """A secret of AWS Secrets Manager."""

    secretsmanager: Text = Field(
        description="Name of the secret, or `name:json-key:version-stage:version-id`; only the name is required."
    )


def _text_or(text: Any, *sections: type[Section]) -> BeforeValidator:
    """Text, or one of several mappings, which are told apart by their only key."""
    plain_text: TypeAdapter[str] = TypeAdapter(text)
    by_key = {section.keys()[0]: TypeAdapter(section) for section in sections}

    def settle(value: Any) -> Any:
        if isinstance(value, sections):
            return value
        if not isinstance(value, Mapping):
            return checked(plain_text, value)
        meant = next((suggestion(str(key), by_key) for key in value), None)
        return checked(by_key[meant or next(iter(by_key))], value)

    return BeforeValidator(settle)


def _env_file(value: str) -> str:
    if Path(value).suffix != ENV_FILE_SUFFIX and Path(value).name != ENV_FILE_SUFFIX:
        raise bad_value(f"must end in `{ENV_FILE_SUFFIX}`", "Amazon ECS takes no other file")
    return value


TextOrImport = Annotated[Text | FromCfn, _text_or(Text, FromCfn)]
"""Text, or the name of a CloudFormation export that holds it."""

Variables = dict[VariableName, Annotated[AnyText | FromCfn, _text_or(AnyText, FromCfn)]]
"""Environment variables."""

Secret = Annotated[Text | FromSecretsManager | FromCfn, _text_or(Text, FromSecretsManager, FromCfn)]
"""Where a secret is: the name of an SSM parameter or an ARN, a name in Secrets Manager, or an export that holds one of these."""

Secrets = dict[VariableName, Secret]
"""Environment variable to the secret that holds its value."""

EnvFile = Annotated[FilePath, AfterValidator(_env_file)]
"""Path of a file of environment variables."""


def load_env_file(path: Path, shown_as: str | None = None) -> dict[str, str]:
    """Read a file of environment variables.

    It is read as Amazon ECS reads it, which is as Docker does: ``NAME=value`` in each line, lines that begin with ``#`` are
    comments, and a value is everything after the ``=``, quotes and spaces included; nothing in it is expanded.

    Raises:
        ManifestError: It cannot be read, or something is wrong in it; all that is wrong. No value is part of a message.
    """
    source = read(path, shown_as)
    lines: dict[str, int] = {}
    variables: dict[str, str] = {}
    diagnostics: list[Diagnostic] = []
    start = 0
    for number, raw in enumerate(source.text.split("\n"), 1):
        begin, start = start, start + len(raw) + 1
        line = raw.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        problem = _fault(name, equals, value)
        if problem is None and name in lines:
            problem = f"`{name}` is there twice", f"the first is in line {lines[name]}"
        if problem is not None:
            indent = len(raw) - len(raw.lstrip())
            diagnostics.append(_diagnostic(source, begin + indent, name if equals else "", *problem))
        else:
            lines[name], variables[name] = number, value
    if diagnostics:
        raise ManifestError(diagnostics)
    return variables


def _fault(name: str, equals: str, value: str) -> tuple[str, str | None] | None:
    if not equals:
        return "this line has no `=`", "write `NAME=value`, or `#` in front of a comment"
    if not name:
        return "there is no name before this `=`", "write `NAME=value`"
    if name.startswith("export "):
        return "`export` cannot be used here", "write `NAME=value`"
    if not name.isprintable() or " " in name:
        return "the name before the `=` must not contain spaces or control characters", "write `NAME=value`"
    return ("this line holds a null character", None) if "\0" in value else None


def _diagnostic(source: SourceText, begin: int, name: str, message: str, hint: str | None) -> Diagnostic:
    """A message about a line. Only what is certainly a name is shown of it: people keep secrets in such files."""
    shown = name if _NAME.fullmatch(name) else ""
    position = source.position(Span(begin, begin + max(1, len(shown))))
    line = " " * (position.column - 1) + shown
    return Diagnostic(source.shown_as, position.line, position.column, position.length, message, line, hint)
