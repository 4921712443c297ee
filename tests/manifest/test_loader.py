from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from copilot.errors import Diagnostic, ManifestError, Problem
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import LARGEST_FILE, Document, SourceText, load, parse
from copilot.manifest.pipeline import PipelineManifest
from copilot.manifest.section import Section
from copilot.manifest.tree import MOST_NODES
from copilot.manifest.workload import parse_workload
from tests import strategies

VALID = """\
name: shop
source:
  provider: Git
  properties:
    repository: /srv/shop.git
    branch: main
stages:
  - name: test
"""


def problems(text: str, model: type[Section] = PipelineManifest) -> tuple[Diagnostic, ...]:
    with pytest.raises(ManifestError) as caught:
        parse(text, model, "copilot/pipeline.yml")
    return caught.value.diagnostics


def only(text: str, model: type[Section] = PipelineManifest) -> Diagnostic:
    (diagnostic,) = problems(text, model)
    return diagnostic


class TestYaml:
    @pytest.mark.parametrize(
        ("text", "line", "column", "message"),
        [
            pytest.param("name: [a\n", 1, 7, "this list has no `]`, or lacks a `,`", id="list never closed"),
            pytest.param("name: {a: 1\n", 1, 7, "this mapping has no `}`, or lacks a `,`", id="mapping never closed"),
            pytest.param("name: 'a\n", 1, 7, "this quote is never closed", id="quote never closed"),
            pytest.param("name: a: b\n", 1, 8, "a `:` is not expected here", id="second colon"),
            pytest.param("a:\n\tb: 1\n", 2, 1, "a tab cannot be used here", id="tab"),
            pytest.param("a:\n  - b\n c: 1\n", 3, 2, "this does not fit the lines above it", id="indentation"),
            pytest.param("name: @x\n", 1, 7, "a value cannot begin with `@`", id="reserved character"),
            pytest.param("name: *x\n", 1, 7, "there is no anchor of this name before this alias", id="unknown alias"),
            pytest.param('name: "\\q"\n', 1, 9, "a backslash cannot be followed by `q` in double quotes", id="escape"),
            pytest.param("name: a\n---\nname: b\n", 2, 1, "a second document begins here; a file holds one", id="documents"),
            pytest.param("name: a\x07\n", 1, 8, "the character U+0007 cannot be part of a YAML file", id="bell"),
            pytest.param("[a, , b]\n", 1, 5, "a value is missing here", id="missing item"),
            pytest.param("", 1, 1, "the file is empty", id="empty"),
            pytest.param("# nothing\n", 1, 1, "the file is empty", id="only a comment"),
            pytest.param("---\n", 1, 1, "the file is empty", id="only a marker"),
            pytest.param("- a\n", 1, 1, "the file must hold keys with values, such as `name: my-shop`, not a list", id="list"),
            pytest.param("hello\n", 1, 1, "the file must hold keys with values, such as `name: my-shop`, not text", id="text"),
            pytest.param("3\n", 1, 1, "the file must hold keys with values, such as `name: my-shop`, not a whole number", id="3"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, text: str, line: int, column: int, message: str) -> None:
        diagnostic = only(text)
        assert (diagnostic.line, diagnostic.column, diagnostic.message) == (line, column, message)

    def test_duplicate_key_is_reported_at_the_second_next_to_everything_else(self) -> None:
        found = problems(VALID + "name: again\nbuld: 1\n")
        assert [(d.line, d.column, d.message, d.hint) for d in found] == [
            (9, 1, "the key `name` is there twice", "the first is in line 1"),
            (10, 1, "unknown key `buld`", "did you mean `build`?"),
        ]

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
    def test_absurd_nesting_is_refused(self, opening: str) -> None:
        assert only(opening * 50_000).message == "more than 50 collections are nested in each other here"

    def test_aliases_cannot_blow_up_the_memory(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
        assert only("\n".join(lines)).message == f"the file holds more than {MOST_NODES} values"

    def test_alias_of_what_it_is_in_is_refused(self) -> None:
        assert "an alias leads back into the value that it is part of" in {d.message for d in problems("name: &a [*a]\n")}

    def test_anchors_aliases_and_merge_keys_work(self) -> None:
        text = VALID.replace(
            "- name: test", "- &stage\n    name: test\n    requires_approval: true\n  - <<: *stage\n    name: prod"
        )
        stages = parse(text, PipelineManifest, "x").model.stages
        assert [(s.name, s.requires_approval) for s in stages] == [("test", True), ("prod", True)]

    def test_merge_of_something_else_is_refused(self) -> None:
        assert only(VALID + "<<: 3\n").message == "`<<` must be followed by an alias of a mapping"

    @pytest.mark.parametrize("tag", ["!Ref", "!!binary", "!!set", "!!python/object:os.system"])
    def test_tags_are_refused(self, tag: str) -> None:
        diagnostic = only(VALID.replace("branch: main", f"branch: {tag} main"))
        assert (diagnostic.line, diagnostic.column) == (6, 13)
        assert diagnostic.message.startswith("the tag `")

    @pytest.mark.parametrize(
        ("text", "message"),
        [("? [a]\n: 1\n", "a key must be text"), (": 1\n", "there is no key before this `:`")],
    )
    def test_keys_are_text(self, text: str, message: str) -> None:
        assert message in {d.message for d in problems(text)}

    def test_yaml_1_2_keeps_dates_and_words_as_text(self) -> None:
        text = VALID + "build:\n  variables: {DATE: 2012-10-17, ON: on, NO: no, on: x}\n"
        build = parse(text, PipelineManifest, "x").model.build
        assert build is not None
        assert build.variables == {"DATE": "2012-10-17", "ON": "on", "NO": "no", "on": "x"}

    @pytest.mark.parametrize("written", ["1.10", "007", "1e3", "0x1F", "True", "~x", "12_000", ".5", "9" * 200])
    def test_text_is_taken_as_it_was_written(self, written: str) -> None:
        document = parse(VALID.replace("main", written), PipelineManifest, "x")
        assert document.model.source.properties.branch == written

    def test_a_directive_for_an_older_yaml_does_not_change_what_words_mean(self) -> None:
        document = parse("%YAML 1.1\n---\n" + VALID.replace("main", "yes"), PipelineManifest, "x")
        assert document.model.source.properties.branch == "yes"


class TestPositions:
    def document(self) -> Document[PipelineManifest]:
        return parse(VALID + "    test_commands:\n      - |\n        make\n      -  'a b'\n", PipelineManifest, "x")

    @pytest.mark.parametrize(
        ("path", "at", "expected"),
        [
            (("name",), "key", (1, 1, 4)),
            (("name",), "value", (1, 7, 4)),
            (("source", "properties", "branch"), "value", (6, 13, 4)),
            (("stages", 0, "name"), "key", (8, 5, 4)),
            (("stages", 0), "key", (8, 5, 4)),
            (("stages", 0, "test_commands", 0), "value", (10, 9, 1)),
            (("stages", 0, "test_commands", 1), "value", (12, 10, 5)),
            (("source", "paths", 3), "value", (2, 1, 6)),
            (("stages", 7), "value", (7, 1, 6)),
            ((), "key", (1, 1, 4)),
        ],
    )
    def test_locate(self, path: tuple[str | int, ...], at: Any, expected: tuple[int, int, int]) -> None:
        position = self.document().locate(path, at)
        assert (position.line, position.column, position.length) == expected

    def test_a_problem_found_later_becomes_a_diagnostic(self) -> None:
        problem = Problem(("stages", 0, "name"), "no such environment", "create it")
        assert self.document().diagnostic(problem) == Diagnostic(
            "x", 8, 11, 4, "no such environment", "  - name: test", "create it"
        )

    def test_columns_count_characters_and_the_caret_stays_in_place(self) -> None:
        diagnostic = only(VALID + "build: {variables: {A: 日本語é\u0301🎉}, tymeout: 5}\n")
        assert diagnostic.column == len("build: {variables: {A: 日本語é\u0301🎉}, ") + 1
        assert diagnostic.source_line[diagnostic.column - 1 :].startswith("tymeout")

    def test_tabs_and_invisible_characters_are_shown_as_one_space(self) -> None:
        diagnostic = only(VALID.replace("branch: main", "branch: main\u200b\t# x\ty"))
        assert diagnostic.source_line == "    branch: main  # x y"

    @pytest.mark.parametrize("newline", ["\r\n", "\n"])
    def test_line_ends_of_windows(self, newline: str) -> None:
        diagnostic = only((VALID + "nam: x\n").replace("\n", newline))
        assert (diagnostic.line, diagnostic.column, diagnostic.length, diagnostic.source_line) == (9, 1, 3, "nam: x")

    def test_a_very_long_line_is_cut(self) -> None:
        diagnostic = only(VALID + "nam: " + "x" * 10_000 + "\n")
        assert len(diagnostic.source_line) < 200
        assert diagnostic.source_line.endswith("…")

    def test_an_empty_list_item_is_pointed_at(self) -> None:
        diagnostic = only(VALID + "  -\n  - name: prod\n")
        assert (diagnostic.line, diagnostic.column, diagnostic.message) == (9, 3, "item 2 of `stages` has no value")

    def test_what_an_alias_repeats_is_reported_once(self) -> None:
        text = VALID.replace("- name: test", "- {name: a, on_failure: &x nope}\n  - {name: b, on_failure: *x}")
        assert len(problems(text)) == 2  # each names its own stage
        text = VALID + "build: &b {timeot: 1}\n" + "bulid: *b\n"
        assert [d.message for d in problems(text)] == ["unknown key `timeot` in `build`", "unknown key `bulid`"]


class TestFiles:
    def fault(self, path: Path) -> Diagnostic:
        with pytest.raises(ManifestError) as caught:
            load(path, PipelineManifest, shown_as="pipeline.yml")
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.file == "pipeline.yml"
        return diagnostic

    def test_missing(self, tmp_path: Path) -> None:
        assert self.fault(tmp_path / "pipeline.yml").message == "there is no such file"

    def test_folder(self, tmp_path: Path) -> None:
        assert self.fault(tmp_path).message == "this is a folder, not a file"

    @pytest.mark.parametrize("content", [bytes(range(256)), "name: é".encode("latin-1"), "name: x".encode("utf-16")])
    def test_binary(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "pipeline.yml"
        path.write_bytes(content)
        assert self.fault(path).message == "this is not a text file in UTF-8"

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert self.fault(tmp_path / "file" / "x").message == "the file cannot be read: Not a directory"

    def test_too_large(self, tmp_path: Path) -> None:
        path = tmp_path / "pipeline.yml"
        path.write_bytes(b"#" * (LARGEST_FILE + 1))
        assert self.fault(path).message == "the file is larger than 1 MB"

    def test_byte_order_mark_is_ignored(self, tmp_path: Path) -> None:
        path = tmp_path / "pipeline.yml"
        path.write_text(VALID, "utf-8-sig")
        document = load(path, PipelineManifest)
        assert document.model.name == "shop"
        assert document.locate(("name",), "key").column == 1

    def test_shown_relative_to_the_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "copilot").mkdir()
        path = tmp_path / "copilot" / "pipeline.yml"
        path.write_text(VALID)
        assert load(path, PipelineManifest).shown_as == "copilot/pipeline.yml"
        monkeypatch.chdir("/")
        assert load(path, PipelineManifest).shown_as == str(path.relative_to("/"))


_yaml_like = st.text(st.sampled_from("ab:-?[]{},#&*!|>'\"%@` \n\t~<=.0e\\é日"), max_size=60)
_lines = st.lists(st.sampled_from(VALID.splitlines()) | _yaml_like, max_size=12).map("\n".join)


def _keyed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    keys = st.sampled_from(
        ["name", "source", "properties", "stages", "build", "version", "phases", "env", "commands", "timeout", "variables", "x"]
    )
    return st.dictionaries(keys, inner, max_size=5)


class TestProperties:
    @given(st.one_of(st.text(max_size=80), _yaml_like, _lines))
    @settings(max_examples=150)
    @example("\ud800")
    @example("a: &a\n  <<: *a\n")
    @example("<<: [*a]\n")
    @example("\ufeff")
    def test_whatever_the_text_only_a_manifest_error_is_raised(self, text: str) -> None:
        for model in (PipelineManifest, Buildspec):
            try:
                parse(text, model, "x.yml")
            except ManifestError as error:
                error.render()
                assert_presentable(error.diagnostics, text)
        try:
            parse_workload(SourceText(Path("x.yml"), "x.yml", text))
        except ManifestError as error:
            assert_presentable(error.diagnostics, text)

    @given(st.recursive(strategies.scalars | st.none(), lambda inner: st.lists(inner, max_size=3) | _keyed(inner), max_leaves=12))
    @settings(max_examples=100)
    def test_whatever_the_values_messages_are_for_people(self, data: Any) -> None:
        text = strategies.to_yaml(data)
        for model in (PipelineManifest, Buildspec):
            try:
                parse(text, model, "x.yml")
            except ManifestError as error:
                assert_presentable(error.diagnostics, text)

    @given(strategies.pipelines)
    @settings(max_examples=50)
    def test_valid_manifests_are_read_as_they_were_meant(self, data: dict[str, Any]) -> None:
        model = parse(strategies.to_yaml(data), PipelineManifest, "x.yml").model
        assert model.name == data["name"]
        assert [stage.name for stage in model.stages] == [stage["name"] for stage in data["stages"]]
        assert [stage.requires_approval for stage in model.stages] == [s.get("requires_approval", False) for s in data["stages"]]
        assert model == PipelineManifest.model_validate(data)

    @given(strategies.pipelines, st.data(), st.text(st.sampled_from("abé日"), max_size=5))
    @settings(max_examples=100)
    def test_an_unknown_key_is_reported_exactly_where_it_is(self, data: dict[str, Any], draw: st.DataObject, end: str) -> None:
        key = "zq" + end
        target = draw.draw(st.sampled_from(list(closed_mappings(data))))
        items = list(target.items())
        items.insert(draw.draw(st.integers(0, len(items))), (key, draw.draw(strategies.scalars)))
        target.clear()
        target.update(items)
        text = strategies.to_yaml(data)
        found = [d for d in problems(text) if d.message.startswith("unknown key")]
        (diagnostic,) = found
        written = key if key.isascii() else f'"{key}"'
        line = next(n for n, line in enumerate(text.splitlines(), 1) if line.lstrip(" -").startswith(f"{written}:"))
        column = text.splitlines()[line - 1].index(written) + 1
        assert (diagnostic.line, diagnostic.column, diagnostic.length) == (line, column, len(written))
        assert f"`{key}`" in diagnostic.message


def closed_mappings(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The mappings of a pipeline manifest whose keys are ours to choose."""
    found = [data, data["source"], data["source"]["properties"], *data["stages"]]
    if "build" in data:
        found.append(data["build"])
    for stage in data["stages"]:
        found += stage.get("pre_deployments", {}).values()
        found += [settings for settings in stage.get("deployments", {}).values() if settings is not None]
    return found


def assert_presentable(diagnostics: tuple[Diagnostic, ...], text: str) -> None:
    for diagnostic in diagnostics:
        assert 1 <= diagnostic.line <= text.count("\n") + 1
        assert diagnostic.column >= 1
        assert diagnostic.length >= 1
        assert diagnostic.message.isprintable()
        assert not diagnostic.message.endswith(".")
        assert len(diagnostic.message) < 400
        for jargon in ("pydantic", "validat", "dict", "None", "tuple", "str_", "input", "http://", "https://", "Written"):
            assert jargon not in diagnostic.message


def test_credentials_in_a_url_are_not_shown() -> None:
    text = "name: p\nsource: {repository: https://ana:hunter2@example.com/p, brunch: main}\n"
    with pytest.raises(ManifestError) as caught:
        parse(text, PipelineManifest, "pipeline.yml")
    assert "hunter2" not in caught.value.render()
    brunch = next(d for d in caught.value.diagnostics if "brunch" in d.message)
    assert brunch.source_line[brunch.column - 1 :].startswith("brunch")


def test_a_pipe_instead_of_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipeline.yml")
    with pytest.raises(ManifestError, match="error") as caught:
        load(tmp_path / "pipeline.yml", PipelineManifest)
    assert caught.value.diagnostics[0].message == "this is a pipe, not a file"
