"""What a task is made of beside its main container: volumes, sidecars, the network and the platform."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from copilot.errors import KeyPath
from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.image import ContainerHealthCheck, Port, SidecarImage
from copilot.manifest.scalars import Arguments, Flag, Text
from copilot.manifest.section import Section
from copilot.manifest.values import shown
from copilot.manifest.variables import Secrets, Variables

PLATFORMS = ("linux/amd64", "linux/arm64")
_PLATFORMS_HINT = "it is `linux/amd64` or `linux/arm64`"
_SAME_PLATFORM = {"linux/x86_64": "linux/amd64"}
_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_CONTAINER_PATH = re.compile(r"/[A-Za-z0-9.\-_/]{0,240}")


def _part_name(value: str) -> str:
    if not _PART_NAME.fullmatch(value):
        raise bad_value("must have letters, digits, `-` and `_` only, at most 100, and begin with a letter or digit")
    return value


def _container_path(value: str) -> str:
    if not _CONTAINER_PATH.fullmatch(value):
        raise bad_value(
            "must begin with `/` and have letters, digits and `.`, `-`, `_`, `/` only, at most 241", "such as `/data`"
        )
    if ".." in value.split("/") or posixpath.normpath(value).strip("/") == "":
        raise bad_value("must be a folder below `/`", "such as `/data`")
    return value


def _managed(value: Any) -> Any:
    if isinstance(value, Mapping):
        key = next((str(k) for k in value), "{}")
        hint = "write `efs: true`: a new volume then belongs to whom the folder in the image belongs"
        raise bad_value(f"with `{key}` is not supported yet", hint)
    return value


def _is_true(value: bool) -> bool:
    if not value:
        raise bad_value("must be true", "a volume that ends with its task is not supported yet")
    return value


def _connect(value: Any) -> Any:
    if isinstance(value, Mapping):
        key = next((str(k) for k in value), "{}")
        raise bad_value(f"with `{key}` is not supported yet", "write `connect: true`: services reach each other by their names")
    return value


def _port(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]+/(tcp|udp)", value):
        raise bad_value("with a protocol is not supported yet", "write the number alone, for TCP")
    return value


def _one_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        key = next((str(k) for k in value), "{}")
        raise bad_value(f"with `{key}` is not supported yet", _PLATFORMS_HINT)
    return value


def _platform(value: str) -> str:
    known = _SAME_PLATFORM.get(value.lower(), value.lower())
    if known.startswith("windows/"):
        raise bad_value(f"`{known}` is not supported yet", _PLATFORMS_HINT)
    if known not in PLATFORMS:
        raise bad_value(f"is unknown: {shown(value)}", _PLATFORMS_HINT)
    return known


PartName = Annotated[str, AfterValidator(_part_name)]
"""The name of a volume or a sidecar."""

ContainerPath = Annotated[Text, AfterValidator(_container_path)]
"""A folder inside a container."""

Platform = Annotated[
    Text,
    BeforeValidator(_one_text),
    AfterValidator(_platform),
    WithJsonSchema({"enum": [*PLATFORMS, *_SAME_PLATFORM]}),
]
"""Operating system and processor that an image is for."""


class VolumeSettings(Section):
    """A volume of a workload in an environment. It outlives releases, and its tasks share it."""

    hints: ClassVar[Mapping[str, str]] = {"path": "such as `path: /data`"}

    path: ContainerPath = Field(description="Where it is in the main container.")
    read_only: Flag = Field(True, description="The main container cannot write to it. Default: true, as in AWS Copilot.")
    efs: Annotated[
        Flag,
        BeforeValidator(_managed),
        AfterValidator(_is_true),
        WithJsonSchema({"enum": [True, "yes", "on"]}),
    ] = Field(True, description="Whether it is a file system on AWS that is made for this environment; it is.")


class Storage(Section):
    """The volumes of a workload."""

    unsupported = frozenset({"ephemeral", "readonly_fs"})

    volumes: dict[PartName, VolumeSettings] = Field(default_factory=dict, description="The volumes, by name.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Two volumes have two places."""
        return _same_place(
            ((("volumes", name), volume) for name, volume in _items(data.get("volumes"))),
        )


class MountPoint(Section):
    """Where a volume of the workload is in a sidecar."""

    source_volume: PartName = Field(description="The volume, one of `storage.volumes`.")
    path: ContainerPath = Field(description="Where it is in the sidecar.")
    read_only: Flag = Field(True, description="The sidecar cannot write to it. Default: true, as in AWS Copilot.")


class SidecarSettings(Section):
    """A container beside the main one. They reach each other on localhost."""

    unsupported = frozenset({"credentialsParameter", "depends_on", "env_file", "labels"})
    hints: ClassVar[Mapping[str, str]] = {"image": "such as `image: nginx:1.27`"}

    image: SidecarImage = Field(description="An existing image.")
    port: Annotated[Port, BeforeValidator(_port)] | None = Field(None, description="The port it listens on.")
    essential: Flag = Field(True, description="When it ends, the task ends.")
    variables: Variables = Field(default_factory=dict, description="Environment variables.")
    secrets: Secrets = Field(
        default_factory=dict, description="Environment variable to the name of the secret that holds its value."
    )
    entrypoint: Arguments | None = Field(None, description="Replaces the image's entrypoint.")
    command: Arguments | None = Field(None, description="Replaces the image's command.")
    mount_points: tuple[MountPoint, ...] = Field((), description="Volumes of the workload that it has too.")
    healthcheck: ContainerHealthCheck | None = Field(None, description="How to find out from inside whether it is healthy.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Two volumes have two places."""
        mounts = data.get("mount_points")
        return _same_place(((("mount_points", i), m) for i, m in enumerate(mounts if isinstance(mounts, list) else ())))


class Network(Section):
    """How a workload reaches others."""

    unsupported = frozenset({"vpc"})

    connect: Annotated[Flag, BeforeValidator(_connect)] = Field(
        False, description="Service Connect on AWS. On this machine services always reach each other by their names."
    )


def sidecar_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong between the sidecars of a workload and the rest of its manifest, which is not validated yet."""
    storage = data.get("storage")
    volumes = [name for name, _ in _items(storage.get("volumes"))] if isinstance(storage, Mapping) else []
    for name, sidecar in _items(data.get("sidecars")):
        if name == data.get("name"):
            text = f"sidecar `{name}` is called as the workload, whose main container has that name"
            yield Fault(("sidecars", name), "sentence", text, "give it another name", "key")
        mounts = sidecar.get("mount_points") if isinstance(sidecar, Mapping) else None
        for index, mount in enumerate(mounts if isinstance(mounts, list) else ()):
            source = mount.get("source_volume") if isinstance(mount, Mapping) else None
            if isinstance(source, str) and source not in volumes:
                there = f"there are: {', '.join(volumes)}" if volumes else "name it in `storage.volumes`"
                path: KeyPath = ("sidecars", name, "mount_points", index, "source_volume")
                yield Fault(path, "sentence", f"the workload has no volume {shown(source)}", there)


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()


def _same_place(mounts: Iterable[tuple[KeyPath, Any]]) -> Iterator[Fault]:
    places: set[str] = set()
    for at, mount in mounts:
        path = mount.get("path") if isinstance(mount, Mapping) else None
        if isinstance(path, str):
            place = posixpath.normpath(path)
            if place in places:
                yield Fault((*at, "path"), "value", f"is where another volume is: {shown(path)}")
            places.add(place)
