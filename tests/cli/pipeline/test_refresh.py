from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from copilot.cli.pipeline.refresh import Refreshed, refreshed
from copilot.cli.pipeline.scaffold import buildspec_text
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import parse
from tests.aws_copilot import BUILDSPEC, EARLY_BUILDSPEC


def refresh(text: str, folder: str = ".") -> Refreshed:
    found = refreshed(parse(text, Buildspec, "buildspec.yml"), "1.2.3", folder)
    assert found is not None
    parse(found.text, Buildspec, "buildspec.yml")
    return found


def load(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize(("text", "own"), [(BUILDSPEC, {}), (EARLY_BUILDSPEC, {"runtime-versions": {"nodejs": 18}})])
def test_what_nobody_edited_becomes_what_init_writes(text: str, own: dict[str, Any]) -> None:
    found = refresh(text, "the apps")
    expected = load(buildspec_text("1.2.3", "the apps"))
    expected["phases"]["install"] |= own
    assert load(found.text) == expected
    assert (found.kept, found.lost) == (0, ())
    assert found.fails == ("docker" in text.partition("commands")[0])


def test_what_a_person_has_added_is_kept_in_its_place() -> None:
    edited = EARLY_BUILDSPEC.replace(
        "version: 0.2\n", "version: 0.2\nenv:\n  variables: {LEVEL: '3'}\nreports:\n  unit: {files: [r.xml]}\n"
    )
    edited = edited.replace(
        "      - chmod +x ./copilot-linux\n", "      - chmod +x ./copilot-linux\n      - npm ci\n    finally: [echo done]\n"
    )
    edited = edited.replace('      - echo "Run your tests"\n', "      - |\n        npm test\n        npm run lint\n")
    edited = edited.replace("      - pipeline=", "      - docker login --username ana\n      - pipeline=")
    edited = edited.replace(
        "  build:\n", "  pre_build:\n    on-failure: CONTINUE\n    commands: [bundle exec rake]\n  build:\n", 1
    )
    edited = edited.replace("        done;\nartifacts:\n", "        done;\n      - ./tell-us.sh\nartifacts:\n  name: shop\n")
    edited = edited.replace('    - "infrastructure/*"\n', '    - "infrastructure/*"\n    - report.html\n')
    found = refresh(edited)
    document, ours = load(found.text), load(buildspec_text("1.2.3"))["phases"]
    assert document["env"] == {"variables": {"LEVEL": "3"}}
    assert document["reports"] == {"unit": {"files": ["r.xml"]}}
    assert document["artifacts"] == {"files": ["infrastructure/**/*", "report.html"], "name": "shop"}
    phases = document["phases"]
    assert phases["install"] == {
        "runtime-versions": {"ruby": 2.6, "nodejs": 18},
        "commands": ["npm ci", *ours["install"]["commands"]],
        "finally": ["echo done"],
    }
    assert phases["pre_build"] == {"on-failure": "CONTINUE", "commands": ["bundle exec rake"]}
    assert phases["build"] == {"commands": ["npm test\nnpm run lint\n"]}
    assert phases["post_build"]["commands"] == ["docker login --username ana", *ours["post_build"]["commands"], "./tell-us.sh"]
    assert (found.kept, found.lost) == (5, ())
    assert "-      - chmod +x ./copilot-linux" in found.difference(edited, "buildspec.yml").splitlines()


def test_what_makes_no_sense_elsewhere_is_told() -> None:
    edited = BUILDSPEC.replace("          done;\n", "          aws s3 sync a s3://b;\n          done;\n")
    assert refresh(edited).lost == ("aws s3 sync a s3://b",)


def test_other_buildspecs_are_left_alone() -> None:
    assert refreshed(parse(buildspec_text("1.0.0"), Buildspec, "buildspec.yml"), "1.2.3", ".") is None


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
commands = st.lists(words, min_size=1, max_size=4).map(lambda parts: "own " + " ".join(parts))


@given(
    st.dictionaries(st.sampled_from(["install", "pre_build", "build", "post_build"]), st.lists(commands, min_size=1, max_size=3))
)
def test_every_command_of_ones_own_is_kept(own: dict[str, list[str]]) -> None:
    document = load(BUILDSPEC)
    for phase, added in own.items():
        document["phases"].setdefault(phase, {"commands": []})["commands"] += added
    text = _dumped(document)
    result = load(refresh(text).text)
    for phase, added in own.items():
        kept = result["phases"][phase]["commands"]
        assert [command for command in kept if command in added] == added


def _dumped(document: Any) -> str:
    from io import StringIO

    out = StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.dump(document, out)
    return out.getvalue()
