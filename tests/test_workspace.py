from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import ConflictError, CopilotError, ManifestError, NotFoundError, UsageError
from copilot.manifest.loader import parse
from copilot.manifest.workspace_file import WorkspaceFile
from copilot.workspace import Workspace, write


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "repo"
    (root / ".git").mkdir(parents=True)
    return Workspace.create(root, "shop", "local")


def add(workspace: Workspace, path: str, text: str = "") -> Path:
    file = workspace.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


class TestFind:
    def test_from_any_folder_inside(self, workspace: Workspace) -> None:
        inside = workspace.root / "copilot" / "api"
        inside.mkdir()
        for start in (workspace.root, workspace.folder, inside):
            assert Workspace.find(start).root == workspace.root

    def test_not_beyond_the_repository(self, workspace: Workspace) -> None:
        inner = workspace.root / "vendor" / "other"
        (inner / ".git").mkdir(parents=True)
        with pytest.raises(NotFoundError):
            Workspace.find(inner)

    def test_not_beyond_home(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        home = workspace.root / "home"
        (home / "x").mkdir(parents=True)
        monkeypatch.setenv("HOME", str(home))
        with pytest.raises(NotFoundError):
            Workspace.find(home / "x")

    def test_a_folder_called_copilot_is_not_enough(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        (tmp_path / "copilot").mkdir()
        with pytest.raises(NotFoundError) as caught:
            Workspace.find(tmp_path)
        assert caught.value.hint is not None
        assert "copilot app init" in caught.value.hint

    def test_the_innermost_of_two(self, workspace: Workspace) -> None:
        inner = Workspace.create(workspace.root / "services", "other", "local")
        assert Workspace.find(inner.folder).application == "other"


class TestFile:
    def test_says_application_and_engine(self, workspace: Workspace) -> None:
        assert (workspace.folder / ".workspace").read_text() == "application: shop\nengine: local\n"
        found = Workspace.find(workspace.root)
        assert (found.application, found.engine) == ("shop", "local")

    def test_as_aws_copilot_writes_it(self, tmp_path: Path) -> None:
        write(tmp_path / "copilot" / ".workspace", "application: ecs-kudos\n")
        assert (Workspace(tmp_path).application, Workspace(tmp_path).engine) == ("ecs-kudos", "aws")

    def test_creating_it_again_changes_nothing(self, workspace: Workspace) -> None:
        add(workspace, ".workspace", "# ours\nengine: local\napplication: shop\n")
        Workspace.create(workspace.root, "shop", "local")
        assert (workspace.folder / ".workspace").read_text().startswith("# ours")

    def test_it_is_not_given_to_another_application(self, workspace: Workspace) -> None:
        with pytest.raises(ConflictError, match="belongs to application `shop`"):
            Workspace.create(workspace.root, "other", "local")
        assert workspace.application == "shop"

    def test_a_bad_name_writes_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError):
            Workspace.create(tmp_path, "My Shop", "local")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("application: shop\nengine: gcp\n", "`engine` must be `local` or `aws`, not `gcp`"),
            ("engine: local\n", "`application` is missing"),
            ("app: shop\napplication: shop\n", "unknown key `app`"),
            ("", "the file is empty"),
        ],
    )
    def test_broken(self, workspace: Workspace, text: str, message: str) -> None:
        add(workspace, ".workspace", text)
        with pytest.raises(ManifestError) as caught:
            _ = Workspace.find(workspace.root).application
        assert [d.message for d in caught.value.diagnostics] == [message]

    @given(
        st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True) | st.sampled_from(["null", "true", "on", "y", "e3"])
    )
    def test_any_name_is_read_back(self, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
        root = tmp_path_factory.mktemp("any")
        assert Workspace.create(root, name, "aws").application == name
        text = (root / "copilot" / ".workspace").read_text()
        assert parse(text, WorkspaceFile, "x").model.engine == "aws"


class TestWorkloads:
    def test_are_the_folders_with_a_manifest(self, workspace: Workspace) -> None:
        for path in (
            "web/manifest.yml",
            "api/manifest.yml",
            "addons/x.yml",
            "environments/manifest.yml",
            "pipelines/manifest.yml",
        ):
            add(workspace, path)
        add(workspace, "environments/test/manifest.yml")
        assert workspace.workloads() == ["api", "web"]
        assert workspace.workload_manifest("api") == workspace.folder / "api" / "manifest.yml"

    def test_none(self, workspace: Workspace) -> None:
        assert workspace.workloads() == []


class TestPipelines:
    def test_in_both_layouts_by_the_name_in_the_manifest(self, workspace: Workspace) -> None:
        add(workspace, "pipeline.yml", "name: pipeline-shop-ana-shop\n")
        add(workspace, "pipelines/main/manifest.yml", "name: shop-main\nbroken: [x]\n")
        add(workspace, "pipelines/broken/manifest.yml", "name: [\n")
        found = workspace.pipelines()
        assert [(p.name, p.shown_as) for p in found] == [
            ("broken", "copilot/pipelines/broken/manifest.yml"),
            ("pipeline-shop-ana-shop", "copilot/pipeline.yml"),
            ("shop-main", "copilot/pipelines/main/manifest.yml"),
        ]
        assert found[1].buildspec == workspace.folder / "buildspec.yml"
        assert found[2].buildspec == workspace.folder / "pipelines" / "main" / "buildspec.yml"

    def test_paths_begin_at_the_repository(self, workspace: Workspace) -> None:
        inner = Workspace.create(workspace.root / "services", "other", "local")
        assert inner.repository == workspace.root
        assert inner.pipeline_files("x").shown_as == "services/copilot/pipelines/x/manifest.yml"
        assert inner.pipeline_files(None).shown_as == "services/copilot/pipeline.yml"

    def test_outside_of_git_they_begin_at_the_workspace(self, tmp_path: Path) -> None:
        workspace = Workspace.create(tmp_path / "plain", "shop", "local")
        assert workspace.pipeline_files(None).shown_as == "copilot/pipeline.yml"

    def test_the_only_one_needs_no_name(self, workspace: Workspace) -> None:
        add(workspace, "pipelines/main/manifest.yml", "name: shop-main\n")
        assert workspace.pipeline().name == "shop-main"

    @pytest.mark.parametrize("name", ["shop-main", "main"])
    def test_by_name_or_folder(self, workspace: Workspace, name: str) -> None:
        add(workspace, "pipeline.yml", "name: legacy\n")
        add(workspace, "pipelines/main/manifest.yml", "name: shop-main\n")
        assert workspace.pipeline(name).shown_as == "copilot/pipelines/main/manifest.yml"

    def test_none(self, workspace: Workspace) -> None:
        with pytest.raises(NotFoundError, match="there is no pipeline here yet"):
            workspace.pipeline()

    def test_unknown_lists_what_there_is(self, workspace: Workspace) -> None:
        add(workspace, "pipeline.yml", "name: legacy\n")
        with pytest.raises(NotFoundError) as caught:
            workspace.pipeline("copilot")
        assert (caught.value.message, caught.value.hint) == ("there is no pipeline `copilot` here", "there are: legacy")

    def test_several_need_a_name(self, workspace: Workspace) -> None:
        add(workspace, "pipeline.yml", "name: legacy\n")
        add(workspace, "pipelines/main/manifest.yml", "name: shop-main\n")
        with pytest.raises(UsageError) as caught:
            workspace.pipeline()
        assert caught.value.hint == "there are: legacy, shop-main"

    def test_two_of_one_name(self, workspace: Workspace) -> None:
        add(workspace, "pipelines/a/manifest.yml", "name: shop\n")
        add(workspace, "pipelines/b/manifest.yml", "name: shop\n")
        with pytest.raises(ConflictError, match=r"pipelines/a/manifest\.yml and copilot/pipelines/b/"):
            workspace.pipeline("shop")


class TestWrite:
    def test_a_new_file_with_its_folders(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "c.yml"
        assert write(path, "é\n") == "written"
        assert path.read_bytes() == "é\n".encode()
        assert [p.name for p in path.parent.iterdir()] == ["c.yml"]

    def test_the_same_text_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        write(path, "a")
        before = path.stat()
        assert write(path, "a") == "unchanged"
        assert path.stat() == before

    def test_another_text_is_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_text("mine")
        assert write(path, "yours") == "differs"
        assert path.read_text() == "mine"

    def test_unless_told_otherwise(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_text("mine")
        path.chmod(0o600)
        assert write(path, "yours", overwrite=True) == "written"
        assert path.read_text() == "yours"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_link_keeps_being_one(self, tmp_path: Path) -> None:
        target, link = tmp_path / "target", tmp_path / "link"
        target.write_text("a")
        link.symlink_to(target)
        write(link, "b", overwrite=True)
        assert link.is_symlink()
        assert target.read_text() == "b"

    @pytest.mark.parametrize("name", ["folder", "file/x"])
    def test_what_cannot_be_written(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
        with pytest.raises(CopilotError, match="cannot be written"):
            write(tmp_path / name, "x")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_another_engine_takes_over(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path, "shop", "local")
    moved = workspace.moved("aws")
    assert (moved.application, moved.engine) == ("shop", "aws")
    assert (tmp_path / "copilot" / ".workspace").read_text() == "application: shop\n"
