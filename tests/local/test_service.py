"""The engine's operations, with real repositories, builds, services and front door."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from copilot.engine import LogChunk, Task
from copilot.errors import ConflictError, CopilotError, NotFoundError, UnsupportedError
from copilot.release.description import ReleaseDescription
from tests import gitrepo
from tests.local.harness import get
from tests.local.pipelines import APP, Local, Project, engine, later


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with engine(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that scripts wait for."""
    return tmp_path / "gate"


def waiting(gate: Path, note: Path | None = None) -> str:
    """A script that notes its start and goes on when the gate is there."""
    begin = f"echo $$ >> {note}\n" if note else ""
    return f"{begin}while [ ! -e {gate} ]; do sleep 0.05; done\n"


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def running(pids: list[int]) -> list[int]:
    """Those of the processes that run."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


# -- deleting --------------------------------------------------------------------------------------------------

TREE = """\
trap '' TERM
note() {{ echo $1 >> {pids}; }}
note $$
sh -c 'trap "" TERM HUP; echo $$ >> {pids}; while :; do sleep 1; done' &
(nohup sleep 300 > /dev/null 2>&1 & echo $! >> {pids})
sleep 300 &
note $!
setsid sh -c 'trap "" TERM; echo $$ >> {pids}; while :; do sleep 1; done' &
until [ $(wc -l < {pids}) -ge 5 ]; do sleep 0.02; done
echo ready >> {pids}.ready
wait
"""


def test_an_application_is_deleted_in_the_middle_of_everything(tmp_path: Path) -> None:
    pids, started = tmp_path / "pids", tmp_path / "started"
    with engine(tmp_path) as local:
        project = local.project(2)
        test, prod = project.environments
        project.put(project.stage(test), project.stage(prod, tests=True), mode="parallel")
        project.ended(project.push("1"))
        assert project.served(prod) == "1"
        building = project.push("2", script=TREE.format(pids=pids))
        local.until(lambda: started.with_name("pids.ready").exists())
        # A deployment that never becomes healthy, and one that was asked for directly.
        deploying = project.push("3", variables={"VERSION": "3", "HEALTH": "500"})
        project.reaches(deploying, f"CreateOrUpdate-api-{test}")
        local.until(lambda: len(project.service.service(APP, "api").environments[0].tasks) > 1)
        description = ReleaseDescription(APP, prod, "worker", "Backend Service", project.image, variables={"VERSION": "w"})
        local.service.start_deployment(description)
        local.until(lambda: bool(local.service.service(APP, "worker").environments[1].tasks))
        assert project.execution(building).summary.status == "InProgress"
        tree = [int(pid) for pid in lines(pids)]
        tasks = [t.pid for w in ("api", "worker") for e in local.service.service(APP, w).environments for t in e.tasks if t.pid]
        assert len(running(tree)) == 5
        assert len(running(tasks)) >= 3
        ports = [local.service.environment(APP, name).port for name in project.environments]
        begin = time.monotonic()
        local.service.delete_application(APP)
        assert time.monotonic() - begin < 30
        assert running(tree) == []
        assert running(tasks) == []
        assert local.service.applications() == []
        assert not (project.bare / "hooks" / "post-receive").exists()
        for folder in (local.home.builds, local.home.tasks):
            assert list(folder.iterdir()) == []
        for port in ports:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", port), 2).close()
        with pytest.raises(NotFoundError):
            local.service.pipelines(APP)
        # The same again is a new application without any past.
        local.service.create_application(APP)
        assert (local.service.environments(APP), local.service.workloads(APP), local.service.pipelines(APP)) == ([], [], [])


def test_an_environment_is_kept_while_a_pipeline_deploys_to_it(local: Local) -> None:
    project = local.project(2)
    test, prod = project.environments
    project.put(project.stage(test), project.stage(prod, approval=True))
    with pytest.raises(ConflictError, match=f"pipeline `{project.pipeline}` deploys to environment `{prod}`") as caught:
        local.service.delete_environment(APP, prod)
    assert "copilot pipeline update" in (caught.value.hint or "")
    number = project.push("1")
    project.reaches(number, f"ApprovePromotionTo-{prod}")
    # The execution still has the plan it started with.
    project.put(project.stage(test))
    local.service.delete_environment(APP, prod)
    local.service.decide(APP, project.pipeline, number, f"ApprovePromotionTo-{prod}", approve=True, approver="Ana")
    assert project.ended(number).summary.status == "Failed"
    failed = project.action(number, f"CreateOrUpdate-api-{prod}")
    assert failed.summary == f"environment `{prod}` does not exist in application `shop`"
    assert any("copilot env init" in line for line in failed.details)
    assert project.served(test) == "1"


def test_tests_in_an_environment_that_is_gone_say_so(local: Local, gate: Path) -> None:
    project = local.project(2)
    test, prod = project.environments
    project.put(project.stage(test, tests=True), project.stage(prod, tests=True))
    number = project.push("1", script=waiting(gate))
    project.reaches(number, "Build")
    project.put(project.stage(prod))
    local.service.delete_environment(APP, test)
    gate.touch()
    assert project.ended(number).summary.status == "Failed"
    assert "does not exist" in project.action(number, f"CreateOrUpdate-api-{test}").summary
    # The build of an execution whose environment is gone already cannot know its runtime.
    assert "Traceback" not in project.log(number, "Build", "Build")


def test_a_pipeline_is_kept_while_it_runs_and_its_services_when_it_goes(local: Local, gate: Path) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test))
    project.ended(project.push("1"))
    number = project.push("2", script=waiting(gate))
    with pytest.raises(ConflictError, match=f"execution #{number} of pipeline `{project.pipeline}` has not ended") as caught:
        local.service.delete_pipeline(APP, project.pipeline)
    assert caught.value.hint == f"Stop it first with `copilot pipeline stop {number}`"
    local.service.stop(APP, project.pipeline, number, abandon=True)
    local.service.delete_pipeline(APP, project.pipeline)
    assert project.served(test) == "1"
    for gone in (
        lambda: local.service.pipeline(APP, project.pipeline),
        lambda: local.service.execution(APP, project.pipeline),
        lambda: local.service.executions(APP, project.pipeline),
        lambda: local.service.promotions(APP, project.pipeline),
        lambda: local.service.start_execution(APP, project.pipeline),
        lambda: local.service.delete_pipeline(APP, project.pipeline),
    ):
        with pytest.raises(NotFoundError):
            gone()


def test_a_service_is_removed_from_one_environment_or_from_all(local: Local) -> None:
    project = local.project(2)
    test, prod = project.environments
    project.put(project.stage(test), project.stage(prod))
    project.ended(project.push("1"))
    local.service.delete_workload(APP, "api", test)
    assert get(local.service.environment(APP, test).port)[0] in {404, 502, 503}
    assert project.served(prod) == "1"
    states = {s.environment: s for s in local.service.service(APP, "api").environments}
    assert (states[test].release, states[test].tasks, len(states[prod].tasks)) == (None, (), 1)
    with pytest.raises(NotFoundError, match="does not exist"):
        local.service.delete_workload(APP, "api", "nowhere")
    with pytest.raises(NotFoundError, match="workload `nothing` does not exist"):
        local.service.delete_workload(APP, "nothing")
    # A pipeline brings it back.
    project.ended(project.push("2"))
    assert project.served(test) == "2"


# -- environments and secrets ----------------------------------------------------------------------------------


def test_an_environment_needs_a_free_port_and_a_known_runtime(local: Local) -> None:
    name = local.name("e")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=f"port {port} is taken by another program"):
            local.service.create_environment(APP, name, port=port)
    with pytest.raises(UnsupportedError, match="runtime `podman`"):
        local.service.create_environment(APP, name, runtime="podman")
    made = local.service.create_environment(APP, name, port=port)
    assert (made.port, made.url) == (port, f"http://localhost:{port}")
    with pytest.raises(ConflictError, match=f"port {port} is taken by environment `{name}`"):
        local.service.create_environment(APP, local.name("e"), port=port)
    with pytest.raises(ConflictError, match=f"environment `{name}` exists already"):
        local.service.create_environment(APP, name)
    with pytest.raises(NotFoundError, match="application `none` does not exist"):
        local.service.create_environment("none", name)
    assert [e.name for e in local.service.environments(APP) if e.port == port] == [name]
    local.service.delete_environment(APP, name)
    with pytest.raises(NotFoundError):
        local.service.environment(APP, name)


def test_secrets_are_kept_and_never_given_out(local: Local) -> None:
    local.service.put_secret("/copilot/shop/db", "hunter2")
    with pytest.raises(ConflictError, match="exists already") as caught:
        local.service.put_secret("/copilot/shop/db", "other")
    assert caught.value.hint == "Replace it with `--overwrite`"
    local.service.put_secret("/copilot/shop/db", "other", overwrite=True)
    local.service.put_secret("else", "x")
    assert local.service.secrets("/copilot/") == ["/copilot/shop/db"]
    local.service.delete_secret("/copilot/shop/db")
    with pytest.raises(NotFoundError, match="secret `/copilot/shop/db` does not exist"):
        local.service.delete_secret("/copilot/shop/db")
    local.service.delete_secret("else")


def test_a_workload_has_one_type(local: Local) -> None:
    local.service.register_workload(APP, "typed", "Backend Service")
    assert local.service.register_workload(APP, "typed", "Backend Service").type == "Backend Service"
    with pytest.raises(ConflictError, match="is a Backend Service, not a Load Balanced Web Service"):
        local.service.register_workload(APP, "typed", "Load Balanced Web Service")
    local.service.delete_workload(APP, "typed")
    assert "typed" not in [w.name for w in local.service.workloads(APP)]


# -- running pipelines -----------------------------------------------------------------------------------------


def test_superseded_executions_give_way_to_the_newest(local: Local, gate: Path, tmp_path: Path) -> None:
    project = local.project()
    project.put(project.stage(project.environments[0]))
    builds = tmp_path / "builds"
    first = project.push("1", script=waiting(gate, builds))
    local.until(lambda: len(lines(builds)) == 1)
    second = project.push("2", script=waiting(gate, builds))
    third = project.push("3", script=waiting(gate, builds))
    assert project.ended(second).summary.status == "Superseded"
    gate.touch()
    assert [project.ended(n).summary.status for n in (first, third)] == ["Succeeded", "Succeeded"]
    assert len(lines(builds)) == 2
    assert project.served(project.environments[0]) == "3"


def test_queued_executions_run_one_after_the_other(local: Local, gate: Path, tmp_path: Path) -> None:
    project = local.project()
    project.put(project.stage(project.environments[0]), mode="queued")
    builds = tmp_path / "builds"
    numbers = [project.push(v, script=f"echo {v} >> {builds}\n" + waiting(gate)) for v in ("1", "2", "3")]
    local.until(lambda: lines(builds) == ["1"])
    project.reaches(numbers[2], "SourceCodeFor-shop", "Succeeded")
    assert [project.execution(n).stages[1].status for n in numbers] == ["InProgress", "Pending", "Pending"]
    gate.touch()
    assert [project.ended(n).summary.status for n in numbers] == ["Succeeded"] * 3
    assert lines(builds) == ["1", "2", "3"]
    assert project.served(project.environments[0]) == "3"


def test_parallel_executions_do_not_wait_for_each_other(local: Local, gate: Path, tmp_path: Path) -> None:
    project = local.project()
    project.put(mode="parallel")
    builds = tmp_path / "builds"
    numbers = [project.push(v, script=f"echo {v} >> {builds}\n" + waiting(gate)) for v in ("1", "2", "3")]
    local.until(lambda: sorted(lines(builds)) == ["1", "2", "3"])
    assert {project.execution(n).summary.status for n in numbers} == {"InProgress"}
    gate.touch()
    assert [project.ended(n).summary.status for n in numbers] == ["Succeeded"] * 3


def test_a_disabled_transition_holds_executions_until_it_is_enabled(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test))
    local.service.set_transition(APP, project.pipeline, f"DeployTo-{test}", enabled=False, reason="freeze (until Monday)")
    assert local.service.pipeline(APP, project.pipeline).disabled_stages == {f"DeployTo-{test}": "freeze (until Monday)"}
    number = project.push("1")
    project.reaches(number, "Build", "Succeeded")
    held = project.execution(number).stages[2]
    assert (held.status, held.transition_enabled, held.disabled_reason) == ("Pending", False, "freeze (until Monday)")
    newer = project.push("2")
    assert project.ended(number).summary.status == "Superseded"
    local.service.set_transition(APP, project.pipeline, f"DeployTo-{test}", enabled=True)
    assert project.ended(newer).summary.status == "Succeeded"
    assert project.served(test) == "2"
    for stage in ("DeployTo-nowhere", "", "Build "):
        with pytest.raises(NotFoundError, match="has no stage") as caught:
            local.service.set_transition(APP, project.pipeline, stage, enabled=False)
        assert f"DeployTo-{test}" in (caught.value.hint or "")


def test_failed_tests_bring_the_last_good_release_back(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test, tests=True, on_failure="rollback"))
    # Nothing to go back to yet: the failure stays one.
    broken = project.push("0", tests="echo no good; exit 3")
    failed = project.ended(broken)
    assert failed.summary.status == "Failed"
    action = project.action(broken, "TestCommands")
    assert "3" in action.summary
    assert any("no good" in line for line in action.details)
    good = project.push("1")
    assert project.ended(good).summary.status == "Succeeded"
    bad = project.push("2", tests="exit 1")
    assert project.ended(bad).summary.status == "Failed"
    back = project.ended(later(bad)).summary
    assert (back.status, back.rollback_of, back.trigger) == ("Succeeded", f"DeployTo-{test}", f"rollback to #{good}")
    assert project.served(test) == "1"
    tasks = local.service.service(APP, "api").environments
    assert [len(e.tasks) for e in tasks if e.environment == test] == [1]


def test_a_stage_is_retried_once_by_itself(local: Local, tmp_path: Path) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test, tests=True, on_failure="retry"))
    tries = tmp_path / "tries"
    flaky = f"echo x >> {tries}\n[ $(wc -l < {tries}) -ge 2 ]"
    number = project.push("1", tests=flaky)
    assert project.ended(number).summary.status == "Succeeded"
    assert [project.action(number, name).attempt for name in ("TestCommands", f"CreateOrUpdate-api-{test}")] == [2, 1]
    first = local.service.log(APP, project.pipeline, number, f"DeployTo-{test}", "TestCommands", attempt=1)
    assert first.finished
    tries.unlink()
    number = project.push("2", tests=f"echo x >> {tries}; exit 1")
    assert project.ended(number).summary.status == "Failed"
    assert lines(tries) == ["x", "x"]
    # A person may retry as often as they like.
    local.service.retry(APP, project.pipeline, number)
    local.until(lambda: lines(tries) == ["x"] * 3 and project.ended(number).summary.status == "Failed")


def test_an_abandoned_build_is_gone_within_seconds(local: Local, tmp_path: Path) -> None:
    project = local.project()
    project.put(project.stage(project.environments[0]))
    pids = tmp_path / "pids"
    number = project.push("1", script=TREE.format(pids=pids))
    local.until((tmp_path / "pids.ready").exists)
    tree = [int(pid) for pid in lines(pids)]
    local.service.stop(APP, project.pipeline, number, abandon=True)
    assert project.execution(number).summary.status == "Stopped"
    assert project.action(number, "Build").status == "Abandoned"
    local.until(lambda: running(tree) == [], seconds=15)
    with pytest.raises(ConflictError, match="there is nothing to stop"):
        local.service.stop(APP, project.pipeline, number)
    local.until(lambda: not list(local.home.builds.iterdir()))


def test_a_stopped_execution_finishes_what_it_is_at(local: Local, gate: Path) -> None:
    project = local.project()
    project.put(project.stage(project.environments[0]))
    number = project.push("1", script=waiting(gate))
    project.reaches(number, "Build")
    local.service.stop(APP, project.pipeline, number)
    assert project.execution(number).summary.status == "Stopping"
    gate.touch()
    assert project.ended(number).summary.status == "Stopped"
    assert project.action(number, "Build").status == "Succeeded"
    assert project.execution(number).stages[2].status == "Skipped"


# -- failures --------------------------------------------------------------------------------------------------


def test_a_missing_or_broken_buildspec_is_explained(local: Local) -> None:
    project = local.project()
    project.put(project.stage(project.environments[0]))
    number = project.push("1")
    project.ended(number)
    gitrepo.run(project.work, "rm", "--quiet", "copilot/buildspec.yml")
    commit = gitrepo.commit(project.work, "other", "1")
    gitrepo.push(project.work, "main")
    project.ended(later(number))
    failed = project.action(later(number), "Build")
    assert failed.summary == f"`copilot/buildspec.yml` is not in {commit[:7]}"
    assert failed.details == ("Commit and push it: git add copilot/buildspec.yml",)
    gitrepo.commit(project.work, "copilot/buildspec.yml", "version: 0.2\nphases: {biuld: {commands: [x]}}\n")
    gitrepo.push(project.work, "main")
    project.ended(later(number, 2))
    failed = project.action(later(number, 2), "Build")
    text = "\n".join([failed.summary, *failed.details])
    assert "copilot/buildspec.yml:2" in text
    assert "copilot/buildspec.yml:2:10: unknown key `biuld`" in failed.summary
    assert "did you mean `build`?" in text
    assert text in project.log(later(number, 2), "Build", "Build")
    gitrepo.commit(project.work, "copilot/buildspec.yml", "version: 0.2\nphases: {build: {commands: ['true']}}\n")
    gitrepo.push(project.work, "main")
    project.ended(later(number, 3))
    assert (
        project.action(later(number, 3), "Build").summary == "the buildspec puts out no artifacts, so there is nothing to deploy"
    )


COPILOT_BUILD = """\
version: 0.2
phases: {post_build: {commands: [copilot pipeline build --output-dir infrastructure]}}
artifacts: {files: [infrastructure/*]}
"""


def test_what_is_wrong_with_the_manifests_of_a_commit_reaches_the_log_and_the_action(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test))
    gitrepo.write(project.work, "copilot/.workspace", "application: shop\nengine: local\n")
    gitrepo.write(project.work, "copilot/buildspec.yml", COPILOT_BUILD)
    manifest = "name: api\ntype: Backend Service\nimage: {build: Dockerfile, port: 80}\ncuont: 2\nmemory: much\n"
    gitrepo.commit(project.work, "copilot/api/manifest.yml", manifest)
    gitrepo.push(project.work, "main")
    project.ended("1")
    log = project.log("1", "Build", "Build")
    for expected in ("copilot/api/manifest.yml:4:1: unknown key `cuont`", "did you mean `count`?", "manifest.yml:5:9"):
        assert expected in log
    assert "Traceback" not in log
    failed = project.action("1", "Build")
    assert "copilot pipeline build" in failed.summary
    assert any("cuont" in line for line in failed.details)
    # The workload is not in the repository any more, and the plan still has it.
    gitrepo.run(project.work, "rm", "--quiet", "copilot/api/manifest.yml")
    gitrepo.commit(project.work, "other", "1")
    gitrepo.push(project.work, "main")
    project.ended("2")
    assert any("copilot/api/manifest.yml" in line for line in project.action("2", "Build").details)
    assert "Traceback" not in project.log("2", "Build", "Build")


def test_a_build_that_puts_out_no_release_fails_its_deployment_and_can_be_rejected(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test, approval=True))
    number = project.push("1", script=f"rm infrastructure/api-{test}.release.json; touch infrastructure/other")
    approval = f"ApprovePromotionTo-{test}"
    project.reaches(number, approval)
    (promotion,) = local.service.promotions(APP, project.pipeline)
    assert (promotion.execution, promotion.workloads) == (number, ())
    local.service.decide(APP, project.pipeline, number, approval, approve=True, approver="Ana", comment="go")
    assert project.ended(number).summary.status == "Failed"
    failed = project.action(number, f"CreateOrUpdate-api-{test}")
    assert f"the build put out no release of `api` for `{test}`" in failed.summary
    assert project.action(number, approval).summary == "approved by Ana: go"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '{{' > infrastructure/api-{test}.release.json", "is not a release description"),
        ("echo '{{}}' > infrastructure/api-{test}.release.json", "is not a release description"),
        ("rm -r infrastructure; mkdir infrastructure", "infrastructure"),
    ],
)
def test_a_build_that_puts_out_nonsense(local: Local, script: str, said: str) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test))
    number = project.push("1", script=script.format(test=test))
    assert project.ended(number).summary.status == "Failed"
    summaries = [a.summary for stage in project.execution(number).stages for a in stage.actions if a.status == "Failed"]
    assert len(summaries) == 1
    assert said in summaries[0]
    assert "defect" not in summaries[0]


def test_a_service_that_never_becomes_healthy_leaves_the_old_one_serving(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test))
    project.ended(project.push("1"))
    number = project.push("2", variables={"VERSION": "2", "EXIT": "7"})
    assert project.ended(number).summary.status == "Failed"
    failed = project.action(number, f"CreateOrUpdate-api-{test}")
    assert "api" in failed.summary
    assert any("version 2 begins" in line for line in failed.details)
    assert f"error: {failed.summary}" in project.log(number, f"DeployTo-{test}", failed.name)
    assert project.served(test) == "1"


def test_a_defect_in_a_worker_is_said_and_the_engine_lives_on(local: Local, caplog: pytest.LogCaptureFixture) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test, approval=True))
    number = project.push("1")
    approval = f"ApprovePromotionTo-{test}"
    project.reaches(number, approval)
    # Nobody foresaw that the folder of logs is a file.
    logs = local.home.logs.rename(local.home.root / "moved")
    local.home.logs.write_text("")
    try:
        local.service.decide(APP, project.pipeline, number, approval, approve=True, approver="Ana")
        project.ended(number)
    finally:
        local.home.logs.unlink()
        logs.rename(local.home.logs)
    failed = project.action(number, f"CreateOrUpdate-api-{test}")
    assert failed.status == "Failed"
    assert failed.summary.startswith(f"Not a directory: `{local.home.logs}/attempt-")
    assert "Traceback" in caplog.text
    local.service.retry(APP, project.pipeline, number)
    project.reaches(number, f"CreateOrUpdate-api-{test}", "Succeeded")
    assert project.served(test) == "1"


# -- promotions and logs ---------------------------------------------------------------------------------------


def test_an_approval_shows_what_it_would_change(local: Local) -> None:
    project = local.project(2)
    test, prod = project.environments
    project.put(project.stage(test, tests=True), project.stage(prod, approval=True))
    approval = f"ApprovePromotionTo-{prod}"
    first = project.push("1")
    project.reaches(first, approval)
    (promotion,) = local.service.promotions(APP, project.pipeline)
    assert (promotion.environment, promotion.revision_before, promotion.tested_in) == (prod, None, test)
    assert [c.summary for c in promotion.commits] == ["Version 1"]
    (workload,) = promotion.workloads
    assert (workload.image_before, workload.image_after, workload.settings) == (None, project.image, ())
    local.service.decide(APP, project.pipeline, first, approval, approve=True, approver="Ana")
    project.ended(first)
    project.commit("2")
    second = project.push("3", count=2)
    project.reaches(second, approval)
    (promotion,) = local.service.promotions(APP, project.pipeline)
    assert promotion.revision_before is not None
    assert promotion.revision_after is not None
    assert (promotion.revision_before.summary, promotion.revision_after.summary) == ("Version 1", "Version 3")
    assert [c.summary for c in promotion.commits] == ["Version 3", "Version 2"]
    assert promotion.workloads[0].image_before == project.image
    assert set(promotion.workloads[0].settings) == {("count", "1", "2"), ("variables.VERSION", "1", "3")}
    assert promotion.tested_at is not None
    assert promotion.expires_at - promotion.waiting_since == pytest.approx(3600, abs=5)
    local.service.decide(APP, project.pipeline, second, approval, approve=False, approver="Ben", comment="not today")
    assert project.ended(second).summary.status == "Failed"
    assert project.action(second, approval).summary == "rejected by Ben: not today"
    # History is rewritten: what prod runs is not an ancestor of what comes.
    gitrepo.run(project.work, "checkout", "--quiet", "--orphan", "new", "--")
    project.commit("4")
    gitrepo.push(project.work, "--force", "new:main")
    third = later(second)
    project.reaches(third, approval)
    (promotion,) = local.service.promotions(APP, project.pipeline)
    assert [c.summary for c in promotion.commits] == ["Version 4"]
    local.service.stop(APP, project.pipeline, third)
    with pytest.raises(ConflictError, match="waits any more"):
        local.service.decide(APP, project.pipeline, third, approval, approve=True, approver="Ana")
    assert local.service.promotions(APP, project.pipeline) == []
    assert project.served(prod) == "1"


def test_logs_are_read_while_they_grow(local: Local, gate: Path) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test, approval=True))
    number = project.push("1", script=f"echo 'first ü'\n{waiting(gate)}printf 'last 漢'")

    def read(stage: str, action: str, offset: int = 0, attempt: int | None = None) -> LogChunk:
        return local.service.log(APP, project.pipeline, number, stage, action, attempt, offset)

    local.until(lambda: "first ü" in read("Build", "Build").text)
    assert not read("Build", "Build").finished
    offset = read("Build", "Build").next_offset
    later = read(f"DeployTo-{test}", f"CreateOrUpdate-api-{test}")
    assert (later.text, later.finished) == ("", False)
    gate.touch()
    project.reaches(number, "Build", "Succeeded")
    end = read("Build", "Build", offset)
    assert "last 漢" in end.text
    assert "first" not in end.text
    assert end.finished
    for stage, action, attempt in (("Build", "Nothing", None), ("Nothing", "Build", None), ("Build", "Build", 2), ("", "", 0)):
        with pytest.raises(NotFoundError, match="has no action"):
            read(stage, action, attempt=attempt)
    with pytest.raises(NotFoundError, match="no execution #99"):
        local.service.log(APP, project.pipeline, "99", "Build", "Build")
    for word in ("0", "a1b2c3", "-1", "", "9" * 30, "\u0661"):
        with pytest.raises(NotFoundError, match=f"no execution `{word}`"):
            local.service.log(APP, project.pipeline, word, "Build", "Build")
    project.reaches(number, f"ApprovePromotionTo-{test}")
    local.service.stop(APP, project.pipeline, number)
    for action in (f"ApprovePromotionTo-{test}", f"CreateOrUpdate-api-{test}"):
        assert (read(f"DeployTo-{test}", action).text, read(f"DeployTo-{test}", action).finished) == ("", True)


# -- direct deployments ----------------------------------------------------------------------------------------


def deployed(local: Local, project: Project, version: str, **changes: str) -> tuple[str, Callable[[], str]]:
    """Begin a direct deployment; the answer is its id, and its status when asked."""
    variables = {"VERSION": version, **changes}
    description = ReleaseDescription(
        APP, project.environments[0], "direct", "Backend Service", project.image, port=8080, variables=variables, grace_period=3.0
    )
    id_ = local.service.start_deployment(description).id
    return id_, lambda: local.service.deployment(id_).status


def test_a_direct_deployment_is_followed_to_its_end(local: Local) -> None:
    project = local.project()
    id_, status = deployed(local, project, "1")
    local.until(lambda: status() == "Succeeded")
    chunk = local.service.deployment_log(id_)
    assert "healthy" in chunk.text
    assert chunk.finished
    assert local.service.deployment_log(id_, chunk.next_offset).text == ""
    failed, status = deployed(local, project, "2", EXIT="9")
    local.until(lambda: status() == "Failed")
    deployment = local.service.deployment(failed)
    assert "direct" in (deployment.error or "")
    assert any("version 2 begins" in line for line in deployment.details)
    for unknown in ("", "x", "../../etc/passwd", id_.upper() + "0"):
        with pytest.raises(NotFoundError):
            local.service.deployment(unknown)
        with pytest.raises(NotFoundError):
            local.service.deployment_log(unknown)
    with pytest.raises(NotFoundError, match="environment `nowhere` does not exist"):
        local.service.start_deployment(ReleaseDescription(APP, "nowhere", "direct", "Backend Service", project.image))
    local.service.delete_workload(APP, "direct")


def test_an_environment_is_deleted_under_a_deployment(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    _, status = deployed(local, project, "1", NEEDS="/nowhere/at/all")
    begin = time.monotonic()
    assert status() in {"InProgress", "Failed"}
    local.service.delete_environment(APP, test)
    assert time.monotonic() - begin < 10
    with pytest.raises(NotFoundError):
        status()
    local.service.delete_workload(APP, "direct")


def test_a_task_that_dies_is_shown_and_started_again(local: Local) -> None:
    project = local.project()
    (test,) = project.environments
    project.put(project.stage(test))
    project.ended(project.push("1"))

    def task() -> Task:
        (state,) = (s for s in local.service.service(APP, "api").environments if s.environment == test)
        return state.tasks[0]

    killed = task().pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    local.until(lambda: task().restarts == 1 and task().status == "Healthy")
    assert task().last_exit == "killed by SIGKILL"
    assert project.served(test) == "1"


def test_starting_where_nothing_is(local: Local) -> None:
    with pytest.raises(NotFoundError):
        local.service.start_execution(APP, "nothing")
    with pytest.raises(CopilotError):
        local.service.retry(APP, "nothing", "1")
    with pytest.raises(CopilotError):
        local.service.stop(APP, "nothing", "1")
    with pytest.raises(CopilotError):
        local.service.rollback(APP, "nothing", "DeployTo-test")
