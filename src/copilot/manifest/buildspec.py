"""The buildspec: how the code is built, as AWS CodeBuild reads it (version 0.2).

Source of the rules: the buildspec reference of the CodeBuild user guide. Where it leaves a question open, the stricter reading
is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.scalars import AnyText, Choice, Command, Flag, OrText, Text, VariableName
from copilot.manifest.section import Section
from copilot.manifest.values import Written, plain, shown

DEFAULT_RETRIES = 3
MOST_RETRIES = 100
_MOST_COLONS = 3
_VERSION_HINT = "write `version: 0.2`"
_RETRY = re.compile(r"RETRY(?:-(?P<count>\d+)(?=-|$))?(?:-(?P<pattern>.+))?", re.DOTALL)


@dataclass(frozen=True)
class OnFailure:
    """What happens when a phase fails.

    Attributes:
        action: ``ABORT`` ends the build, ``CONTINUE`` goes on with the next phase, ``RETRY`` runs the phase again.
        retries: How many times at most; 0 unless the action is ``RETRY``.
        pattern: Retry only if the phase's output matches this regular expression; None: always.
    """

    action: Literal["ABORT", "CONTINUE", "RETRY"] = "ABORT"
    retries: int = 0
    pattern: str | None = None


def parse_on_failure(value: Any) -> OnFailure:
    """``ABORT``, ``CONTINUE``, ``RETRY``, ``RETRY-<count>``, ``RETRY-<regex>`` or ``RETRY-<count>-<regex>``.

    Raises:
        PydanticCustomError: It is none of these, the count is above 100, or the regular expression is broken.
    """
    if isinstance(value, OnFailure):
        return value
    if value in {"ABORT", "CONTINUE"}:
        return OnFailure(value)
    match = _RETRY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        if plain(value) is None:
            raise bad_value("has no value")
        raise bad_value("must be `ABORT`, `CONTINUE`, `RETRY`, `RETRY-<count>`, `RETRY-<regex>` or `RETRY-<count>-<regex>`")
    retries = DEFAULT_RETRIES if match["count"] is None else int(match["count"])
    if retries > MOST_RETRIES:
        raise bad_value(f"must ask for at most {MOST_RETRIES} retries, not {match['count']}")
    if match["pattern"] is not None:
        try:
            re.compile(match["pattern"])
        except re.error as error:
            raise bad_value(f"has a broken regular expression: {error}") from None
    return OnFailure("RETRY", retries, match["pattern"])


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, (str, Written)) and plain(value) is not None else value


def _version(value: Any) -> str:
    if plain(value) is None:
        raise bad_value("has no value", _VERSION_HINT)
    if str(value) == "0.1":
        raise bad_value("must be 0.2, not 0.1", "0.2 runs all commands in one shell; write `version: 0.2`")
    if str(value) != "0.2":
        raise bad_value(f"must be 0.2, not {shown(value)}", _VERSION_HINT)
    return "0.2"


Paths = Annotated[tuple[Text, ...], Field(min_length=1)]


class BuildEnv(Section):
    """Environment variables of the build, and the shell its commands run in."""

    shell: Annotated[Literal["sh", "bash"], Choice] = Field("sh", description="The shell that runs the commands.")
    variables: dict[VariableName, AnyText] = Field(
        default_factory=dict, description="Environment variables. Values are literal: `$` is not expanded."
    )
    parameter_store: dict[VariableName, Text] = Field(
        default_factory=dict, alias="parameter-store", description="Environment variable to the name of a parameter."
    )
    secrets_manager: dict[VariableName, Text] = Field(
        default_factory=dict,
        alias="secrets-manager",
        description="Environment variable to `secret-id:json-key:version-stage:version-id`; only the first is required.",
    )
    exported_variables: tuple[VariableName, ...] = Field(
        (), alias="exported-variables", description="Variables whose final values later actions may read."
    )
    git_credential_helper: Flag = Field(
        False, alias="git-credential-helper", description="Give git the credentials of the source."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Some names are CodeBuild's own, and secrets stay inside."""
        secret: set[str] = set()
        for key in ("variables", "parameter-store", "secrets-manager"):
            names = [str(name) for name in data[key]] if isinstance(data.get(key), Mapping) else []
            secret.update(names if key != "variables" else ())
            for name in names:
                if name.startswith("CODEBUILD_"):
                    yield Fault(
                        (key, name), "value", "must not begin with `CODEBUILD_`: these names are CodeBuild's own", at="key"
                    )
        secrets = data.get("secrets-manager")
        for name, value in secrets.items() if isinstance(secrets, Mapping) else ():
            if isinstance(value, str) and not value.startswith("arn:") and value.count(":") > _MOST_COLONS:
                text = "must be `secret-id:json-key:version-stage:version-id`, of which only the first is required"
                yield Fault(("secrets-manager", name), "value", text)
        exported = data.get("exported-variables")
        for index, name in enumerate(exported if isinstance(exported, (list, tuple)) else ()):
            if isinstance(name, str) and (name in secret or name.startswith("AWS_")):
                what = "a secret" if name in secret else "a variable of AWS"
                yield Fault(("exported-variables", index), "sentence", f"`{name}` is {what} and cannot be exported")


class Phase(Section):
    """Commands that run in order; the first that fails ends the phase, and then what is under ``finally`` runs."""

    run_as: Text | None = Field(None, alias="run-as", description="User who runs the commands.")
    on_failure: Annotated[OnFailure, BeforeValidator(parse_on_failure), WithJsonSchema({"type": "string"})] = Field(
        OnFailure(),
        alias="on-failure",
        description="`ABORT`, `CONTINUE`, `RETRY`, `RETRY-<count>`, `RETRY-<regex>` or `RETRY-<count>-<regex>`.",
    )
    commands: tuple[Command, ...] = Field((), description="Shell commands, one after the other in the same shell.")
    finally_: tuple[Command, ...] = Field((), alias="finally", description="Commands that run afterwards, whatever happened.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """A phase does something, and only the first chooses runtimes."""
        if not {"commands", "finally", "runtime-versions"} & data.keys():
            yield Fault(("commands",), "missing", at="key")

    @classmethod
    def _unknown(cls, key: Any) -> Fault:
        if key == "runtime-versions":
            return Fault((key,), "sentence", "`runtime-versions` belongs in the `install` phase", at="key")
        return super()._unknown(key)


class InstallPhase(Phase):
    """The first phase: install what the build needs."""

    runtime_versions: dict[Text, Text] = Field(
        default_factory=dict,
        alias="runtime-versions",
        description="Languages to install, such as `python: 3.12` (CodeBuild's images).",
    )


class Phases(Section):
    """The four phases, in this order."""

    install: InstallPhase | None = Field(None, description="Install what the build needs.")
    pre_build: Phase | None = Field(None, description="Before the build, such as signing in to a registry.")
    build: Phase | None = Field(None, description="The build itself, and its tests.")
    post_build: Phase | None = Field(None, description="After the build. It runs even if the build failed.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """A build without phases does nothing."""
        if not data:
            yield Fault((), "value", "must have at least one of `install`, `pre_build`, `build` and `post_build`", at="key")


class Report(Section):
    """Test results or coverage to collect."""

    files: Paths = Field(description="Which files: paths or globs.")
    base_directory: Text | None = Field(None, alias="base-directory", description="Folder the files are looked for in.")
    discard_paths: Flag = Field(False, alias="discard-paths", description="Drop the folders of the files' names.")
    file_format: Annotated[
        Literal[
            "JUNITXML",
            "CUCUMBERJSON",
            "NUNITXML",
            "NUNIT3XML",
            "TESTNGXML",
            "VISUALSTUDIOTRX",
            "CLOVERXML",
            "COBERTURAXML",
            "JACOCOXML",
            "SIMPLECOV",
        ],
        Choice,
    ] = Field("JUNITXML", alias="file-format", description="What the files hold.")


class ArtifactSet(Section):
    """Files that the build hands on."""

    files: Paths = Field(description="Which files: paths or globs; `**/*` is all of them.")
    name: Text | None = Field(None, description="Name of the artifact.")
    discard_paths: Flag = Field(False, alias="discard-paths", description="Drop the folders of the files' names.")
    base_directory: Text | None = Field(
        None, alias="base-directory", description="Folder the files are looked for in; it is not part of their names."
    )
    exclude_paths: Annotated[tuple[Text, ...], BeforeValidator(_one_or_more), OrText()] = Field(
        (), alias="exclude-paths", description="Paths or globs to leave out."
    )
    enable_symlinks: Flag = Field(False, alias="enable-symlinks", description="Keep symbolic links as links.")
    s3_prefix: Text | None = Field(None, alias="s3-prefix", description="Prefix in the artifact bucket (aws engine).")


class Artifacts(ArtifactSet):
    """What the build hands on."""

    secondary_artifacts: dict[Text, ArtifactSet] = Field(
        default_factory=dict, alias="secondary-artifacts", description="Further artifacts, by identifier."
    )


class Cache(Section):
    """Files kept between builds."""

    unsupported = frozenset({"action"})

    paths: Paths = Field(description="Which files: paths or globs.")
    key: Text | None = Field(None, description="What the kept files are found by; other keys keep other files.")
    fallback_keys: Annotated[tuple[Text, ...], Field(max_length=5)] = Field(
        (), alias="fallback-keys", description="Keys to try in order when nothing is kept under `key`."
    )


class Proxy(Section):
    """What goes through an explicit proxy server."""

    upload_artifacts: Flag = Field(False, alias="upload-artifacts", description="Artifacts do.")
    logs: Flag = Field(False, description="Logs do.")


class Buildspec(Section):
    """How the code is built, as AWS CodeBuild reads it."""

    unsupported = frozenset({"batch"})
    hints: ClassVar[Mapping[str, str]] = {
        "version": _VERSION_HINT,
        "phases": "such as `phases: {build: {commands: [make]}}`",
    }

    version: Annotated[Literal["0.2"], BeforeValidator(_version), WithJsonSchema({"enum": ["0.2", 0.2]})] = Field(
        description="Version of the buildspec's syntax."
    )
    run_as: Text | None = Field(None, alias="run-as", description="User who runs the commands.")
    env: BuildEnv = Field(default_factory=BuildEnv, description="Environment variables, and the shell.")
    proxy: Proxy | None = Field(None, description="What goes through an explicit proxy server.")
    phases: Phases = Field(description="What is done, in four phases.")
    reports: Annotated[dict[Text, Report], Field(max_length=5)] = Field(
        default_factory=dict, description="Test results and coverage to collect, by report group."
    )
    artifacts: Artifacts | None = Field(None, description="Files that the build hands on.")
    cache: Cache | None = Field(None, description="Files kept between builds.")
