"""`copilot pipeline init` where there are pipelines already, as AWS Copilot leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.cli.pipeline import _files
from copilot.local.client import connect
from copilot.local.home import Home
from copilot.workspace import Workspace
from tests import aws_copilot, gitrepo
from tests.cli.conftest import Cli, Terminals

SERVICE = "name: {}\ntype: Backend Service\nimage: {{location: 'nginx:1'}}\n"
OWN = "version: 0.2\nphases: {build: {commands: [copilot pipeline build --output-dir infrastructure]}}\n"
SINGLE = Path("copilot/pipeline.yml")
BUILDSPEC = Path("copilot/buildspec.yml")

Edit = Callable[[str], str]


@pytest.fixture
def shop(app: str, cli: Cli) -> str:
    """An application with two environments and two services in a repository."""
    for name in ("test", "prod"):
        cli.ok("env", "init", "--name", name, "--runtime", "host")
    gitrepo.run(Path.cwd(), "init", ".")
    gitrepo.run(Path.cwd(), "remote", "add", "origin", "https://github.com/kohidave/demo-api-frontend.git")
    for name in ("api", "web"):
        Path("copilot", name).mkdir()
        Path("copilot", name, "manifest.yml").write_text(SERVICE.format(name))
    return app


def add(name: str | None, text: str = aws_copilot.MANIFEST, buildspec: str = OWN) -> Path:
    """Write a pipeline; the answer is where its manifest is."""
    folder = Path("copilot") if name is None else Path("copilot/pipelines", name)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / ("pipeline.yml" if name is None else "manifest.yml")
    manifest.write_text(text.format(name=name or "pipeline-shop"))
    (folder / "buildspec.yml").write_text(buildspec)
    return manifest


def test_good_pipelines_of_both_layouts_are_gone_on_with(cli: Cli, shop: str) -> None:
    add(None)
    alone = cli.ok("pipeline", "init")
    assert "✓ copilot/pipeline.yml is valid: Source → Build → test → prod" in alone.stderr
    assert "The pipeline is valid; nothing to write." in alone.stderr
    assert alone.stderr.endswith("Next   copilot pipeline update\n")

    add("main")
    add("nightly", aws_copilot.MANIFEST.replace("branch: main", "branch: nightly"))
    before = {path: path.read_bytes() for path in Path("copilot").rglob("*") if path.is_file()}
    several = cli.ok("pipeline", "init")
    assert "3 pipelines are valid; nothing to write." in several.stderr
    for name in ("main", "nightly", "pipeline-shop"):
        assert f"copilot pipeline update --name {name}" in several.stderr
    one = cli.ok("pipeline", "init", "--name", "nightly")
    assert "main/manifest.yml" not in one.stderr
    assert one.stderr.endswith("Next   copilot pipeline update --name nightly\n")
    assert {path: path.read_bytes() for path in Path("copilot").rglob("*") if path.is_file()} == before


def test_the_approval_that_was_never_asked_for_comes_first(cli: Cli, shop: str) -> None:
    text = aws_copilot.MANIFEST.replace("requires_approval", "require_approval").replace("test_commands", "test_command")
    add(None, text.replace("branch: main", "brnch: main"))
    result = cli("pipeline", "init")
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second = result.stderr.index("`require_approval`"), result.stderr.index("`test_command`")
    assert result.stderr.startswith(
        "error: copilot/pipeline.yml:12:5: unknown key `require_approval` in stage `prod`: AWS Copilot"
    )
    assert "AWS Copilot ignores it, and has released to `prod` without an approval" in result.stderr
    assert "   12 |     require_approval: true" in result.stderr
    assert "write `requires_approval: true`" in result.stderr
    assert first < second
    assert result.stderr.endswith("3 errors in copilot/pipeline.yml; nothing was changed\n")


@pytest.mark.parametrize("key", ["requires-approval: true", "require_aproval: true", "RequiresApproval: true"])
def test_every_way_to_misspell_it_is_explained(cli: Cli, shop: str, key: str) -> None:
    add(None, aws_copilot.MANIFEST.replace("requires_approval: true", key))
    assert "has released to `prod` without an approval" in cli("pipeline", "init").stderr


def test_no_approval_was_missed_where_none_was_asked_for(cli: Cli, shop: str) -> None:
    for key in ("require_approval: false", "requires_approval: true\n    require_approval: true"):
        add(None, aws_copilot.MANIFEST.replace("requires_approval: true", key))
        result = cli("pipeline", "init")
        assert result.exit_code == 1
        assert "unknown key `require_approval` in stage `prod`" in result.stderr
        assert "without an approval" not in result.stderr


STAGES = "stages:\n" + aws_copilot.MANIFEST.partition("stages:\n")[2]
MISTAKES: dict[str, tuple[Edit, str]] = {
    "an unknown key": (lambda text: text + "envrionments: []\n", ":13:1: unknown key `envrionments`"),
    "no stages": (lambda text: text.replace(STAGES, ""), "`stages` is missing"),
    "empty stages": (lambda text: text.replace(STAGES, "stages: []\n"), ":8:9: `stages` must not be empty"),
    "a stage twice": (lambda text: text.replace("name: prod", "name: test"), ":11:11: stage `test` is there twice"),
    "no branch": (lambda text: text.replace("    branch: main\n", ""), "`branch` is missing in `source.properties`"),
    "no source": (lambda text: text.replace(text[text.index("source") : text.index("stages")], ""), "`source` is missing"),
    "no repository": (
        lambda text: text.replace("    repository: https://github.com/kohidave/demo-api-frontend\n", ""),
        "`repository` is missing in `source.properties`",
    ),
    "a workload that is not there": (
        lambda text: text + "    deployments: {apo: {}}\n",
        ":13:19: workload `apo` does not exist in this workspace",
    ),
    "workloads in a circle": (
        lambda text: text + "    deployments: {api: {depends_on: [web]}, web: {depends_on: [api]}}\n",
        "depend on each other in a circle",
    ),
    "an environment that is not there": (
        lambda text: text.replace("name: prod", "name: staging"),
        "environment `staging` does not exist in application",
    ),
    "an empty name": (lambda text: text.replace("name: pipeline-shop", 'name: ""'), ":1:7: `name` must not be empty"),
    "a name with a blank": (lambda text: text.replace("name: pipeline-shop", "name: my shop"), ":1:7: `name` must not contain"),
    "an unknown provider": (lambda text: text.replace("GitHub", "Gitea"), ":4:13: `source.provider` must be `GitHub`"),
    "a branch that git cannot have": (
        lambda text: text.replace("branch: main", "branch: a..b"),
        "cannot be the name of a branch",
    ),
    "a token in the URL": (
        lambda text: text.replace("https://github", "https://ana:hunter2@github"),
        ":7:17: the repository's URL must not hold a user or a token",
    ),
    "commands that are a text": (
        lambda text: text.replace("[make test]", "make test"),
        "`test_commands` in stage `test` must be a list",
    ),
    "yes instead of true": (
        lambda text: text.replace("approval: true", "approval: maybe"),
        "`requires_approval` in stage `prod`",
    ),
    "a buildspec that is not there": (
        lambda text: text + "build: {buildspec: buildspec.yml}\n",
        ":13:20: the buildspec `buildspec.yml` does not exist",
    ),
    "a tab": (lambda text: text.replace("  - name: prod", "\t- name: prod"), "pipeline.yml:11:1: "),
    "an old version": (lambda text: text.replace("version: 1", "version: 2"), ":2:10: `version` must be 1"),
    "tests and actions after the deployments": (
        lambda text: text.replace("[make test]", "[make test]\n    post_deployments: {a: {buildspec: copilot/buildspec.yml}}"),
        "`test_commands` and `post_deployments` cannot be used together",
    ),
}


def test_each_mistake_is_explained_where_it_stands(cli: Cli, shop: str) -> None:
    add(None)
    good = SINGLE.read_text()
    for mistake, (edit, message) in MISTAKES.items():
        broken = edit(good)
        assert broken != good, mistake
        SINGLE.write_text(broken)
        result = cli("pipeline", "init")
        assert (result.exit_code, message in result.stderr) == (1, True), f"{mistake}:\n{result.stderr}"
        assert "nothing was changed" in result.stderr
        assert "hunter2" not in result.stderr
        assert SINGLE.read_text() == broken


def test_what_is_broken_is_told_with_what_is_not(cli: Cli, shop: str) -> None:
    add("main")
    add("old", aws_copilot.MANIFEST.replace("name: prod", "name: staging"))
    result = cli("pipeline", "init")
    assert result.exit_code == 1
    assert "✓ copilot/pipelines/main/manifest.yml is valid" in result.stderr
    assert "copilot/pipelines/old/manifest.yml:11:11: environment `staging` does not exist" in result.stderr
    SINGLE.write_text(aws_copilot.MANIFEST.format(name="main"))
    BUILDSPEC.write_text(OWN)
    twice = cli("pipeline", "init", "--name", "main")
    assert (twice.exit_code, "two pipelines are called `main`" in twice.stderr) == (1, True)


def test_a_pipeline_of_environments_is_refused_by_its_name(cli: Cli, shop: str) -> None:
    add("environments", aws_copilot.ENVIRONMENTS, aws_copilot.BUILDSPEC)
    before = Path("copilot/pipelines/environments/buildspec.yml").read_bytes()
    result = cli("pipeline", "init", "--overwrite")
    assert result.exit_code == 1
    assert (
        "manifest.yml:11:7: `deploy-env` deploys environment `test` itself; a pipeline of the type `Environments`"
        in result.stderr
    )
    assert "1 error in" in result.stderr
    assert Path("copilot/pipelines/environments/buildspec.yml").read_bytes() == before


def test_a_broken_manifest_is_explained_also_where_another_one_is_wanted(cli: Cli, shop: str) -> None:
    add(None, aws_copilot.MANIFEST.replace("requires_approval", "require_approval"))
    result = cli("pipeline", "init", "-e", "test,prod", "-t", "")
    assert result.exit_code == 1
    assert "without an approval" in result.stderr
    assert "copilot/pipeline.yml and copilot/buildspec.yml already say something else; nothing was changed" in result.stderr
    assert "replace what is there with `--overwrite`" in result.stderr
    cli.ok("pipeline", "init", "-e", "test,prod", "-t", "", "--overwrite")
    cli.ok("pipeline", "validate")


def test_a_build_of_aws_copilot_cannot_run_here_until_it_is_refreshed(cli: Cli, shop: str) -> None:
    own = aws_copilot.EARLY_BUILDSPEC.replace('- echo "Run your tests"', "- make test")
    add(None, buildspec=own)
    result = cli("pipeline", "init")
    assert result.exit_code == 1
    assert "copilot/buildspec.yml was made by AWS Copilot, and builds with AWS Copilot 1.1.0." in result.stderr
    assert "copilot/buildspec.yml:11:9: this build downloads AWS Copilot, which knows nothing of this machine" in result.stderr
    assert "`copilot pipeline init --overwrite`" in result.stderr
    assert BUILDSPEC.read_text() == own
    assert "this build downloads AWS Copilot" in cli("pipeline", "validate").stderr

    refreshed = cli.ok("pipeline", "init", "--overwrite")
    assert "Wrote copilot/buildspec.yml" in refreshed.stderr
    assert "The pipeline is valid; wrote copilot/buildspec.yml." in refreshed.stderr
    assert 'git add copilot && git commit -m "Building with copilot" && git push' in refreshed.stderr
    text = BUILDSPEC.read_text()
    assert "      - make test\n" in text
    assert "copilot pipeline build --output-dir infrastructure" in text
    assert "copilot-linux" not in text
    cli.ok("pipeline", "validate")


def test_the_difference_is_shown_before_it_is_made(terminal: Terminals, shop: str) -> None:
    add(None, buildspec=aws_copilot.BUILDSPEC.replace("          done;\n", "          aws s3 sync a s3://b;\n          done;\n"))
    session = terminal("pipeline", "init")
    session.wait_for("builds with AWS Copilot 1.34.1")
    session.wait_for("-      - chmod +x ./copilot-linux")
    session.wait_for("+      - copilot pipeline build --output-dir infrastructure")
    session.wait_for("would be lost:")
    session.wait_for("aws s3 sync a s3://b")
    session.wait_for("Make it copilot's own?")
    session.type("y")
    session.wait_for("Wrote copilot/buildspec.yml")
    session.wait_for("Go on with what is there?")
    session.type("\r")
    session.wait_for("copilot pipeline update")
    assert session.finish() == 0
    assert "copilot-linux" not in BUILDSPEC.read_text()


def test_another_pipeline_instead(terminal: Terminals, shop: str) -> None:
    add(None, aws_copilot.MANIFEST.replace("requires_approval", "require_approval"))
    before = SINGLE.read_bytes()
    session = terminal("pipeline", "init")
    session.wait_for("without an approval")
    session.wait_for("Make another pipeline instead of mending this?")
    session.type("y")
    session.wait_for("What is the new pipeline called?")
    session.type("main\r")
    session.wait_for("Which environments should a push release to")
    session.wait_for("» test")
    session.type("\r")
    session.wait_for("(that is all)")
    session.type("\x1b[B\r")
    session.wait_for("admin:repo_hook); enter: none")
    session.type("\r")
    session.wait_for("Next")
    assert session.finish() == 0
    assert SINGLE.read_bytes() == before
    assert Path("copilot/pipelines/main/manifest.yml").exists()


def test_mending_it_comes_to_the_same_as_without_a_terminal(terminal: Terminals, shop: str) -> None:
    add(None, aws_copilot.MANIFEST.replace("requires_approval", "require_approval"))
    session = terminal("pipeline", "init")
    session.wait_for("Make another pipeline instead of mending this?")
    session.type("\r")
    assert session.finish() == 1


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    old, new = tmp_path / "old.yml", tmp_path / "a" / "b" / "new.yml"
    old.write_text("before\n")
    wanted = [_files.Wanted(old, "after\n", ""), _files.Wanted(new, "after\n", "")]

    def stop() -> None:
        with _files.written(wanted):
            assert new.exists()
            raise StopError

    with pytest.raises(StopError):
        stop()
    assert old.read_text() == "before\n"
    assert not (tmp_path / "a").exists()
    with _files.written(wanted) as changed:
        assert changed == {old, new}
    assert new.read_text() == "after\n"
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match="file"),
        _files.written([_files.Wanted(old, "x\n", ""), _files.Wanted(tmp_path / "file" / "x", "x\n", "")]),
    ):
        pytest.fail("a file is no folder")
    assert old.read_text() == "after\n"


def test_a_token_stays_where_the_guide_keeps_it(cli: Cli, shop: str) -> None:
    """A manifest of AWS Copilot's first versions, whose token is replaced with the same flags as the first time."""
    refused = cli("pipeline", "init", "-e", "test,prod", "-t", "a b")
    assert (refused.exit_code, "no token has" in refused.stderr) == (2, True)
    cli.ok("pipeline", "init", "-e", "test,prod", "-t", "one")
    kept = cli.ok("pipeline", "init", "-e", "test,prod", "-t", "two")
    assert "Kept  copilot/pipeline.yml" in kept.stderr
    assert connect(Home.default()).secrets("github-token") == [f"github-token-{shop}-demo-api-frontend"]
    assert "The pipeline is valid" in cli.ok("pipeline", "init").stderr
    assert Workspace(Path.cwd()).pipelines()[0].name.startswith("pipeline-shop")


def test_a_token_is_kept_for_a_pipeline_that_is_here(cli: Cli, shop: str) -> None:
    secret = f"github-token-{shop}-theirs"
    with_secret = aws_copilot.MANIFEST.replace("branch: main\n", f"branch: main\n    access_token_secret: {secret}\n")
    add("main", with_secret)
    add("public")
    cli.ok("pipeline", "init", "-t", "ghp_do_not_write_me_down")
    assert connect(Home.default()).secrets(secret) == [secret]
    none = cli("pipeline", "init", "--name", "public", "-t", "ghp_do_not_write_me_down")
    assert (none.exit_code, "none of them has" in none.stderr) == (2, True)
    add("other", with_secret.replace("theirs", "others"))
    several = cli("pipeline", "init", "-t", "ghp_do_not_write_me_down")
    assert (several.exit_code, "they have several: " in several.stderr) == (2, True)
    assert "write_me" not in none.stderr + several.stderr


def test_a_token_that_is_missing_is_asked_for(terminal: Terminals, shop: str) -> None:
    secret = f"github-token-{shop}-asked"
    add(None, aws_copilot.MANIFEST.replace("branch: main\n", f"branch: main\n    access_token_secret: {secret}\n"))
    session = terminal("pipeline", "init")
    session.wait_for(f"Access token to keep as {secret}")
    session.type("ghp_do_not_write_me_down\r")
    session.wait_for("Token kept as")
    session.wait_for("Go on with what is there?")
    session.type("y")
    assert session.finish() == 0
    assert "write_me" not in session.raw
    assert connect(Home.default()).secrets(secret) == [secret]


def test_no_build_is_refreshed_while_something_else_is_wrong(cli: Cli, shop: str) -> None:
    add(None, aws_copilot.MANIFEST.replace("name: prod", "name: staging"), aws_copilot.BUILDSPEC)
    result = cli("pipeline", "init", "--overwrite")
    assert result.exit_code == 1
    assert "2 errors in copilot/buildspec.yml, copilot/pipeline.yml; nothing was changed" in result.stderr
    assert BUILDSPEC.read_text() == aws_copilot.BUILDSPEC
