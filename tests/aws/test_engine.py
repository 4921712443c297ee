from __future__ import annotations

import pytest

from copilot.aws.client import Aws
from copilot.aws.engine import AwsEngine
from copilot.aws.environments import Environments
from copilot.aws.stacks import Stacks
from copilot.engine import Engine
from copilot.errors import ConflictError, NotFoundError
from copilot.manifest.environment import EnvironmentManifest
from tests.aws.conftest import ACCOUNT

BACKEND = "Backend Service"
BUCKET = '{"Resources": {"TaskDefinition": {"Type": "AWS::S3::Bucket"}}}'


@pytest.fixture
def engine(aws: Aws) -> AwsEngine:
    """The aws engine with application `shop`."""
    made = AwsEngine(aws)
    made.create_application("shop")
    return made


def make_environment(aws: Aws, name: str, *, deployed: bool = False) -> None:
    environments = Environments(aws, pause=0.01)
    environments.init("shop", name)
    if deployed:
        manifest = EnvironmentManifest.model_validate({"name": name, "type": "Environment"})
        environments.deploy("shop", name, manifest, f"name: {name}\ntype: Environment\n")


def test_it_is_an_engine(engine: AwsEngine) -> None:
    asked: Engine = engine
    assert [(a.name, a.engine, a.created_at) for a in asked.applications()] == [("shop", "aws", None)]
    assert asked.application("shop").name == "shop"


def test_an_application_that_is_not_there(engine: AwsEngine) -> None:
    for ask in (
        lambda: engine.application("blog"),
        lambda: engine.environments("blog"),
        lambda: engine.workloads("blog"),
        lambda: engine.pipelines("blog"),
        lambda: engine.delete_application("blog"),
        lambda: engine.register_workload("blog", "api", BACKEND),
    ):
        with pytest.raises(NotFoundError, match="there is no application `blog`"):
            ask()


def test_one_application_of_a_name_in_all_regions(aws: Aws, engine: AwsEngine) -> None:
    elsewhere = AwsEngine(aws.in_region("eu-west-1"))
    with pytest.raises(ConflictError, match=f"account {ACCOUNT} has a role `shop-adminrole` already"):
        elsewhere.create_application("shop")
    assert elsewhere.applications() == []
    engine.check_not_elsewhere("shop")
    engine.check_not_elsewhere("blog")


def test_environments(aws: Aws, engine: AwsEngine) -> None:
    make_environment(aws, "test")
    make_environment(aws, "prod")
    assert [e.name for e in engine.environments("shop")] == ["test", "prod"]
    environment = engine.environment("shop", "test")
    assert (environment.runtime, environment.region, environment.account_id) == ("fargate", "us-east-1", ACCOUNT)
    assert environment.url is None
    assert environment.created_at is not None
    assert engine.inside("shop", "test").identity.arn.endswith("assumed-role/shop-test-EnvManagerRole/copilot")
    with pytest.raises(NotFoundError, match="there is no environment `staging`"):
        engine.environment("shop", "staging")
    with pytest.raises(ConflictError, match="application `shop` has environments: test, prod"):
        engine.delete_application("shop")
    engine.delete_environment("shop", "test")
    engine.delete_environment("shop", "prod")
    engine.delete_application("shop")
    assert engine.applications() == []


def test_an_environment_whose_stack_was_deleted_by_hand(aws: Aws, engine: AwsEngine) -> None:
    make_environment(aws, "test")
    aws.cloudformation.delete_stack(StackName="shop-test")
    assert engine.environment("shop", "test").created_at is None
    engine.delete_environment("shop", "test")
    assert engine.environments("shop") == []


def test_workloads_are_part_of_an_application(aws: Aws, engine: AwsEngine) -> None:
    engine.register_workload("shop", "web", "Load Balanced Web Service")
    engine.register_workloads("shop", {"api": BACKEND, "web": "Load Balanced Web Service"})
    engine.register_workload("shop", "api", BACKEND)
    assert [(w.name, w.type) for w in engine.workloads("shop")] == [("api", BACKEND), ("web", "Load Balanced Web Service")]
    with pytest.raises(ConflictError, match=f"`api` exists already and is a {BACKEND}"):
        engine.register_workloads("shop", {"jobs": "Scheduled Job", "api": "Worker Service"})
    assert [w.name for w in engine.workloads("shop")] == ["api", "web"]
    make_environment(aws, "test")
    assert sorted(r["repositoryName"] for r in aws.ecr.describe_repositories()["repositories"]) == ["shop/api", "shop/web"]
    engine.delete_workload("shop", "web")
    assert [r["repositoryName"] for r in aws.ecr.describe_repositories()["repositories"]] == ["shop/api"]
    with pytest.raises(NotFoundError, match="web"):
        engine.delete_workload("shop", "web")


def test_where_a_workload_is_deployed(aws: Aws, engine: AwsEngine) -> None:
    engine.register_workload("shop", "api", BACKEND)
    for name in ("prod", "test"):
        make_environment(aws, name)
        aws.cloudformation.create_stack(StackName=f"shop-{name}-api", TemplateBody=BUCKET)
    assert engine.deployed_to("shop", "api") == ["prod", "test"]
    engine.delete_workload("shop", "api", "prod")
    assert engine.deployed_to("shop", "api") == ["test"]
    assert Stacks(aws).find("shop-prod-api") is None
    engine.undeploy("shop", "api")
    assert engine.deployed_to("shop", "api") == []
    assert [w.name for w in engine.workloads("shop")] == ["api"]
    states = engine.service("shop", "api").environments
    assert [(state.environment, state.release, state.desired_count) for state in states] == [("prod", None, 0), ("test", None, 0)]


def test_secrets_are_those_of_environments(aws: Aws, engine: AwsEngine) -> None:
    make_environment(aws, "test")
    name = "/copilot/shop/test/secrets/API_KEY"
    engine.put_secret(name, "first")
    assert engine.secrets("/copilot/shop/test/") == [name]
    with pytest.raises(ConflictError, match="API_KEY"):
        engine.put_secret(name, "second")
    engine.put_secret(name, "second", overwrite=True)
    assert aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "second"
    engine.delete_secret(name)
    assert engine.secrets() == []
    with pytest.raises(NotFoundError, match="API_KEY"):
        engine.delete_secret(name)
