from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from copilot.aws.client import Aws
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.cli.aws._environment_manifest import NetworkAnswers, environment_manifest
from copilot.errors import UsageError
from copilot.manifest.environment import load_environment
from tests.aws.conftest import ACCOUNT
from tests.cli.conftest import Cli, Terminals

MANIFEST = Path("copilot/environments/test/manifest.yml")


@pytest.fixture(autouse=True)
def shop(aws_environment: str, cli: Cli) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")


def test_an_environment_from_its_beginning_to_its_end(aws: Aws, cli: Cli) -> None:
    made = cli.ok("env", "init", "--name", "test")
    assert f"Created the roles of environment test in account {ACCOUNT}, us-east-1" in made.stderr
    assert "copilot env deploy --name test" in made.stderr
    assert load_environment(MANIFEST).model.name == "test"
    assert "copilot env deploy --name test" in cli.ok("env", "show").stderr

    assert "Deployed environment test in" in cli.ok("env", "deploy").stderr
    listed = json.loads(cli.ok("env", "ls", "--json").stdout)["environments"]
    record = Store(aws).environment("shop", "test").to_dict()
    assert [{key: e[key] for key in record} for e in listed] == [record]

    shown = cli.ok("env", "show").stdout
    assert "update complete" in shown
    assert "no service asks for a load balancer" in shown
    assert cli.ok("env", "show", "--manifest").stdout == MANIFEST.read_text()
    document = json.loads(cli.ok("env", "show", "--json", "--resources").stdout)
    assert document["environment"]["accountID"] == ACCOUNT
    assert "Cluster" in {resource["logicalID"] for resource in document["resources"]}

    assert "Environment test is up to date" in cli.ok("env", "deploy").stderr
    assert "Deleted environment test" in cli.ok("env", "delete", "--yes").stderr
    assert Store(aws).environments("shop") == []
    assert Stacks(aws).find("shop-test") is None


def test_nobody_waits_for_a_deployment_that_is_detached(aws: Aws, cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    assert "AWS deploys environment test now" in cli.ok("env", "deploy", "--detach").stderr
    assert Stacks(aws).require("shop-test").outputs["VpcId"]


def test_one_that_exists_is_said_to(cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    again = cli.ok("env", "init", "--name", "test").stderr
    assert f"Environment test exists in account {ACCOUNT}, us-east-1" in again
    assert "Created" not in again
    assert "manifest.yml" not in again


def test_one_whose_stack_was_deleted_by_hand(aws: Aws, cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    aws.cloudformation.delete_stack(StackName="shop-test")
    shown = cli.ok("env", "show")
    assert "its stack is gone" in shown.stdout
    assert "copilot env init --name test" in shown.stderr
    for line in (["env", "deploy"], ["env", "package"]):
        result = cli(*line)
        assert result.exit_code == 1
        assert "the stack `shop-test` of environment `test` is gone from us-east-1" in result.stderr
        assert "`copilot env init --name test` makes it again" in result.stderr


def test_those_there_are(cli: Cli) -> None:
    assert "Application shop has no environments yet" in cli.ok("env", "ls").stderr
    cli.ok("env", "init", "--name", "test")
    assert cli.ok("env", "ls").stdout.split() == ["name", "account", "region", "test", ACCOUNT, "us-east-1"]


def test_a_deployment_that_changes_nothing_can_be_forced(cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    cli.ok("env", "deploy")
    assert "up to date" in cli.ok("env", "deploy", "--diff-yes").stderr
    assert "Deployed environment test" in cli.ok("env", "deploy", "--diff-yes", "--force").stderr


def test_a_flag_of_the_local_engine_is_refused_for_a_deletion(cli: Cli) -> None:
    result = cli("env", "delete", "--yes", "--keep-volumes")
    assert (result.exit_code, "`--keep-volumes` is for the local engine" in result.stderr) == (2, True)


def test_in_another_region(aws: Aws, cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test", "--region", "eu-west-1")
    cli.ok("env", "deploy", "--name", "test")
    assert Stacks(aws.in_region("eu-west-1")).require("shop-test").outputs["VpcId"]
    assert json.loads(cli.ok("env", "ls", "--json").stdout)["environments"][0]["region"] == "eu-west-1"


def test_what_would_change_is_shown_before_it_does(cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    cli.ok("env", "deploy")
    assert cli("env", "package", "--diff").exit_code == 0
    MANIFEST.write_text(MANIFEST.read_text().replace("insights: false", "insights: true"))
    difference = cli("env", "package", "--diff")
    assert difference.exit_code == 1
    assert "ClusterSettings[containerInsights].Value: disabled → enabled" in difference.stdout
    asked = cli("env", "deploy", "--diff")
    assert (asked.exit_code, "`--diff-yes` is missing" in asked.stderr) == (2, True)
    assert "Deployed environment test" in cli.ok("env", "deploy", "--diff-yes").stderr
    assert cli("env", "package", "--diff").exit_code == 0


def test_the_template_as_files(cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    cli.ok("env", "package", "--output-dir", "infrastructure")
    assert sorted(path.name for path in Path("infrastructure").iterdir()) == ["test.env.params.json", "test.env.yml"]
    assert Path("infrastructure/test.env.yml").read_text() == cli.ok("env", "package").stdout


def test_a_manifest_that_is_wrong_changes_nothing(cli: Cli) -> None:
    cli.ok("env", "init", "--name", "test")
    MANIFEST.write_text("name: test\ntype: Environment\nobservability:\n  container_insight: true\n")
    result = cli("env", "deploy")
    assert result.exit_code == 1
    assert "copilot/environments/test/manifest.yml:4:3: unknown key `container_insight`" in result.stderr
    MANIFEST.write_text("name: prod\ntype: Environment\n")
    result = cli("env", "deploy")
    assert result.exit_code == 1
    assert "copilot/environments/test/manifest.yml:1:7: the environment is called `prod`, but its folder `test`" in result.stderr
    MANIFEST.unlink()
    assert "environment `test` has no manifest" in cli("env", "deploy").stderr


def test_a_manifest_that_is_there_is_kept(cli: Cli) -> None:
    MANIFEST.parent.mkdir(parents=True)
    MANIFEST.write_text("name: test\ntype: Environment\n")
    assert "kept copilot/environments/test/manifest.yml as it is" in cli.ok("env", "init", "--name", "test").stderr
    result = cli("env", "init", "--name", "test", "--container-insights")
    assert (result.exit_code, "was not written" in result.stderr) == (1, True)
    assert MANIFEST.read_text() == "name: test\ntype: Environment\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--runtime", "host"], "`--runtime` is for the local engine"),
        (["--import-vpc-id", "vpc-1"], "an existing VPC needs its subnets"),
        (["--import-public-subnets", "a,b"], "`--import-vpc-id` is missing"),
        (["--override-vpc-cidr", "10.1.0.0/16"], "`--override-az-names` is missing"),
        (["--import-vpc-id", "vpc-1", "--override-vpc-cidr", "10.1.0.0/16"], "cannot be used together"),
        (["--profile", "nobody"], "there is no AWS profile `nobody`"),
        (["--region", "mars-1"], "`mars-1` is no AWS region"),
        (["--aws-access-key-id", "AKIA"], "`--aws-secret-access-key` is missing"),
        (["--aws-session-token", "token"], "`--aws-access-key-id` is missing"),
        (["--profile", "nobody", "--aws-access-key-id", "AKIA"], "cannot be used together"),
    ],
)
def test_flags_that_do_not_fit(aws: Aws, cli: Cli, line: list[str], said: str) -> None:
    result = cli("env", "init", "--name", "test", *line)
    assert result.exit_code == 2
    assert said in result.stderr
    assert Store(aws).environments("shop") == []
    assert not MANIFEST.exists()


def test_names_of_roles_are_no_longer_than_they_may_be(aws: Aws, cli: Cli) -> None:
    result = cli("env", "init", "--name", "t" * 40)  # with `shop` there is room for 42
    assert result.exit_code == 0
    Path("copilot/.workspace").unlink()
    cli.ok("app", "init", "a" * 40, "--engine", "aws")
    result = cli("env", "init", "--name", "staging")
    assert result.exit_code == 2
    assert "the environment's name is too long by 1" in result.stderr
    assert "`stagin` would fit" in result.stderr
    assert Store(aws).environments("a" * 40) == []
    cli.ok("env", "init", "--name", "stagin")


@pytest.mark.parametrize(
    "answers",
    [
        NetworkAnswers(),
        NetworkAnswers(vpc="vpc-1", public_subnets=("subnet-1", "subnet-2"), private_subnets=("subnet-3", "subnet-4")),
        NetworkAnswers(
            vpc_cidr="10.1.0.0/16",
            zones=("us-east-1a", "us-east-1b"),
            public_cidrs=("10.1.0.0/24", "10.1.1.0/24"),
            private_cidrs=("10.1.2.0/24", "10.1.3.0/24"),
            insights=True,
        ),
        NetworkAnswers(
            vpc="vpc-1",
            private_subnets=("subnet-3", "subnet-4"),
            internal_subnets=("subnet-3", "subnet-4"),
            internal_vpc_ingress=True,
        ),
        NetworkAnswers(certificates=("arn:aws:acm:us-east-1:123456789012:certificate/0123abcd",)),
    ],
)
def test_every_manifest_that_is_written_can_be_read(tmp_path: Path, answers: NetworkAnswers) -> None:
    answers.check()
    path = tmp_path / "manifest.yml"
    path.write_text(environment_manifest("test", answers))
    assert YAML().load(path)["name"] == "test"
    model = load_environment(path).model
    assert model.network.vpc.id == (answers.vpc or None)
    assert [s.cidr for s in model.network.vpc.subnets.public if s.cidr] == list(answers.public_cidrs)
    assert model.http.public.certificates == answers.certificates
    assert model.http.private.ingress.vpc is answers.internal_vpc_ingress


def test_a_network_needs_two_zones() -> None:
    one = NetworkAnswers(vpc_cidr="10.1.0.0/16", zones=("a",), public_cidrs=("10.1.0.0/24",), private_cidrs=("10.1.1.0/24",))
    with pytest.raises(UsageError, match="at least two zones"):
        one.check()


def test_on_a_terminal_a_tree_is_drawn(cli: Cli, terminal: Terminals) -> None:
    cli.ok("env", "init", "--name", "test")
    screen = terminal("env", "deploy", "--name", "test")
    screen.wait_for("✓ shop-test")
    screen.wait_for("Deployed environment test in")
    assert screen.finish() == 0
