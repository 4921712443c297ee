"""The ``storage`` section of a workload manifest: volumes, and what a task may keep while it lives."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, model_serializer

from copilot.errors import KeyPath
from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.scalars import Flag, Or, Text, Whole, flag_of
from copilot.manifest.section import Section, checked
from copilot.manifest.values import shown
from copilot.manifest.variables import TextOrImport

_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_CONTAINER_PATH = re.compile(r"/[A-Za-z0-9.\-_/]{0,240}")
_FLAG: TypeAdapter[bool] = TypeAdapter(Flag)
_OWN_FILE_SYSTEM = ("id", "root_dir", "auth")
_OWNER = ("uid", "gid")
LARGEST_ID = 2**32 - 1


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


def _root_path(value: str) -> str:
    if not _CONTAINER_PATH.fullmatch(value) or ".." in value.split("/"):
        raise bad_value(
            "must begin with `/` and have letters, digits and `.`, `-`, `_`, `/` only, at most 241", "such as `/data`"
        )
    return value


def _efs(value: Any) -> Any:
    if isinstance(value, (Mapping, Efs)) or value is None:
        return value
    return Efs.model_construct() if checked(_FLAG, value) else None


PartName = Annotated[str, AfterValidator(_part_name)]
"""The name of a volume or a container."""

ContainerPath = Annotated[Text, AfterValidator(_container_path)]
"""A folder inside a container."""


class EfsAuth(Section):
    """Who may use a file system."""

    iam: Flag | None = Field(None, description="Ask IAM whether the task may use it. Default: true with an access point.")
    access_point_id: Text | None = Field(
        None, description="ID of the access point to go through, such as `fsap-0123456789abcdef0`."
    )


class Efs(Section):
    """A file system of Amazon EFS: the environment's own, which is made when first needed, or one that exists."""

    uid: Annotated[Whole, Field(ge=1, le=LARGEST_ID)] | None = Field(
        None, description="User that files in the environment's file system belong to; together with `gid`."
    )
    gid: Annotated[Whole, Field(ge=0, le=LARGEST_ID)] | None = Field(
        None, description="Group that files in the environment's file system belong to; together with `uid`."
    )
    id: TextOrImport | None = Field(None, description="ID of an existing file system, such as `fs-0123456789abcdef0`.")
    root_dir: Annotated[Text, AfterValidator(_root_path)] | None = Field(
        None, description="Folder of the existing file system that the volume begins at. Default: `/`."
    )
    auth: EfsAuth | None = Field(None, description="Who may use the existing file system.")

    @property
    def managed(self) -> bool:
        """Whether it is the environment's own file system."""
        return self.id is None

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """The file system is either the environment's own, with an owner, or an existing one."""
        own = [key for key in _OWN_FILE_SYSTEM if key in data]
        owner = [key for key in _OWNER if key in data]
        if not data:
            yield Fault((), "value", "has no value", "write `efs: true`")
        elif own and owner:
            text = f"`{owner[0]}` is for the environment's own file system and does not go with `{own[0]}`"
            yield Fault((owner[0],), "sentence", text, "remove one of them", "key")
        elif len(owner) == 1:
            missing = next(key for key in _OWNER if key not in data)
            yield Fault((missing,), "missing", hint=f"`{owner[0]}` needs it", at="key")
        elif own and "id" not in data:
            yield Fault(("id",), "missing", hint="such as `id: fs-0123456789abcdef0`", at="key")
        auth = data.get("auth")
        if isinstance(auth, Mapping) and "access_point_id" in auth:
            if str(data.get("root_dir", "/")) != "/":
                yield Fault(("root_dir",), "value", "must be `/` or absent with an access point, which has a folder of its own")
            if flag_of(auth.get("iam")) is False:
                yield Fault(("auth", "iam"), "value", "must be true with an access point")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if any(value is not None for _, value in self) else True


class VolumeSettings(Section):
    """A volume of a workload."""

    hints: ClassVar[Mapping[str, str]] = {"path": "such as `path: /data`"}

    path: ContainerPath = Field(description="Where it is in the main container.")
    read_only: Flag = Field(True, description="The main container cannot write to it. Default: true, as in AWS Copilot.")
    efs: Annotated[Efs | None, BeforeValidator(_efs), Or({"enum": [True, False, "yes", "no", "on", "off"]})] = Field(
        None,
        description="`true`: a file system that tasks share and that outlives releases; or more about it. "
        "Without it the volume ends with its task, on AWS.",
    )


class Storage(Section):
    """What a workload may keep."""

    ephemeral: Whole | None = Field(None, description="Disk of each task, in GiB: 20 to 200. Default: 20, which is free.")
    readonly_fs: Flag = Field(False, description="Containers cannot write to their own files, only to volumes.")
    volumes: dict[PartName, VolumeSettings] = Field(default_factory=dict, description="The volumes, by name.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Two volumes have two places."""
        volumes = data.get("volumes")
        return same_place((("volumes", name), v) for name, v in (volumes.items() if isinstance(volumes, Mapping) else ()))


def same_place(mounts: Iterable[tuple[KeyPath, Any]]) -> Iterator[Fault]:
    """A fault for each volume that is where another one is. ``mounts`` are not validated, each with where it is written."""
    places: set[str] = set()
    for at, mount in mounts:
        path = mount.get("path") if isinstance(mount, Mapping) else None
        if isinstance(path, str):
            place = posixpath.normpath(path)
            if place in places:
                yield Fault((*at, "path"), "value", f"is where another volume is: {shown(path)}")
            places.add(place)
