"""Which pushes start an execution, however they are noticed. Repositories, hooks and git's HTTP server are real."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from copilot.engine import PipelineDefinition
from copilot.errors import CopilotError, NotFoundError, RepositoryError
from copilot.local import hook, triggers
from copilot.local.git import remote_head
from tests import gitrepo
from tests.local.githttp import git_server
from tests.local.pipelines import APP, Local, definition, engine

SOON = 0.2


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """It polls too rarely to be noticed: hooks must do."""
    with engine(tmp_path_factory.mktemp("hooks")) as made:
        yield made


@pytest.fixture(scope="module")
def polling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triggers, "POLL_SECONDS", SOON)
        with engine(tmp_path_factory.mktemp("polling")) as made:
            yield made


def change(work: Path, name: str = "file", text: str | None = None) -> str:
    """A commit that no other is like."""
    text = text or gitrepo.run(work, "rev-parse", "HEAD")
    return gitrepo.commit(work, name, text)


def looked(local: Local, pipeline: str) -> str:
    """The newest commit that the engine has seen."""
    record = local.service._store.catalog.find_pipeline(APP, pipeline)
    assert record is not None
    return record.head


# -- hooks -----------------------------------------------------------------------------------------------------


def test_a_push_is_released_at_once_and_the_pusher_is_told(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare))
    commit = change(work)
    said = gitrepo.push(work, "main")
    assert f"{pipeline} will release {commit[:7]}" in said
    # It is written down by the time the push returns.
    assert local.revisions(pipeline) == [commit]
    execution = local.ended(pipeline)
    assert (execution.summary.status, execution.summary.trigger) == ("Succeeded", "push")
    assert execution.summary.revision is not None
    assert execution.summary.revision.summary == "Change file"


def test_what_is_no_news_of_the_branch_starts_nothing(local: Local) -> None:
    bare, work = local.repository()
    gitrepo.run(bare, "config", "receive.denyDeleteCurrent", "ignore")
    pipeline = local.put(definition(local.name(), bare))
    change(work)
    for push in (["main:other"], ["HEAD:refs/tags/v1"], ["HEAD:refs/notes/x"], [":other"], ["main:refs/heads/x/main"]):
        assert "will release" not in gitrepo.push(work, *push)
    gitrepo.push(work, "main")
    assert "will release" not in gitrepo.push(work, "main")
    assert "will release" not in gitrepo.push(work, "--delete", "main")
    assert local.revisions(pipeline) == [gitrepo.run(work, "rev-parse", "main")]
    # The same commit again is no news; another one is.
    assert "will release" not in gitrepo.push(work, "main")
    change(work)
    assert "will release" in gitrepo.push(work, "main")


def test_of_several_branches_in_one_push_each_starts_its_pipeline(local: Local) -> None:
    bare, work = local.repository()
    gitrepo.push(work, "main:dev", "main:idle")
    on_main = local.put(definition(local.name(), bare))
    on_dev = local.put(definition(local.name(), bare, branch="dev"))
    on_idle = local.put(definition(local.name(), bare, branch="idle"))
    first, second = change(work), change(work)
    said = gitrepo.push(work, f"{first}:main", f"{second}:dev", "main:unknown", f"{first}:refs/tags/v1")
    assert f"{on_main}, {on_dev} will release what was pushed" in said
    assert [local.revisions(p) for p in (on_main, on_dev, on_idle)] == [[first], [second], []]


def test_a_rewritten_branch_is_released(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare, paths=("src/**",)))
    change(work, "src/a")
    gitrepo.push(work, "main")
    gitrepo.run(work, "reset", "--hard", "HEAD~1")
    rewritten = change(work, "src/b")
    gitrepo.push(work, "--force", "main")
    assert local.revisions(pipeline)[1:] == [rewritten]
    assert local.ended(pipeline).summary.status == "Succeeded"


def test_a_branch_that_goes_back_releases_the_old_commit_again(local: Local) -> None:
    bare, work = local.repository()
    old = gitrepo.run(work, "rev-parse", "HEAD")
    pipeline = local.put(definition(local.name(), bare))
    new = change(work)
    gitrepo.push(work, "main")
    gitrepo.push(work, "--force", f"{old}:main")
    assert local.revisions(pipeline) == [new, old]


def test_two_pipelines_of_one_repository_also_by_another_path_to_it(local: Local) -> None:
    bare, work = local.repository()
    link = bare.with_name("link.git")
    link.symlink_to(bare)
    direct = local.put(definition(local.name(), bare))
    linked = local.put(definition(local.name(), link))
    commit = change(work)
    gitrepo.push(work, "main")
    assert [local.revisions(p) for p in (direct, linked)] == [[commit], [commit]]
    # Whichever goes first leaves the other one its hook.
    local.ended(linked)
    local.service.delete_pipeline(APP, linked)
    commit = change(work)
    gitrepo.push(work, "main")
    assert local.revisions(direct)[1:] == [commit]
    local.ended(direct)
    local.service.delete_pipeline(APP, direct)
    assert not (bare / "hooks" / "post-receive").exists()


def test_only_pushes_that_touch_the_paths_count(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare, paths=("src/**", "*.toml")))
    for name in ("README", "docs/src.md", "docs/a.toml"):
        change(work, name)
    assert "will release" not in gitrepo.push(work, "main")
    first = change(work, "src/deep/file.py")
    change(work, "docs/x")
    gitrepo.push(work, f"{first}:main")
    assert "will release" not in gitrepo.push(work, "main")
    last = change(work, "project.toml")
    gitrepo.push(work, "main")
    assert local.revisions(pipeline) == [first, last]


def test_a_push_is_compared_with_the_last_one_that_was_looked_at(local: Local) -> None:
    """Several commits in one push: the one that touches the paths need not be the last."""
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare, paths=("src/**",)))
    change(work, "src/file")
    last = change(work, "docs/file")
    gitrepo.push(work, "main")
    assert local.revisions(pipeline) == [last]


def test_reports_that_arrive_the_other_way_round_never_bring_an_old_commit_back(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare))
    (bare / "hooks" / "post-receive").unlink()  # the reports are made here
    start = gitrepo.run(work, "rev-parse", "HEAD")
    first, second = change(work), change(work)
    gitrepo.push(work, "main")
    ref = "refs/heads/main"
    assert len(local.service.pushed(str(bare), [(ref, first, second)])) == 1
    assert local.service.pushed(str(bare), [(ref, start, first)]) == []
    assert local.service.pushed(str(bare), [(ref, first, second)]) == []
    assert local.revisions(pipeline) == [second]


def test_two_quick_pushes_are_two_executions(local: Local) -> None:
    """When the first report is handled the second push has arrived already."""
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare))
    (bare / "hooks" / "post-receive").unlink()
    start = gitrepo.run(work, "rev-parse", "HEAD")
    first, second = change(work), change(work)
    gitrepo.push(work, "main")
    for old, new in ((start, first), (first, second)):
        assert len(local.service.pushed(str(bare), [("refs/heads/main", old, new)])) == 1
    assert local.revisions(pipeline) == [first, second]


def test_a_change_of_the_repository_moves_the_hook(local: Local) -> None:
    old, old_work = local.repository()
    new, new_work = local.repository()
    pipeline = local.name()
    local.put(definition(pipeline, old))
    change_ = local.service.put_pipeline(definition(pipeline, new))
    assert (change_.change, change_.trigger) == ("updated", f"a post-receive hook in {new}")
    assert not (old / "hooks" / "post-receive").exists()
    change(old_work)
    assert "will release" not in gitrepo.push(old_work, "main")
    commit = change(new_work)
    gitrepo.push(new_work, "main")
    assert local.revisions(pipeline) == [commit]


def test_a_change_of_the_branch_counts_at_once(local: Local) -> None:
    bare, work = local.repository()
    gitrepo.push(work, "main:dev")
    pipeline = local.name()
    local.put(definition(pipeline, bare))
    local.put(definition(pipeline, bare, branch="dev"))
    change(work)
    gitrepo.push(work, "main")
    assert local.revisions(pipeline) == []
    gitrepo.push(work, "main:dev")
    assert len(local.revisions(pipeline)) == 1


def test_an_update_to_a_repository_that_cannot_be_fetched_changes_nothing(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.name()
    before = definition(pipeline, bare)
    local.put(before)
    with pytest.raises(RepositoryError):
        local.put(definition(pipeline, bare.with_name("missing.git")))
    with pytest.raises(RepositoryError):
        local.put(definition(pipeline, bare, branch="missing"))
    assert local.service.pipeline(APP, pipeline).definition == before
    commit = change(work)
    gitrepo.push(work, "main")
    assert local.revisions(pipeline) == [commit]


def test_a_person_who_starts_the_head_before_it_is_noticed_gets_one_execution(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare))
    kept = (bare / "hooks" / "post-receive").rename(bare / "kept")
    start, commit = gitrepo.run(work, "rev-parse", "HEAD"), change(work)
    gitrepo.push(work, "main")
    local.service.start_execution(APP, pipeline)
    assert local.service.pushed(str(bare), [("refs/heads/main", start, commit)]) == []
    assert local.revisions(pipeline) == [commit]
    kept.rename(bare / "hooks" / "post-receive")


def test_an_older_commit_that_a_person_starts_is_not_taken_for_the_head(local: Local) -> None:
    bare, work = local.repository()
    old = gitrepo.run(work, "rev-parse", "HEAD")
    change(work)
    gitrepo.push(work, "main")
    pipeline = local.put(definition(local.name(), bare))
    head = looked(local, pipeline)
    assert local.service.start_execution(APP, pipeline, old[:8]).revision is not None
    assert local.revisions(pipeline) == [old]
    assert looked(local, pipeline) == head


@pytest.mark.parametrize("revision", ["f" * 40, "abcdef1", "xyz", "-x", "HEAD", "main", "main~0", "", " "])
def test_a_commit_that_is_not_there_starts_nothing(local: Local, revision: str) -> None:
    bare, _ = local.repository()
    pipeline = local.put(definition(local.name(), bare))
    if revision:
        with pytest.raises(NotFoundError, match="has no commit"):
            local.service.start_execution(APP, pipeline, revision)
        assert local.revisions(pipeline) == []


def test_a_pipeline_that_was_deleted_starts_nothing(local: Local) -> None:
    bare, work = local.repository()
    pipeline = local.put(definition(local.name(), bare))
    record = local.service._store.catalog.find_pipeline(APP, pipeline)
    local.service.delete_pipeline(APP, pipeline)
    assert record is not None
    assert local.service._triggers._notice(record, change(work)) is None
    assert "copilot" not in gitrepo.push(work, "main")


# -- polling ---------------------------------------------------------------------------------------------------


@pytest.fixture
def served(polling: Local) -> Iterator[tuple[str, Path]]:
    """A repository behind HTTP, and a checkout that pushes to it another way."""
    bare, work = polling.repository()
    with git_server(bare.parent) as server:
        yield f"{server.url}/{bare.name}", work


def test_pushes_elsewhere_are_noticed_by_asking(polling: Local, served: tuple[str, Path]) -> None:
    url, work = served
    change_ = polling.service.put_pipeline(definition(pipeline := polling.name(), url))
    assert change_.trigger == f"{url} is asked for new commits every {SOON:g} s"
    commit = change(work)
    gitrepo.push(work, "main", "main:other")
    assert polling.ended(pipeline).summary.status == "Succeeded"
    assert polling.revisions(pipeline) == [commit]
    polling.service.delete_pipeline(APP, pipeline)


def test_commits_made_in_a_checkout_itself_are_noticed(polling: Local) -> None:
    _, work = polling.repository()
    change_ = polling.service.put_pipeline(definition(pipeline := polling.name(), work))
    assert change_.trigger == f"a post-receive hook in {work}; for commits made there it is asked every {SOON:g} s"
    first = change(work)
    polling.until(lambda: polling.revisions(pipeline) == [first])
    gitrepo.run(work, "commit", "--amend", "--message", "Better")
    polling.until(lambda: len(polling.revisions(pipeline)) == 2)
    polling.ended(pipeline)
    polling.service.delete_pipeline(APP, pipeline)


def test_a_hook_that_cannot_be_installed_is_made_up_for_by_asking(polling: Local) -> None:
    bare, work = polling.repository()
    for name in ("post-receive", hook.BEFORE):
        (bare / "hooks" / name).write_text("#!/bin/sh\n")
        (bare / "hooks" / name).chmod(0o755)
    change_ = polling.service.put_pipeline(definition(pipeline := polling.name(), bare))
    assert change_.trigger.startswith(
        f"{bare} is asked for new commits every {SOON:g} s, because `{bare}/hooks/post-receive` and"
    )
    commit = change(work)
    gitrepo.push(work, "main")
    polling.until(lambda: polling.revisions(pipeline) == [commit])
    polling.ended(pipeline)
    polling.service.delete_pipeline(APP, pipeline)
    assert (bare / "hooks" / "post-receive").read_text() == "#!/bin/sh\n"


def test_hooks_and_asking_together_start_one_execution_for_each_push(polling: Local) -> None:
    bare, work = polling.repository()
    pipeline = polling.put(definition(polling.name(), bare, mode="parallel"))
    commits = []
    for _ in range(8):
        commits.append(change(work))
        gitrepo.push(work, "main")
    seen = looked(polling, pipeline)
    assert seen == commits[-1]
    rounds = polling.service._triggers._seen
    polling.until(lambda: polling.service._triggers._seen is not rounds)
    assert polling.revisions(pipeline) == commits
    polling.until(lambda: not polling.service._scheduler._of((APP, pipeline)))
    polling.service.delete_pipeline(APP, pipeline)


def test_what_the_poller_saw_before_a_push_was_noticed_is_old(polling: Local) -> None:
    bare, work = polling.repository()
    pipeline = polling.put(definition(polling.name(), bare))
    watched = polling.service._triggers._watch(definition(pipeline, bare))
    triggers_ = polling.service._triggers
    old = looked(polling, pipeline)
    before = change(work)
    gitrepo.push(work, "main")  # the hook has told of it
    with_old_knowledge = {(APP, pipeline): old}
    triggers_._seen, kept = with_old_knowledge, triggers_._seen
    triggers_._on_head(watched, old)
    triggers_._seen = kept
    assert polling.revisions(pipeline) == [before]
    polling.ended(pipeline)
    polling.service.delete_pipeline(APP, pipeline)


# -- tokens ----------------------------------------------------------------------------------------------------


def everything_written(local: Local) -> bytes:
    """All that the engine keeps, but for the secrets themselves."""
    files = (p for p in local.home.root.rglob("*") if p.is_file() and local.home.secrets not in p.parents)
    return b"".join(p.read_bytes() for p in files)


class ArgumentsAtRequests(list[str]):
    """Remembers, at each request, what everybody can see of git's processes while they wait for the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def append(self, item: str) -> None:
        super().append(item)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "git" in process.name():
                    self.seen.add(" ".join(process.cmdline()))


def test_a_token_opens_the_repository_and_is_written_nowhere(
    polling: Local, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    token = "ghp_S3cr3tT0k3nOfAna"
    bare, work = gitrepo.repository_with_checkout(tmp_path)
    with git_server(tmp_path, password=token) as server:
        url = f"{server.url}/{bare.name}"
        pipeline = polling.name()
        server.requests = arguments = ArgumentsAtRequests()

        def put(secret: str | None) -> PipelineDefinition:
            made = definition(pipeline, url, secret=secret)
            polling.put(made)
            return made

        with pytest.raises(RepositoryError, match="asks who you are, and there is no token for it"):
            put(None)
        with pytest.raises(NotFoundError, match="the access token `github-token` is not in the secret store") as missing:
            put("github-token")
        assert "--github-access-token" in (missing.value.hint or "")
        polling.service.put_secret("github-token", "wrong-" + token)
        with pytest.raises(RepositoryError, match="refused the token") as refused:
            put("github-token")
        assert token not in repr(refused.value) + str(refused.value.hint) + str(refused.value.details)
        assert [p.name for p in polling.service.pipelines(APP) if p.name == pipeline] == []
        polling.service.put_secret("github-token", token, overwrite=True)
        put("github-token")
        commit = change(work)
        gitrepo.push(work, "main")
        assert polling.ended(pipeline).summary.status == "Succeeded"
        assert polling.revisions(pipeline) == [commit]
        polling.service.put_secret("github-token", "expired-" + token, overwrite=True)
        change(work)
        gitrepo.push(work, "main")
        with pytest.raises(RepositoryError, match="refused the token"):
            polling.service.start_execution(APP, pipeline)
        problem = polling.service._triggers._watch(definition(pipeline, url, secret="github-token"))
        polling.until(lambda: "refused the token" in (polling.service._triggers._poller.problem(problem) or ""))
        assert token not in repr(problem)
        polling.service.delete_pipeline(APP, pipeline, delete_secret=True)
    assert "github-token" not in polling.service.secrets()
    assert token.encode() not in everything_written(polling)
    assert any("ls-remote" in text and url in text for text in arguments.seen)
    assert not any(token in text for text in arguments.seen)
    assert token not in caplog.text
    assert "refused the token" in caplog.text


def test_a_secret_is_kept_when_the_pipeline_goes_without_it(polling: Local) -> None:
    bare, _ = polling.repository()
    polling.service.put_secret("kept", "value")
    pipeline = polling.put(definition(polling.name(), bare, secret="kept"))
    polling.service.delete_pipeline(APP, pipeline)
    assert "kept" in polling.service.secrets()
    polling.service.delete_secret("kept")


# -- at the start ----------------------------------------------------------------------------------------------


def test_a_start_installs_hooks_again_and_notices_what_happened_meanwhile(tmp_path: Path) -> None:
    bare, work = gitrepo.repository_with_checkout(tmp_path)
    (tmp_path / "other").mkdir()
    broken, _ = gitrepo.repository_with_checkout(tmp_path / "other")
    with engine(tmp_path) as first:
        first.put(definition("broken", broken, secret=None))
        first.put(definition("release", bare))
        installed = (bare / "hooks" / "post-receive").read_text()
        first.service._triggers.close()
        broken.rename(tmp_path / "moved.git")
        (bare / "hooks" / "post-receive").write_text("#!/bin/sh\n# another tool's\n")
        commit = change(work)
        gitrepo.push(work, "main")
        # A second server of the same home, as after a restart.
        first.service._triggers = again = triggers.Triggers(
            first.home, first.service._store, first.service._scheduler, first.service._sources
        )
        again.start()
        first.until(lambda: first.revisions("release") == [commit])
        first.until(lambda: (bare / "hooks" / "post-receive").read_text() == installed)
        assert (bare / "hooks" / hook.BEFORE).read_text() == "#!/bin/sh\n# another tool's\n"
        (tmp_path / "moved.git").rename(broken)


def test_what_cannot_be_asked_does_not_hinder_the_others(polling: Local) -> None:
    bare, work = polling.repository()
    gone, _ = polling.repository()
    lost = polling.put(definition(polling.name(), gone))
    found = polling.put(definition(polling.name(), bare))
    gone.rename(gone.with_name("gone"))
    (bare / "hooks" / "post-receive").unlink()
    change(work)
    gitrepo.push(work, "main")
    polling.until(lambda: len(polling.revisions(found)) == 1)
    with pytest.raises(CopilotError, match="does not exist"):
        polling.service.start_execution(APP, lost)
    polling.service.delete_pipeline(APP, lost)
    assert remote_head(str(bare), "main") == looked(polling, found)
