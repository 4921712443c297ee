from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from copilot.cli.pipeline.scaffold import PipelineAnswers, buildspec_text, manifest_text, pipeline_name, scalar
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import parse
from copilot.manifest.names import action_name_fault
from copilot.manifest.pipeline import PipelineManifest

ANSWERS = PipelineAnswers("pipeline-shop-demo", ("test", "prod"), "Git", "/srv/git/demo.git", "main", "copilot/buildspec.yml")


def load(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_the_manifest_says_what_was_answered() -> None:
    assert load(manifest_text(ANSWERS)) == {
        "name": "pipeline-shop-demo",
        "version": 1,
        "source": {"provider": "Git", "properties": {"repository": "/srv/git/demo.git", "branch": "main"}},
        "build": {"buildspec": "copilot/buildspec.yml"},
        "stages": [{"name": "test"}, {"name": "prod", "requires_approval": True}],
    }


def test_one_environment_waits_for_nobody() -> None:
    answers = PipelineAnswers("p", ("test",), "GitHub", "https://github.com/o/r", "main", "b.yml", "github-token-shop-r")
    document = load(manifest_text(answers))
    assert document["stages"] == [{"name": "test"}]
    assert document["source"]["properties"]["access_token_secret"] == "github-token-shop-r"


def test_every_key_of_the_manifest_is_shown() -> None:
    shown = uncommented(manifest_text(ANSWERS))
    expected = {
        "": {"name", "version", "source", "execution_mode", "build", "stages"},
        "source": {"provider", "properties", "paths"},
        "properties": {"repository", "branch", "access_token_secret", "connection_name", "output_artifact_format"},
        "build": {"buildspec", "timeout", "variables", "image", "compute", "additional_policy"},
    }
    document = load(shown)
    assert set(document) == expected[""]
    assert set(document["source"]) == expected["source"]
    assert set(document["source"]["properties"]) == expected["properties"]
    assert set(document["build"]) == expected["build"]
    assert set(document["stages"][0]) == {
        "name",
        "requires_approval",
        "test_commands",
        "deployments",
        "pre_deployments",
        "post_deployments",
        "vpc",
        "on_failure",
    }


def uncommented(text: str) -> str:
    """The manifest with every example switched on."""
    key_or_item = re.compile(r"^( *)# (( *)(- |[A-Za-z_-]+:( |$)).*)$", re.MULTILINE)
    return key_or_item.sub(lambda m: m.group(1) + m.group(2), text)


@given(st.text(min_size=1, max_size=40))
def test_a_scalar_is_read_back_as_the_same_text(text: str) -> None:
    printable = "".join(c for c in text if not 0xD800 <= ord(c) <= 0xDFFF)
    assert load(f"key: {scalar(printable)}\n") == {"key": printable}


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_a_pipeline_name_is_always_allowed(app: str, owner: str, name: str) -> None:
    assert action_name_fault(pipeline_name(app, (owner, name))) is None


def test_the_name_is_that_of_the_oldest_layout() -> None:
    assert pipeline_name("ecs-kudos", ("kohidave", "demo-api-frontend")) == "pipeline-ecs-kudos-kohidave-demo-api-frontend"
    assert pipeline_name("shop", ("my shop",)) == "pipeline-shop-my-shop"


def test_the_buildspec_is_short_and_its_commands_are_posix_shell() -> None:
    document = load(buildspec_text("1.2.3"))
    assert document["version"] == 0.2
    assert list(document["phases"]) == ["install", "build", "post_build"]
    assert document["phases"]["post_build"]["commands"] == ["copilot pipeline build --output-dir infrastructure"]
    assert document["artifacts"] == {"files": ["infrastructure/**/*"]}
    for phase in document["phases"].values():
        for command in phase["commands"]:
            assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


def test_the_examples_in_the_comments_are_valid() -> None:
    shown = re.sub(r"    test_commands:\n    +- curl.*\n", "", uncommented(manifest_text(ANSWERS)), count=1)
    loaded = parse(shown, PipelineManifest, "pipeline.yml").model
    assert loaded.stages[0].deployments is not None
    assert loaded.stages[1].test_commands
    parse(buildspec_text("1.2.3", "the apps"), Buildspec, "buildspec.yml")


STAND_INS = {
    "python3": """\
echo "$@" >> log
printf '#!/bin/sh\\necho copilot 1.2.3\\n' > "{versions}/copilot"
chmod +x "{versions}/copilot"
""",
    "pyenv": 'echo "pyenv $@" >> log\ncp "{versions}/copilot" "{shims}/copilot"\n',
}
"""Programs of a machine where pyenv has installed Python: what pip installs is found when pyenv has been told to look."""


def test_the_build_finds_the_program_that_it_has_installed(tmp_path: Path) -> None:
    (install,) = load(buildspec_text("1.2.3"))["phases"]["install"]["commands"]
    versions, shims = tmp_path / "versions", tmp_path / "shims"
    for folder in (versions, shims):
        folder.mkdir()
    for name, text in STAND_INS.items():
        (shims / name).write_text("#!/bin/sh\n" + text.format(versions=versions, shims=shims))
        (shims / name).chmod(0o755)
    environment = {"PATH": f"{shims}:/usr/bin:/bin"}
    for _ in range(2):  # the second time it is there
        subprocess.run(["sh", "-e", "-c", f"{install}\ncopilot --version"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "log").read_text() == "-m pip install copilot-pipelines==1.2.3\npyenv rehash\n"

    (shims / "copilot").unlink()
    (shims / "python3").write_text("#!/bin/sh\nexit 3\n")
    failed = subprocess.run(["sh", "-c", install], cwd=tmp_path, env=environment, check=False)
    assert failed.returncode == 3


def test_the_program_is_installed_by_its_name_in_the_index() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert f'"{project["name"]}==1.2.3"' in buildspec_text("1.2.3")
