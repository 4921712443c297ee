from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import ManifestError
from copilot.manifest.variables import load_env_file
from copilot.manifest.workload import load_workload, read_env_files


def read(path: Path, text: str) -> dict[str, str]:
    path.write_bytes(text.encode())
    return load_env_file(path, shown_as="a.env")


def test_what_is_read(tmp_path: Path) -> None:
    text = '\ufeff# all of it\n\nA=1\r\nB=\n  C= x = "y" # z \nD.e-f=$A ${A} \\n\n   # no\n\t\nE=a\tb'
    assert read(tmp_path / "a.env", text) == {"A": "1", "B": "", "C": ' x = "y" # z ', "D.e-f": "$A ${A} \\n", "E": "a\tb"}
    assert read(tmp_path / "a.env", "") == {}


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
_values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"))


@given(st.dictionaries(_names, _values, max_size=5))
def test_values_are_kept_as_they_are(tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "a.env"
    assert read(path, "".join(f"{name}={value}\n" for name, value in variables.items())) == variables


def test_all_mistakes_are_found(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path / "a.env", "A=1\nsecret text\n=2\n  export B=3\nA B=4\n A=5\nC=\0\n")
    found = caught.value.diagnostics
    assert [(d.file, d.line, d.column, d.length, d.message, d.source_line, d.hint) for d in found] == [
        ("a.env", 2, 1, 1, "this line has no `=`", "", "write `NAME=value`, or `#` in front of a comment"),
        ("a.env", 3, 1, 1, "there is no name before this `=`", "", "write `NAME=value`"),
        ("a.env", 4, 3, 1, "`export` cannot be used here", "  ", "write `NAME=value`"),
        ("a.env", 5, 1, 1, "the name before the `=` must not contain spaces or control characters", "", "write `NAME=value`"),
        ("a.env", 6, 2, 1, "`A` is there twice", " A", "the first is in line 1"),
        ("a.env", 7, 1, 1, "this line holds a null character", "C", None),
    ]


class TestOfAWorkload:
    def variables(self, root: Path, manifest: str, environment: str = "test") -> dict[str, str]:
        path = root / "manifest.yml"
        path.write_text("name: api\ntype: Backend Service\nimage: {build: Dockerfile}\n" + manifest)
        return read_env_files(load_workload(path, shown_as="m.yml"), root, "shop", environment).get("api", {})

    def test_none(self, tmp_path: Path) -> None:
        assert self.variables(tmp_path, "") == {}

    def test_of_each_environment(self, tmp_path: Path) -> None:
        (tmp_path / "api").mkdir()
        for name in ("all", "test", "prod"):
            (tmp_path / "api" / f"{name}.env").write_text(f"NAME={name}\n")
        text = "env_file: api/all.env\nenvironments: {prod: {env_file: api/prod.env}}\n"
        assert self.variables(tmp_path, text) == {"NAME": "all"}
        assert self.variables(tmp_path, text, "prod") == {"NAME": "prod"}
        assert self.variables(tmp_path, 'env_file: "api/${COPILOT_ENVIRONMENT_NAME}.env"\n') == {"NAME": "test"}

    def test_of_sidecars(self, tmp_path: Path) -> None:
        (tmp_path / "a.env").write_text("A=1\n")
        (tmp_path / "b.env").write_text("B=2\n")
        path = tmp_path / "manifest.yml"
        text = "env_file: a.env\nsidecars: {proxy: {image: x, env_file: b.env}, log: {image: y}}\n"
        path.write_text("name: api\ntype: Backend Service\nimage: {build: Dockerfile}\n" + text)
        document = load_workload(path, shown_as="m.yml")
        assert document.model.env_files == {"api": "a.env", "proxy": "b.env"}
        assert read_env_files(document, tmp_path, "shop", "test") == {"api": {"A": "1"}, "proxy": {"B": "2"}}

    @pytest.mark.parametrize(
        ("text", "environment", "message"),
        [
            ("sidecars: {proxy: {image: x, env_file: no.env}}\n", "test", "m.yml:4:40: the file `no.env` does not exist"),
            ("env_file: no.env\n", "test", "m.yml:4:11: the file `no.env` does not exist"),
            ("env_file: folder.env\n", "test", "m.yml:4:11: `folder.env` is not a file"),
            ("env_file: ../up.env\n", "test", "m.yml:4:11: the file `../up.env` is outside of the repository"),
            ("env_file: link.env\n", "test", "m.yml:4:11: the file `link.env` is outside of the repository"),
            ("environments: {prod: {env_file: no.env}}\n", "prod", "m.yml:4:33: the file `no.env` does not exist"),
        ],
    )
    def test_a_file_that_cannot_be_read(self, tmp_path: Path, text: str, environment: str, message: str) -> None:
        root = tmp_path / "root"
        (root / "folder.env").mkdir(parents=True)
        (tmp_path / "up.env").write_text("A=1\n")
        (root / "link.env").symlink_to(tmp_path / "up.env")
        with pytest.raises(ManifestError) as caught:
            self.variables(root, text, environment)
        assert [f"{d.file}:{d.line}:{d.column}: {d.message}" for d in caught.value.diagnostics] == [message]
