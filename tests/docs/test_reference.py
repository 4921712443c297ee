"""The reference cannot disagree with the code that it is made from."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from copilot.cli._commands import COMMANDS, Entry
from copilot.cli._root import load
from copilot.manifest.schema import MODELS
from tests.docs.blocks import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_generate", ROOT / "docs" / "_generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date(generator: ModuleType) -> None:
    assert generator.updated(REFERENCE) == REFERENCE, "run python docs/_generate.py"


def test_it_has_a_place_for_every_part(generator: ModuleType) -> None:
    for name in generator.generated():
        without = REFERENCE.replace(f"<!-- generated: {name} -->", "")
        with pytest.raises(LookupError, match=re.escape(name)):
            generator.updated(without)


@pytest.mark.parametrize("entry", [e for e in COMMANDS if e.listed and not e.is_group], ids=lambda e: e.path)
def test_every_flag_is_there(entry: Entry) -> None:
    section = REFERENCE.partition(f"#### copilot {entry.path}\n")[2].partition("\n###")[0]
    assert section
    for parameter in load(entry).params:
        if not getattr(parameter, "hidden", False):
            assert all(option in section for option in parameter.opts if option.startswith("-"))


@pytest.mark.parametrize("kind", MODELS)
def test_every_key_is_there(kind: str) -> None:
    keys = set(re.findall(r"^\| `([^`]+)`", REFERENCE, re.MULTILINE))
    assert set(MODELS[kind].keys()) <= keys
