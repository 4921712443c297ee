"""Pipelines that are deployed, ours and those of AWS Copilot: it writes its templates otherwise."""

from __future__ import annotations

import pytest

from copilot.aws.client import Aws
from copilot.aws.pipelines import Pipelines, token_secret
from copilot.aws.stack_values import StackRequest
from copilot.aws.stacks import Stacks
from copilot.errors import ConflictError, NotFoundError
from tests.aws.conftest import ACCOUNT, REGION
from tests.aws.pipelines import conftest as with_pipelines
from tests.aws.pipelines.conftest import Repositories, wait_for

aws = with_pipelines.aws
aws_environment = with_pipelines.aws_environment
repositories = with_pipelines.repositories

SECRET = "github-token-shop-shop"
OURS = f"'{{{{resolve:secretsmanager:{SECRET}}}}}'"
AWS_COPILOTS = f"""!Sub ['{{{{resolve:secretsmanager:${{SecretId}}}}}}', {{SecretId: {SECRET}}}]"""


def template(token: str = OURS, environment: str = "test", *, named: bool = False) -> str:
    """A pipeline that waits for an approval once it has fetched its code."""
    return f"""\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {{AssumeRolePolicyDocument: {{Version: '2012-10-17', Statement: []}}}}
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      {"Name: !Ref AWS::StackName" if named else "PipelineType: V2"}
      RoleArn: !GetAtt Role.Arn
      ArtifactStores: [{{Region: {REGION}, ArtifactStore: {{Type: S3, Location: artifacts}}}}]
      Stages:
        - Name: Source
          Actions:
            - Name: SourceCodeFor-shop
              ActionTypeId: {{Category: Source, Owner: ThirdParty, Provider: GitHub, Version: '1'}}
              Configuration: {{Owner: ana, Repo: shop, Branch: main, OAuthToken: {token}}}
              OutputArtifacts: [{{Name: SCCheckoutArtifact}}]
        - Name: DeployTo-{environment}
          Actions:
            - Name: ApprovePromotionTo-{environment}
              ActionTypeId: {{Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}}
"""


@pytest.fixture
def pipelines(aws: Aws, repositories: Repositories) -> Pipelines:
    repositories.create()
    aws.s3.create_bucket(Bucket="artifacts")
    aws.secretsmanager.create_secret(Name=SECRET, SecretString="ghp_secret")
    return Pipelines(aws, pause=0.01)


def deploy(aws: Aws, stack: str, text: str, *, app: str = "shop", name: str | None = None) -> None:
    tags = {"copilot-application": app} | ({"copilot-pipeline": name} if name else {})
    Stacks(aws, pause=0.01).deploy(StackRequest(stack, text, tags=tags))


def physical_id(aws: Aws, stack: str) -> str:
    answer = aws.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Pipeline")
    return answer["StackResourceDetail"]["PhysicalResourceId"]


def wait_for_approval(aws: Aws, pipeline: str) -> None:
    def waits() -> bool:
        stage = aws.codepipeline.get_pipeline_state(name=pipeline)["stageStates"][1]
        return stage.get("latestExecution", {}).get("status") == "InProgress"

    wait_for(waits)


def test_those_of_an_application_are_known_by_their_tags(aws: Aws, pipelines: Pipelines) -> None:
    assert pipelines.deployed("shop") == []
    deploy(aws, "pipeline-shop-main", template(), name="main")
    deploy(aws, "pipeline-shop-ana-shop", template(AWS_COPILOTS, "prod", named=True))
    deploy(aws, "pipeline-blog-main", template(), app="blog", name="main")
    main, oldest = pipelines.deployed("shop")
    assert (main.app, main.name, main.stack_name) == ("shop", "main", "pipeline-shop-main")
    assert main.pipeline_name == physical_id(aws, "pipeline-shop-main") != "main"
    assert (main.region, main.account) == (REGION, ACCOUNT)
    assert main.arn == f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{main.pipeline_name}"
    names = (oldest.name, oldest.pipeline_name, oldest.stack_name)
    assert names == ("pipeline-shop-ana-shop",) * 3

    assert pipelines.find("shop", "main") == main == pipelines.in_stack("shop", "main", main.stack_name)
    assert pipelines.find("shop", "pipeline-shop-ana-shop") == oldest
    with pytest.raises(NotFoundError, match="application `shop` has no pipeline `mian`") as missing:
        pipelines.find("shop", "mian")
    assert missing.value.hint == "it has: `main`, `pipeline-shop-ana-shop`"
    assert [each.name for each in pipelines.deploying_to("shop", "prod")] == [oldest.name]
    assert pipelines.deploying_to("shop", "pro") == []


@pytest.mark.parametrize("token", [OURS, AWS_COPILOTS])
def test_what_one_is_made_of(aws: Aws, pipelines: Pipelines, token: str) -> None:
    deploy(aws, "pipeline-shop-main", template(token), name="main")
    main = pipelines.find("shop", "main")
    found = {each["logicalID"]: each for each in pipelines.resources(main)}
    assert found["Pipeline"] == {
        "type": "AWS::CodePipeline::Pipeline",
        "physicalID": main.pipeline_name,
        "logicalID": "Pipeline",
    }
    assert pipelines.token_secret(main) == SECRET


ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:token-Ab12Cd"


@pytest.mark.parametrize(
    ("token", "secret"),
    [
        ("'{{resolve:secretsmanager:token:SecretString}}'", "token"),
        (f"'{{{{resolve:secretsmanager:{ARN}}}}}'", ARN),
        (f"'{{{{resolve:secretsmanager:{ARN}:SecretString:key}}}}'", ARN),
        ("!Sub '{{resolve:secretsmanager:token}}'", "token"),
        ("!Sub ['{{resolve:secretsmanager:${Id}}}', {Id: token}]", "token"),
        ("ghp_in_plain_sight", None),
        ("!Ref Token", None),
    ],
)
def test_the_secret_of_a_token(token: str, secret: str | None) -> None:
    assert token_secret(template(token)) == secret
    assert token_secret("Resources: {}") is None


def test_a_stack_of_something_else_is_left_alone(aws: Aws, pipelines: Pipelines) -> None:
    pipelines.check_name("shop", "pipeline-shop-web-main")
    deploy(aws, "pipeline-shop-web-main", template(), app="shop-web", name="main")
    pipelines.check_name("shop-web", "pipeline-shop-web-main")
    with pytest.raises(ConflictError, match="already, which is a pipeline of application `shop-web`"):
        pipelines.check_name("shop", "pipeline-shop-web-main")
    Stacks(aws, pause=0.01).deploy(StackRequest("pipeline-shop-queue", "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"))
    with pytest.raises(ConflictError, match="already, which is something else"):
        pipelines.check_name("shop", "pipeline-shop-queue")


def test_one_with_an_execution_under_way_is_not_deleted_unless_it_is_to_be_abandoned(aws: Aws, pipelines: Pipelines) -> None:
    deploy(aws, "pipeline-shop-main", template(), name="main")
    main = pipelines.find("shop", "main")
    wait_for_approval(aws, main.pipeline_name)
    with pytest.raises(ConflictError, match=r"execution [0-9a-f]{8} of pipeline `main` is under way") as busy:
        pipelines.delete(main)
    assert "copilot pipeline stop" in (busy.value.hint or "")
    assert pipelines.deployed("shop") == [main]
    pipelines.delete(main, abandon=True)
    assert pipelines.deployed("shop") == []
    assert aws.secretsmanager.describe_secret(SecretId=SECRET)["Name"] == SECRET


def test_one_is_deleted_with_its_secret_and_again(aws: Aws, pipelines: Pipelines) -> None:
    deploy(aws, "pipeline-shop-main", template(), name="main")
    main = pipelines.find("shop", "main")
    wait_for_approval(aws, main.pipeline_name)
    execution = aws.codepipeline.list_pipeline_executions(pipelineName=main.pipeline_name)["pipelineExecutionSummaries"][0]
    aws.codepipeline.stop_pipeline_execution(
        pipelineName=main.pipeline_name, pipelineExecutionId=execution["pipelineExecutionId"], abandon=True
    )
    events: list[str] = []
    pipelines.delete(main, SECRET, lambda event: events.append(event.status))
    assert Stacks(aws).find(main.stack_name) is None
    assert aws.secretsmanager.list_secrets()["SecretList"] == []
    pipelines.delete(main, SECRET)
    with pytest.raises(NotFoundError, match="has no pipeline `main` in us-east-1"):
        pipelines.find("shop", "main")
