from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import ManifestError
from copilot.validation import check_pipeline
from copilot.workspace import EngineName, Workspace
from tests import aws_copilot

PIPELINE = """\
name: shop
source:
  provider: Git
  properties:
    repository: /srv/shop.git
    branch: main
stages:
  - name: test
    pre_deployments:
      migrate:
        buildspec: copilot/migrate.yml
  - name: prod
    deployments:
      api:
      web: {depends_on: [api]}
"""
BUILDSPEC = "version: 0.2\nphases: {build: {commands: [make]}}\n"
BACKEND = "name: {name}\ntype: Backend Service\nimage: {{build: Dockerfile}}\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / ".git").mkdir()
    workspace = Workspace.create(tmp_path, "shop", "local")
    files = {"pipeline.yml": PIPELINE, "buildspec.yml": BUILDSPEC, "migrate.yml": BUILDSPEC}
    for name in ("api", "web"):
        files[f"{name}/manifest.yml"] = BACKEND.format(name=name)
    for name, text in files.items():
        change(workspace, name, text)
    monkeypatch.chdir(tmp_path)
    return workspace


def change(workspace: Workspace, name: str, text: str) -> None:
    path = workspace.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def problems(workspace: Workspace, environments: tuple[str, ...] | None = ("test", "prod")) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        check_pipeline(workspace, workspace.pipeline(), environments)
    return [f"{d.file}:{d.line}:{d.column} {d.message}" for d in caught.value.diagnostics]


def test_a_good_pipeline(workspace: Workspace) -> None:
    document, plan = check_pipeline(workspace, workspace.pipeline(), ("test", "prod"))
    assert document.model.name == plan.pipeline == "shop"
    assert plan.environments == ("test", "prod")
    assert plan.stage("Build").actions[0].name == "Build"


def test_everything_in_all_files_at_once(workspace: Workspace) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("name: prod", "name: staging").replace("[api]", "[apo]"))
    change(workspace, "buildspec.yml", BUILDSPEC.replace("build:", "biuld:"))
    (workspace.folder / "migrate.yml").unlink()
    change(workspace, "web/manifest.yml", BACKEND.format(name="web") + "count: x\nenvironments: {prod: {cpu: x}}\n")
    assert problems(workspace) == [
        "copilot/buildspec.yml:2:10 unknown key `biuld` in `phases`",
        "copilot/pipeline.yml:11:20 the buildspec `copilot/migrate.yml` does not exist",
        "copilot/pipeline.yml:12:11 environment `staging` does not exist in application `shop`",
        "copilot/pipeline.yml:15:26 `web` depends on `apo`, which is not among the `deployments` of stage `staging`",
        "copilot/web/manifest.yml:4:8 `count` must be a whole number, not text",
        "copilot/web/manifest.yml:5:28 `environments.prod.cpu` must be a whole number, not text",
    ]


def test_a_broken_manifest_does_not_hide_broken_workloads(workspace: Workspace) -> None:
    change(workspace, "pipeline.yml", "name: [\n")
    change(workspace, "api/manifest.yml", "")
    assert problems(workspace) == [
        "copilot/api/manifest.yml:1:1 the file is empty",
        "copilot/pipeline.yml:1:7 the file ends in the middle of a value",
    ]


def test_environments_that_are_not_known_are_not_checked(workspace: Workspace) -> None:
    _, plan = check_pipeline(workspace, workspace.pipeline(), None)
    assert plan.environments == ("test", "prod")


def test_a_workload_that_does_not_exist(workspace: Workspace) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("api:", "apis:"))
    assert "copilot/pipeline.yml:14:7 workload `apis` does not exist in this workspace" in problems(workspace)


@pytest.mark.parametrize(
    ("first", "cycle"),
    [
        ("      api: {depends_on: [api]}\n      web:", "`api` depends on itself"),
        ("      api: {depends_on: [web]}\n      web: {depends_on: [api]}", "these depend on each other in a circle"),
        (
            "      api: {depends_on: [web]}\n      web: {depends_on: [db]}\n      db: {depends_on: [api]}",
            "these depend on each other in a circle",
        ),
    ],
)
def test_cycles(workspace: Workspace, first: str, cycle: str) -> None:
    change(workspace, "db/manifest.yml", BACKEND.format(name="db"))
    change(workspace, "pipeline.yml", PIPELINE[: PIPELINE.index("      api:")] + first + "\n")
    (problem,) = problems(workspace)
    assert cycle in problem


@pytest.mark.parametrize(
    ("buildspec", "position", "message"),
    [
        ("nope.yml", "8:14", "the buildspec `nope.yml` does not exist"),
        ("../outside.yml", "8:14", "the buildspec `../outside.yml` is outside of the repository"),
        ("/etc/hostname", "8:14", "the buildspec `/etc/hostname` is outside of the repository"),
    ],
)
def test_buildspecs_are_files_of_the_repository(workspace: Workspace, buildspec: str, position: str, message: str) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("stages:", f"build:\n  buildspec: {buildspec}\nstages:"))
    assert problems(workspace) == [f"copilot/pipeline.yml:{position} {message}"]


def test_paths_that_no_file_can_have(workspace: Workspace) -> None:
    (workspace.root / "a").symlink_to("b")
    (workspace.root / "b").symlink_to("a")
    change(workspace, "pipeline.yml", PIPELINE.replace("stages:", "build:\n  buildspec: a\nstages:"))
    (circle,) = problems(workspace)
    assert circle.startswith("copilot/pipeline.yml:8:14 the buildspec")
    change(workspace, "pipeline.yml", PIPELINE.replace("stages:", f"build:\n  buildspec: {'a' * 300}\nstages:"))
    assert problems(workspace) == ["copilot/pipeline.yml:8:14 the buildspec cannot be found: File name too long"]


def test_a_buildspec_that_is_a_folder(workspace: Workspace) -> None:
    (workspace.folder / "migrate.yml").unlink()
    (workspace.folder / "migrate.yml").mkdir()
    assert problems(workspace) == ["copilot/migrate.yml:1:1 this is a folder, not a file"]


def test_the_default_buildspec(workspace: Workspace) -> None:
    (workspace.folder / "buildspec.yml").unlink()
    with pytest.raises(ManifestError) as caught:
        check_pipeline(workspace, workspace.pipeline(), None)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == "the buildspec `copilot/buildspec.yml` does not exist"
    assert diagnostic.hint == "`copilot pipeline init` writes it; another can be named with `build.buildspec`"


def test_paths_begin_at_the_repository_even_if_the_workspace_does_not(workspace: Workspace) -> None:
    inner = Workspace.create(workspace.root / "services", "other", "local")
    change(inner, "pipeline.yml", PIPELINE.replace("copilot/migrate.yml", "services/copilot/migrate.yml"))
    change(inner, "buildspec.yml", BUILDSPEC)
    change(inner, "migrate.yml", BUILDSPEC)
    for name in ("api", "web"):
        change(inner, f"{name}/manifest.yml", BACKEND.format(name=name))
    check_pipeline(inner, inner.pipeline(), None)
    change(inner, "pipeline.yml", PIPELINE.replace("copilot/migrate.yml", "copilot/migrate2.yml"))
    change(inner, "migrate2.yml", BUILDSPEC)
    with pytest.raises(ManifestError) as caught:
        check_pipeline(inner, inner.pipeline(), None)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.hint == "paths begin at the repository's root: did you mean `services/copilot/migrate2.yml`?"


def test_a_workload_is_called_like_its_folder(workspace: Workspace) -> None:
    change(workspace, "web/manifest.yml", BACKEND.format(name="site"))
    assert problems(workspace) == ["copilot/web/manifest.yml:1:7 the workload is called `site`, but its folder `web`"]


def test_only_workloads_that_are_deployed_matter(workspace: Workspace) -> None:
    change(workspace, "jobs/manifest.yml", "name: jobs\ntype: Static Site\n")
    only_api = PIPELINE.replace("  - name: test\n", "  - name: test\n    deployments: {api: }\n")
    change(workspace, "pipeline.yml", only_api)
    check_pipeline(workspace, workspace.pipeline(), None)
    change(workspace, "pipeline.yml", PIPELINE)
    assert problems(workspace) == ["copilot/jobs/manifest.yml:2:7 the type `Static Site` is not supported yet"]


def test_a_job_is_deployed_like_a_service(workspace: Workspace) -> None:
    job = "name: report\ntype: Scheduled Job\nimage: {build: Dockerfile}\non: {schedule: '%s'}\n"
    change(workspace, "report/manifest.yml", job % "@daily")
    _, plan = check_pipeline(workspace, workspace.pipeline(), ("test", "prod"))
    assert "CreateOrUpdate-report-test" in [action.name for stage in plan.stages for action in stage.actions]
    change(workspace, "report/manifest.yml", job % "@dayly")
    assert problems(workspace) == ["copilot/report/manifest.yml:4:16 `on.schedule` is no schedule that is known"]


def test_files_of_variables_are_checked(workspace: Workspace) -> None:
    text = BACKEND.format(name="api") + "env_file: api.env\nenvironments: {prod: {env_file: prod.env}}\n"
    change(workspace, "api/manifest.yml", text)
    change(workspace, "web/manifest.yml", BACKEND.format(name="web") + "env_file: api.env\n")
    (workspace.root / "api.env").write_text("A=1\nB\n")
    assert problems(workspace) == [
        "api.env:2:1 this line has no `=`",
        "copilot/api/manifest.yml:5:33 the file `prod.env` does not exist",
    ]
    (workspace.root / "api.env").write_text("A=1\n")
    (workspace.root / "prod.env").write_text("A=1\n")
    check_pipeline(workspace, workspace.pipeline(), None)


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ("https://ana:hunter2@example.com/shop.git", "the repository's URL must not hold a user or a token"),
        ("https://hunter2@github.com/ana/shop", "the repository's URL must not hold a user or a token"),
        ('"ext::sh -c hunter2"', "`ext::` runs a program instead of naming a repository"),
        ('"https://example.com/a b"', "it has white space"),
        ("ssh://-oProxyCommand=x/shop", "is not a host"),
    ],
)
def test_a_repository_is_one_that_git_can_be_given(workspace: Workspace, repository: str, message: str) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("/srv/shop.git", repository))
    with pytest.raises(ManifestError) as caught:
        check_pipeline(workspace, workspace.pipeline(), None)
    (diagnostic,) = caught.value.diagnostics
    assert message in diagnostic.message
    assert (diagnostic.line, diagnostic.column) == (5, 17)
    if "@" in repository:
        assert "hunter2" not in diagnostic.render()
        assert "write `https://" in (diagnostic.hint or "")


@pytest.mark.parametrize(
    "token", ["ghp_" + "a1B2" * 9, "github_pat_" + "a" * 60, "glpat-" + "x" * 20, "0123456789abcdef" * 2 + "01234567"]
)
def test_a_token_in_place_of_its_secret_is_shown_nowhere(workspace: Workspace, token: str) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("branch: main", f"branch: main\n    access_token_secret: {token}"))
    with pytest.raises(ManifestError) as caught:
        check_pipeline(workspace, workspace.pipeline(), None)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.line, diagnostic.message) == (7, "this is a token, not the name of its secret")
    assert token not in caught.value.render()


def test_a_repository_on_this_disk_may_have_spaces_in_its_path(workspace: Workspace) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("/srv/shop.git", '"/srv/the shop.git"'))
    _, plan = check_pipeline(workspace, workspace.pipeline(), None)
    assert plan.source.repository == "/srv/the shop.git"


@pytest.mark.parametrize("branch", ["a..b", "x.lock", "refs/heads/main", "HEAD"])
def test_a_branch_is_one_that_git_can_have(workspace: Workspace, branch: str) -> None:
    change(workspace, "pipeline.yml", PIPELINE.replace("branch: main", f"branch: {branch}"))
    assert len(problems(workspace)) == 1
    assert problems(workspace)[0].startswith("copilot/pipeline.yml:6:13 `")


class TestTheEngine:
    def test_what_needs_aws_is_refused_by_the_local_one(self, workspace: Workspace) -> None:
        more = "variables:\n  A: {from_cfn: x}\nenvironments:\n  prod:\n    publish: {topics: [{name: t}]}\n"
        change(workspace, "api/manifest.yml", BACKEND.format(name="api") + more)
        assert problems(workspace) == [
            "copilot/api/manifest.yml:5:3 `variables.A` is for AWS only: stacks that export a value are there",
            "copilot/api/manifest.yml:8:15 `publish.topics` is for AWS only: topics are there",
        ]
        check_pipeline(workspace, workspace.pipeline(), None, engine="aws")

    def test_an_override_makes_it_run_here(self, workspace: Workspace) -> None:
        more = "variables: {A: {from_cfn: x}}\nenvironments: {test: {variables: {A: b}}, prod: {variables: {A: c}}}\n"
        change(workspace, "api/manifest.yml", BACKEND.format(name="api") + more)
        check_pipeline(workspace, workspace.pipeline(), None)

    def test_limits_of_aws_hold_there_only(self, workspace: Workspace) -> None:
        change(workspace, "api/manifest.yml", BACKEND.format(name="api") + "environments: {prod: {memory: 700}}\n")
        check_pipeline(workspace, workspace.pipeline(), None)
        with pytest.raises(ManifestError) as caught:
            check_pipeline(workspace, workspace.pipeline(), None, engine="aws")
        (fault,) = caught.value.diagnostics
        assert (fault.line, fault.column) == (4, 31)
        assert fault.message == "`memory` of a task with 256 CPU units cannot be 700 on AWS"

    def test_a_build_that_downloads_aws_copilot_is_for_aws(self, workspace: Workspace) -> None:
        change(workspace, "buildspec.yml", aws_copilot.BUILDSPEC)
        message = "this build downloads AWS Copilot, which knows nothing of this machine"
        assert problems(workspace) == [f"copilot/buildspec.yml:7:9 {message}"]
        check_pipeline(workspace, workspace.pipeline(), None, engine="aws")

    @pytest.mark.parametrize("engine", ["local", "aws"])
    def test_a_pipeline_of_environments_is_refused_for_that_alone(self, workspace: Workspace, engine: EngineName) -> None:
        change(workspace, "pipeline.yml", aws_copilot.ENVIRONMENTS.format(name="environments"))
        with pytest.raises(ManifestError) as caught:
            check_pipeline(workspace, workspace.pipeline(), None, engine=engine)
        (fault,) = caught.value.diagnostics
        assert (fault.line, fault.column) == (11, 7)
        assert "a pipeline of the type `Environments` is not supported" in fault.message
