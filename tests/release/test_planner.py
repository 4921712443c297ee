from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import PlanError
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.plan import ApprovalAction, CommandsAction, DeployAction, Plan, ProjectAction
from copilot.release.planner import draft, plan, warnings

SOURCE = {"provider": "Git", "properties": {"repository": "/srv/shop.git", "branch": "main"}}


def make(
    *stages: dict[str, Any],
    workloads: tuple[str, ...] = ("api", "web"),
    environments: tuple[str, ...] | None = ("test", "prod"),
    **keys: Any,
) -> Plan:
    manifest = PipelineManifest.model_validate(
        {"name": "release", "version": 1, "source": SOURCE, "stages": list(stages), **keys}
    )
    return plan(
        manifest,
        application="shop",
        workloads=workloads,
        environments=environments,
        manifest_folder="copilot/pipelines/release",
    )


def orders(made: Plan, stage: str) -> dict[str, int]:
    return {action.name: action.run_order for action in made.stage(stage).actions}


def problems(*stages: dict[str, Any], workloads: tuple[str, ...] = ("api", "web")) -> list[tuple[Any, str]]:
    with pytest.raises(PlanError) as caught:
        make(*stages, workloads=workloads)
    return [(p.path, p.message) for p in caught.value.problems]


def test_names_and_order_are_those_of_aws_copilot() -> None:
    made = make({"name": "test", "test_commands": ["make test"]}, {"name": "prod", "requires_approval": True})
    assert [stage.name for stage in made.stages] == ["Source", "Build", "DeployTo-test", "DeployTo-prod"]
    assert [a.name for a in made.stages[0].actions + made.stages[1].actions] == ["SourceCodeFor-shop", "Build"]
    assert orders(made, "DeployTo-test") == {"CreateOrUpdate-api-test": 1, "CreateOrUpdate-web-test": 1, "TestCommands": 2}
    assert orders(made, "DeployTo-prod") == {
        "ApprovePromotionTo-prod": 1,
        "CreateOrUpdate-api-prod": 2,
        "CreateOrUpdate-web-prod": 2,
    }


def test_everything_has_its_place_in_a_stage() -> None:
    made = make(
        {
            "name": "test",
            "requires_approval": True,
            "pre_deployments": {"migrate": {"buildspec": "m.yml", "depends_on": ["backup"]}, "backup": {"buildspec": "b.yml"}},
            "deployments": {"web": {"depends_on": ["api"]}, "api": None},
            "post_deployments": {"smoke": {"buildspec": "s.yml"}},
        }
    )
    assert orders(made, "DeployTo-test") == {
        "ApprovePromotionTo-test": 1,
        "backup": 2,
        "migrate": 3,
        "CreateOrUpdate-api-test": 4,
        "CreateOrUpdate-web-test": 5,
        "smoke": 6,
    }


def test_defaults_of_a_deployment_are_aws_copilots() -> None:
    (action,) = make({"name": "test", "deployments": {"api": None}}).stage("DeployTo-test").actions
    assert isinstance(action, DeployAction)
    assert action.stack_name == "shop-test-api"
    assert action.template_path == "infrastructure/api-test.stack.yml"
    assert action.template_config == "infrastructure/api-test.params.json"


def test_the_buildspec_lies_beside_the_manifest_unless_named() -> None:
    default, named = make({"name": "test"}), make({"name": "test"}, build={"buildspec": "ci/build.yml", "timeout": 5})
    assert getattr(default.stages[1].actions[0], "buildspec", None) == "copilot/pipelines/release/buildspec.yml"
    assert getattr(named.stages[1].actions[0], "buildspec", None) == "ci/build.yml"
    assert getattr(named.stages[1].actions[0], "timeout", None) == 5


def test_an_unknown_environment_says_which_there_are() -> None:
    with pytest.raises(PlanError) as caught:
        make({"name": "staging"})
    (problem,) = caught.value.problems
    assert problem.path == ("stages", 0, "name")
    assert problem.message == "environment `staging` does not exist in application `shop`"
    assert problem.hint == "it has: test, prod. Create it with `copilot env init --name staging`"


@pytest.mark.parametrize("key", ["deployments", "pre_deployments", "post_deployments"])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_cycles_are_refused_with_their_path(key: str, length: int) -> None:
    names = ["a", "b", "c"][:length]
    extra = {} if key == "deployments" else {"buildspec": "x.yml"}
    members = {name: {"depends_on": [names[(i + 1) % length]], **extra} for i, name in enumerate(names)}
    ((path, message),) = problems({"name": "test", key: members}, workloads=tuple(names))
    assert path == ("stages", 0, key, "a", "depends_on")
    assert all(f"`{name}`" in message for name in names)


def test_unknown_names_are_all_reported() -> None:
    found = problems(
        {"name": "test", "deployments": {"apo": {"depends_on": ["nothing"]}}},
        {"name": "prod", "pre_deployments": {"x": {"buildspec": "x.yml", "depends_on": ["y"]}}},
    )
    assert [path for path, _ in found] == [
        ("stages", 0, "deployments", "apo"),
        ("stages", 0, "deployments", "apo", "depends_on", 0),
        ("stages", 1, "pre_deployments", "x", "depends_on", 0),
    ]


def test_an_action_cannot_take_the_name_of_another() -> None:
    stage = {"name": "test", "pre_deployments": {"TestCommands": {"buildspec": "x.yml"}}, "test_commands": ["true"]}
    assert problems(stage) == [
        (("stages", 0, "pre_deployments", "TestCommands"), "stage `test` has another action named `TestCommands`")
    ]


def test_a_stage_and_a_pipeline_have_so_many_actions_and_no_more() -> None:
    many = tuple(f"w{n}" for n in range(100))
    assert len(make({"name": "test"}, workloads=many).stage("DeployTo-test").actions) == 100
    ((path, message),) = problems({"name": "test", "test_commands": ["true"]}, workloads=many)
    assert (path, message) == (("stages", 0, "name"), "stage `test` has 101 actions; a stage can have 100")

    stages = [{"name": f"env{n}"} for n in range(11)]
    with pytest.raises(PlanError) as caught:
        make(*stages, workloads=many, environments=None)
    (problem,) = caught.value.problems
    assert problem.message == "the pipeline has 1102 actions; a pipeline can have 1000"
    assert problem.hint == "divide it into several pipelines"


def test_many_actions_are_allowed_with_a_warning() -> None:
    def warned(count: int, stages: int) -> list[tuple[Any, str]]:
        given = [{"name": f"env{n}"} for n in range(stages)]
        made = make(*given, workloads=tuple(f"w{n}" for n in range(count)), environments=None)
        return [(problem.path, problem.message) for problem in warnings(made)]

    assert warned(50, 9) == []
    assert warned(51, 1) == [(("stages", 0, "name"), "stage `env0` has 51 actions; on AWS an account may have 50 at first")]
    assert warned(50, 10) == [(("stages",), "the pipeline has 502 actions; on AWS an account may have 500 in one at first")]


def test_stacks_that_roles_do_not_know_by_their_names_are_warned_of() -> None:
    deployments = {"api": {"stack_name": "shop-prod-api"}, "web": {"stack_name": "web"}}
    (warning,) = warnings(make({"name": "test"}, {"name": "prod", "deployments": deployments}))
    assert warning.path == ("stages", 1, "deployments", "web", "stack_name")
    assert "may work on stacks `shop-prod-…` only, not on `web`" in warning.message


def test_a_pipeline_has_so_many_stages_and_no_more() -> None:
    assert len(make(*({"name": f"env{n}"} for n in range(48)), environments=None).stages) == 50
    with pytest.raises(PlanError, match="49 stages are more than the 48 a pipeline can have"):
        make(*({"name": f"env{n}"} for n in range(49)), environments=None)


def test_a_draft_has_all_actions_whatever_is_wrong() -> None:
    manifest = PipelineManifest.model_validate(
        {
            "name": "release",
            "source": SOURCE,
            "stages": [{"name": "nowhere", "deployments": {"api": {"depends_on": ["web"]}, "web": {"depends_on": ["api"]}}}],
        }
    )
    made = draft(manifest, application="shop", workloads=["api", "web"], manifest_folder="copilot", environments=["test"])
    assert [problem.path[-1] for problem in made.problems] == ["name", "depends_on"]
    assert len(made.plan.stage("DeployTo-nowhere").actions) == 2


def test_a_workspace_without_workloads_has_nothing_to_deploy() -> None:
    assert problems({"name": "test"}, workloads=()) == [(("stages", 0, "name"), "there is no workload to deploy")]


@st.composite
def dependencies(draw: st.DrawFn, names: list[str]) -> dict[str, list[str]]:
    return {
        name: draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=3)) if i else [] for i, name in enumerate(names)
    }


@given(st.data())
def test_run_orders_respect_dependencies_and_every_action_appears_once(data: st.DataObject) -> None:
    deployments = data.draw(dependencies(["a", "b", "c", "d", "e"]))
    before = data.draw(dependencies(["p", "q", "r"]))
    after = data.draw(dependencies(["x", "y", "z"]))
    approval = data.draw(st.booleans())
    stage = {
        "name": "test",
        "requires_approval": approval,
        "pre_deployments": {n: {"buildspec": "b.yml", "depends_on": d} for n, d in before.items()},
        "deployments": {n: {"depends_on": d} for n, d in deployments.items()},
        "post_deployments": {n: {"buildspec": "b.yml", "depends_on": d} for n, d in after.items()},
    }
    made = make(stage, workloads=tuple("abcde"))
    actions = made.stage("DeployTo-test").actions
    found = orders(made, "DeployTo-test")
    assert len(actions) == len(found) == approval + 3 + 5 + 3
    for group, name_of in ((before, str), (after, str), (deployments, "CreateOrUpdate-{}-test".format)):
        for name, needs in group.items():
            assert all(found[name_of(need)] < found[name_of(name)] for need in needs)
    ranks = [
        [a.run_order for a in actions if isinstance(a, ApprovalAction)],
        [found[n] for n in before],
        [a.run_order for a in actions if isinstance(a, DeployAction)],
        [found[n] for n in after],
    ]
    flat = [rank for rank in ranks if rank]
    assert all(max(a) < min(b) for a, b in itertools.pairwise(flat))
    assert sorted(set(found.values())) == list(range(1, max(found.values()) + 1))


def test_a_rollback_has_only_the_deployments_of_its_stage() -> None:
    made = make({"name": "test", "requires_approval": True, "test_commands": ["true"]}, {"name": "prod"})
    rollback = made.rollback_of("DeployTo-test")
    assert [s.name for s in rollback.stages] == ["DeployTo-test"]
    assert {type(a) for a in rollback.stages[0].actions} == {DeployAction}
    assert not any(isinstance(a, ProjectAction | CommandsAction) for s in rollback.stages for a in s.actions)
