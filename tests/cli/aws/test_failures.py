"""Deployments that fail: CloudFormation answers with what was recorded, everything else is the emulator's."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.client import connect
from copilot.aws.services import Services
from copilot.aws.stack_values import StackRequest
from copilot.aws.stacks import Stacks
from copilot.cli.aws._stacks import Wish, change_stack
from copilot.cli.aws.deploy import why_it_failed
from copilot.errors import DeploymentError
from tests.aws.recorded import Happening, change_set, own, recorded, stack

_NAME = "shop-test-web"


def test_a_service_that_does_not_come_up_says_why_its_tasks_stopped(
    aws_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del aws_environment
    with recorded() as cloudformation:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url)
        aws = connect()
        ecs = aws.ecs
        cluster = ecs.create_cluster(clusterName="shop-test")["cluster"]["clusterArn"]
        ecs.register_task_definition(family=_NAME, containerDefinitions=[{"name": "web", "image": "nginx", "memory": 128}])
        service = ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=_NAME, desiredCount=1)["service"]
        subnet = aws.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        network: Any = {"awsvpcConfiguration": {"subnets": [subnet]}}
        started = ecs.run_task(cluster=cluster, taskDefinition=_NAME, launchType="FARGATE", networkConfiguration=network)
        task = started["tasks"][0]["taskArn"]
        ecs.stop_task(cluster=cluster, task=task, reason="CannotPullContainerError: nginx:none not found")

        resource = {"PhysicalResourceId": service["serviceArn"], "LogicalResourceId": "Service"}
        cloudformation.on("DescribeStackResource", {"StackResourceDetail": resource})
        cloudformation.on("CreateChangeSet", {"Id": "arn:change-set", "StackId": own(_NAME, "").physical_id})
        cloudformation.on("DescribeStacks", stack(_NAME, "UPDATE_COMPLETE"), stack(_NAME, "UPDATE_ROLLBACK_COMPLETE"))
        cloudformation.on("DescribeChangeSet", change_set())
        cloudformation.on("GetTemplate", {"TemplateBody": "Resources: {}"})
        reason = "ECS Deployment Circuit Breaker was triggered."
        cloudformation.happens(
            _NAME,
            [own(_NAME, "UPDATE_COMPLETE", 1)],
            [own(_NAME, "UPDATE_IN_PROGRESS", 10), Happening("Service", "UPDATE_FAILED", 20, reason)],
            [own(_NAME, "UPDATE_ROLLBACK_COMPLETE", 30)],
        )
        explain = why_it_failed(Services(aws, "shop", "test"), "web")
        with pytest.raises(DeploymentError) as caught:
            change_stack(Stacks(aws, pause=0.01), StackRequest(_NAME, "Resources: {}"), Wish(), explain=explain)
        aws.cloudformation.close()
    error = caught.value
    assert "ECS Deployment Circuit Breaker was triggered" in error.message
    task_id = task.rpartition("/")[2]
    assert f"task {task_id[:8]}: CannotPullContainerError: nginx:none not found" in error.details
