"""`storage`: a task's disk, and volumes with and without a file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.manifest.storage import Efs, EfsAuth
from copilot.manifest.variables import FromCfn
from tests.manifest.parsing import API, parsed, read_again, said


def volume(efs: str) -> str:
    return f"{API}storage: {{volumes: {{a: {{path: /a, efs: {efs}}}}}}}\n"


def test_every_key() -> None:
    storage = parsed(API + "storage: {ephemeral: 100, readonly_fs: true, volumes: {a: {path: /a}}}\n").storage
    assert (storage.ephemeral, storage.readonly_fs) == (100, True)
    assert (storage.volumes["a"].path, storage.volumes["a"].read_only, storage.volumes["a"].efs) == ("/a", True, None)
    nothing = parsed(API).storage
    assert (nothing.ephemeral, nothing.readonly_fs, nothing.volumes) == (None, False, {})


@pytest.mark.parametrize(
    ("written", "efs"),
    [
        ("true", Efs.model_construct()),
        ("false", None),
        ("{uid: 1000, gid: 0}", Efs(uid=1000, gid=0)),
        ("{id: fs-1}", Efs(id="fs-1")),
        ("{id: {from_cfn: x}, root_dir: /}", Efs(id=FromCfn(from_cfn="x"), root_dir="/")),
        ("{id: fs-1, auth: {iam: true, access_point_id: fsap-1}}",
         Efs(id="fs-1", auth=EfsAuth(iam=True, access_point_id="fsap-1"))),
    ],
)  # fmt: skip
def test_file_systems(written: str, efs: Efs | None) -> None:
    manifest = parsed(volume(written))
    assert manifest.storage.volumes["a"].efs == efs
    assert read_again(manifest).storage == manifest.storage
    assert efs is None or efs.managed == (efs.id is None)


_FORMS = {
    "true": Efs.model_construct(),
    "false": None,
    "{uid: 1, gid: 2}": Efs(uid=1, gid=2),
    "{id: fs-1, root_dir: /x}": Efs(id="fs-1", root_dir="/x"),
}


@given(st.sampled_from(sorted(_FORMS)), st.sampled_from(sorted(_FORMS)))
def test_an_override_takes_the_place_of_another_form(base: str, override: str) -> None:
    text = volume(base) + f"environments: {{prod: {{storage: {{volumes: {{a: {{efs: {override}}}}}}}}}}}\n"
    assert parsed(text).resolved("prod").storage.volumes["a"].efs == _FORMS[override]


def test_an_override_of_the_same_form_is_merged() -> None:
    text = volume("{uid: 1, gid: 2}") + "environments: {prod: {storage: {volumes: {a: {efs: {uid: 3}}}}}}\n"
    assert parsed(text).resolved("prod").storage.volumes["a"].efs == Efs(uid=3, gid=2)


@pytest.mark.parametrize(
    ("efs", "place", "message", "hint"),
    [
        ("maybe", "4:40+5", "`storage.volumes.a.efs` must be true or false, not text", None),
        ("{}", "4:40+2", "`storage.volumes.a.efs` has no value", "write `efs: true`"),
        ("{uid: 5}", "4:35+3", "`gid` is missing in `storage.volumes.a.efs`", "`uid` needs it"),
        ("{gid: 5}", "4:35+3", "`uid` is missing in `storage.volumes.a.efs`", "`gid` needs it"),
        ("{uid: 0, gid: 5}", "4:46+1", "`storage.volumes.a.efs.uid` must be at least 1, not 0", None),
        ("{uid: 1, gid: 5, id: fs-1}", "4:41+3",
         "`uid` is for the environment's own file system and does not go with `id`", "remove one of them"),
        ("{root_dir: /a}", "4:35+3", "`id` is missing in `storage.volumes.a.efs`", "such as `id: fs-0123456789abcdef0`"),
        ("{id: fs-1, root_dir: a}", "4:61+1",
         "`storage.volumes.a.efs.root_dir` must begin with `/` and have letters, digits and `.`, `-`, `_`, `/` only, at most 241",
         "such as `/data`"),
        ("{id: fs-1, root_dir: /a, auth: {access_point_id: b}}", "4:61+2",
         "`storage.volumes.a.efs.root_dir` must be `/` or absent with an access point, which has a folder of its own", None),
        ("{id: fs-1, auth: {access_point_id: b, iam: no}}", "4:83+2",
         "`storage.volumes.a.efs.auth.iam` must be true with an access point", None),
        ("{id: fs-1, rootdir: /a}", "4:51+7", "unknown key `rootdir` in `storage.volumes.a.efs`", "did you mean `root_dir`?"),
    ],
)  # fmt: skip
def test_mistakes(efs: str, place: str, message: str, hint: str | None) -> None:
    assert said(volume(efs))[0] == (place, message, hint)
