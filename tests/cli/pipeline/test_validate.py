"""`copilot pipeline validate` on the local engine."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.conftest import Cli
from tests.cli.pipeline.conftest import Shop


def answer(cli: Cli) -> dict[str, Any]:
    """The JSON answer for a pipeline that is right."""
    document: dict[str, Any] = json.loads(cli.ok("pipeline", "validate", "--json").stdout)
    return document


def test_notes_tell_what_differs_from_aws(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test,prod")
    assert answer(cli) == {
        "valid": True,
        "problems": [],
        "warnings": [],
        "notes": [],
        "environmentsChecked": True,
        "notChecked": [],
    }
    shop.edit("\nbuild:\n", "\nbuild:\n  compute: BUILD_GENERAL1_LARGE\n")
    buildspec = shop.folder / "copilot" / "buildspec.yml"
    buildspec.write_text("version: 0.2\nphases: {build: {commands: [make]}}\ncache: {paths: [a]}\n")
    result = cli.ok("pipeline", "validate")
    line = shop.manifest.read_text().splitlines().index("build:") + 2
    assert "is valid: Source → Build → test → prod" in result.stdout
    notes = [each for each in result.stderr.splitlines() if each.startswith("note: ")]
    assert [note.partition(": no effect;")[0] for note in notes] == [
        f"note: copilot/pipeline.yml:{line}:3: `build.compute` on this machine",
        "note: copilot/buildspec.yml:3:1: `cache` on this machine",
    ]
    assert notes[0].endswith(" On AWS: CodeBuild's machine")
    told = answer(cli)["notes"]
    assert [(each["severity"], each["file"], each["line"]) for each in told] == [
        ("note", "copilot/pipeline.yml", line),
        ("note", "copilot/buildspec.yml", 3),
    ]


def test_many_actions_are_warned_of(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test")
    hooks = "".join(f"      hook{n}: {{buildspec: copilot/buildspec.yml}}\n" for n in range(50))
    shop.manifest.write_text(shop.manifest.read_text() + f"    pre_deployments:\n{hooks}")
    assert "warning: copilot/pipeline.yml" in cli.ok("pipeline", "validate").stderr
    (warning,) = answer(cli)["warnings"]
    assert warning["message"].startswith("stage `test` has 51 actions")


def test_a_connection_is_refused_before_anything_is_fetched(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test")
    shop.edit("    branch: main", "    branch: main\n    connection_name: ours")
    for command in ("validate", "update"):
        result = cli("pipeline", command)
        assert result.exit_code == 1
        assert "the local engine cannot use the connection `ours`" in result.stderr
