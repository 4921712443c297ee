"""What a task is made of beside its main container: sidecars, the order they start in, and the platform."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from copilot.manifest.faults import Fault, bad_value, suggestion
from copilot.manifest.image import ContainerHealthCheck, DependsOn, SidecarImage
from copilot.manifest.scalars import Arguments, Flag, Text
from copilot.manifest.section import Section
from copilot.manifest.storage import ContainerPath, PartName, same_place
from copilot.manifest.values import plain, shown
from copilot.manifest.variables import EnvFile, Secrets, Variables

PLATFORMS = ("linux/amd64", "linux/arm64")
_PLATFORMS_HINT = "it is `linux/amd64` or `linux/arm64`"
_SAME_PLATFORM = {"linux/x86_64": "linux/amd64"}
_PLATFORM_KEYS = ("osfamily", "architecture")
_PORT = re.compile(r"([0-9]{1,9})(?:/(tcp|udp))?", re.IGNORECASE)
_ESSENTIAL_STATES = ("start", "healthy")


class ExposedPort(NamedTuple):
    """A port that a sidecar listens on."""

    number: int
    protocol: Literal["tcp", "udp"] = "tcp"


def _port(value: Any) -> ExposedPort:
    if isinstance(value, ExposedPort):
        return value
    number = plain(value)
    match = _PORT.fullmatch(str(value)) if isinstance(number, (int, str)) and not isinstance(number, bool) else None
    if match is None:
        what = "has no value" if number is None else f"must be a port, not {shown(value)}"
        raise bad_value(what, "such as `8080` or `53/udp`")
    if not 1 <= int(match[1]) <= 65535:
        raise bad_value(f"must be a port from 1 to 65535, not {match[1]}")
    return ExposedPort(int(match[1]), cast("Literal['tcp', 'udp']", (match[2] or "tcp").lower()))


def _written_port(port: ExposedPort) -> Any:
    return port.number if port.protocol == "tcp" else f"{port.number}/{port.protocol}"


def _platform(value: Any) -> str:
    if isinstance(value, Mapping):
        value = _short_platform(value)
    if plain(value) is None:
        raise bad_value("has no value", _PLATFORMS_HINT)
    known = str(value).lower()
    known = _SAME_PLATFORM.get(known, known)
    if known.startswith("windows"):
        raise bad_value(f"`{known}` is not supported yet", _PLATFORMS_HINT)
    if known not in PLATFORMS:
        raise bad_value(f"is unknown: {shown(value)}", _PLATFORMS_HINT)
    return known


def _short_platform(value: Mapping[str, Any]) -> str:
    for key in value:
        if key not in _PLATFORM_KEYS:
            meant = suggestion(str(key), _PLATFORM_KEYS)
            raise bad_value(f"has an unknown key `{key}`", f"did you mean `{meant}`?" if meant else _PLATFORMS_HINT)
    missing = next((key for key in _PLATFORM_KEYS if not isinstance(value.get(key), str)), None)
    if missing is not None:
        raise bad_value(f"must have `{missing}`, which is text", "such as `{osfamily: linux, architecture: arm64}`")
    return f"{value['osfamily']}/{value['architecture']}"


SidecarPort = Annotated[
    ExposedPort,
    BeforeValidator(_port),
    PlainSerializer(_written_port, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}]}),
]
"""A port, with ``/tcp`` or ``/udp`` behind it or nothing, which is TCP."""

Platform = Annotated[
    str,
    BeforeValidator(_platform),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*PLATFORMS, *_SAME_PLATFORM]},
                {
                    "type": "object",
                    "properties": {
                        "osfamily": {"const": "linux", "description": "The operating system."},
                        "architecture": {"enum": ["x86_64", "amd64", "arm64"], "description": "The processor."},
                    },
                    "required": list(_PLATFORM_KEYS),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""Operating system and processor that an image is for: ``linux/amd64`` or ``linux/arm64``."""


class MountPoint(Section):
    """Where a volume of the workload is in a sidecar."""

    source_volume: PartName = Field(description="The volume, one of `storage.volumes`.")
    path: ContainerPath = Field(description="Where it is in the sidecar.")
    read_only: Flag = Field(True, description="The sidecar cannot write to it. Default: true, as in AWS Copilot.")


class SidecarSettings(Section):
    """A container beside the main one. They reach each other on localhost."""

    unsupported = frozenset({"labels"})
    hints: ClassVar[Mapping[str, str]] = {"image": "such as `image: nginx:1.27`"}

    image: SidecarImage = Field(description="The container image: the name of an existing one, or how to build it.")
    port: SidecarPort | None = Field(None, description="The port it listens on, such as `8080` or `53/udp`.")
    essential: Flag = Field(True, description="When it ends, the task ends.")
    credentials: Text | None = Field(
        None, alias="credentialsParameter", description="ARN of the secret with the password for a private registry (aws engine)."
    )
    variables: Variables = Field(default_factory=dict, description="Environment variables: values, or mappings with `from_cfn`.")
    env_file: EnvFile | None = Field(None, description="As the workload's own `env_file`.")
    secrets: Secrets = Field(
        default_factory=dict,
        description="Environment variable to the name of its secret, or a mapping: `secretsmanager` or `from_cfn`.",
    )
    entrypoint: Arguments | None = Field(None, description="Replaces the image's entrypoint.")
    command: Arguments | None = Field(None, description="Replaces the image's command.")
    mount_points: tuple[MountPoint, ...] = Field((), description="Volumes of the workload that it has too.")
    depends_on: DependsOn = Field(
        default_factory=dict, description="Container to how far it must be before this one starts, as in `image.depends_on`."
    )
    healthcheck: ContainerHealthCheck | None = Field(None, description="How to find out from inside whether it is healthy.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Two volumes have two places."""
        mounts = data.get("mount_points")
        return same_place((("mount_points", i), m) for i, m in enumerate(mounts if isinstance(mounts, list) else ()))
