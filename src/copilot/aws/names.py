"""The names AWS Copilot gives to what it makes on AWS. They never change: an existing application depends on each of them."""

from __future__ import annotations

import re

APPLICATION_TAG = "copilot-application"
ENVIRONMENT_TAG = "copilot-environment"
SERVICE_TAG = "copilot-service"
PIPELINE_TAG = "copilot-pipeline"

LATEST = "latest"
"""The tag of an image that moves with each build."""

_APPLICATIONS = "/copilot/applications"


def applications_path() -> str:
    """Where the parameters of all applications are."""
    return f"{_APPLICATIONS}/"


def application_parameter(application: str) -> str:
    """The parameter that holds an application."""
    return f"{_APPLICATIONS}/{application}"


def environments_path(application: str) -> str:
    """Where the parameters of its environments are."""
    return f"{_APPLICATIONS}/{application}/environments/"


def environment_parameter(application: str, environment: str) -> str:
    """The parameter that holds an environment."""
    return environments_path(application) + environment


def workloads_path(application: str) -> str:
    """Where the parameters of its workloads are."""
    return f"{_APPLICATIONS}/{application}/components/"


def workload_parameter(application: str, workload: str) -> str:
    """The parameter that holds a workload."""
    return workloads_path(application) + workload


def rules_path(application: str) -> str:
    """Where the application's places for listener rules are claimed. Ours: AWS Copilot does not look here."""
    return f"{_APPLICATIONS}/{application}/listener-rules/"


def secret_parameter(application: str, environment: str, secret: str) -> str:
    """The parameter that holds a secret of one environment (``secret init``)."""
    return f"/copilot/{application}/{environment}/secrets/{secret}"


def github_token_secret(application: str, repository: str) -> str:
    """The secret that holds a GitHub personal access token; ``repository`` is its name without the owner."""
    return f"github-token-{application}-{repository}"


def roles_stack(application: str) -> str:
    """The stack of the roles that the application's StackSet works with."""
    return f"{application}-infrastructure-roles"


def stack_set(application: str) -> str:
    """The StackSet of what an application needs in each region."""
    return f"{application}-infrastructure"


def artifact_key_export(application: str) -> str:
    """The name under which the StackSet's stack in each region exports the key that artifacts are encrypted with."""
    return f"{application}-ArtifactKey"


def administration_role(application: str) -> str:
    """The role that CloudFormation takes to work on the StackSet."""
    return f"{application}-adminrole"


def execution_role(application: str) -> str:
    """The role that makes the StackSet's resources in an account."""
    return f"{application}-executionrole"


def dns_delegation_role(application: str) -> str:
    """The role by which the accounts of environments give their subdomains a place in the application's domain."""
    return f"{application}-DNSDelegationRole"


def environment_stack(application: str, environment: str) -> str:
    """The stack of an environment."""
    return f"{application}-{environment}"


def environment_manager_role(application: str, environment: str) -> str:
    """The role that people and pipelines take to work on an environment."""
    return f"{application}-{environment}-EnvManagerRole"


def cloudformation_execution_role(application: str, environment: str) -> str:
    """The role that CloudFormation has when it makes what belongs to an environment."""
    return f"{application}-{environment}-CFNExecutionRole"


def environment_export(application: str, environment: str, value: str) -> str:
    """The name under which an environment's stack exports a value, such as ``VpcId``."""
    return f"{application}-{environment}-{value}"


def workload_stack(application: str, environment: str, workload: str) -> str:
    """The stack of a workload in an environment."""
    return f"{application}-{environment}-{workload}"


def pipeline_stack(application: str, pipeline: str) -> str:
    """The stack of a pipeline, but for those of the oldest layout."""
    return f"pipeline-{application}-{pipeline}"


def repository(application: str, workload: str) -> str:
    """The ECR repository of a workload's images."""
    return f"{application}/{workload}"


def repository_output(workload: str) -> str:
    """Logical ID, and name of the output, of a workload's repository in the application's StackSet."""
    return f"ECRRepo{logical_id(workload)}"


def logical_id(name: str) -> str:
    """A name as part of a logical ID, such that two names stay different: ``-`` is written ``DASH``."""
    return name.replace("-", "DASH")


def alphanumeric(text: str) -> str:
    """Text with everything but ASCII letters and digits left out, as part of a logical ID."""
    return re.sub(r"[^A-Za-z0-9]", "", text)


def log_group(application: str, environment: str, workload: str) -> str:
    """The log group of a workload in an environment."""
    return f"/copilot/{application}-{environment}-{workload}"


def console_host(region: str) -> str:
    """The domain of the console of a region's partition."""
    others = {"cn": "amazonaws.cn", "us-gov": "amazonaws-us-gov.com"}
    return next((host for prefix, host in others.items() if region.startswith(f"{prefix}-")), "aws.amazon.com")
