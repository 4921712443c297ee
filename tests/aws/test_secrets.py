from __future__ import annotations

import pytest

from copilot.aws.client import Aws
from copilot.aws.secrets import ManagedSecret, ManagedSecrets, Secrets
from copilot.errors import ConflictError, NotFoundError

NAME = "/copilot/shop/test/secrets/DB_PASSWORD"


@pytest.fixture
def secrets(aws: Aws) -> Secrets:
    regions = {"test": "us-east-1", "prod": "eu-west-1"}
    return Secrets(aws, lambda _, environment: aws.in_region(regions[environment]), lambda _: regions)


def test_a_secret_of_an_environment_is_an_encrypted_parameter_in_its_region(aws: Aws, secrets: Secrets) -> None:
    secrets.put("/copilot/shop/prod/secrets/DB_PASSWORD", "hunter2", overwrite=False)
    other = aws.in_region("eu-west-1").ssm
    found = other.get_parameter(Name="/copilot/shop/prod/secrets/DB_PASSWORD", WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Type"]) == ("hunter2", "SecureString")
    tags = other.list_tags_for_resource(ResourceType="Parameter", ResourceId="/copilot/shop/prod/secrets/DB_PASSWORD")["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"copilot-application": "shop", "copilot-environment": "prod"}


def test_it_is_replaced_only_when_told(aws: Aws, secrets: Secrets) -> None:
    secrets.put(NAME, "one", overwrite=False)
    with pytest.raises(ConflictError, match="there is a secret"):
        secrets.put(NAME, "two", overwrite=False)
    secrets.put(NAME, "two", overwrite=True)
    assert aws.ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"] == "two"


def test_names_of_all_environments(secrets: Secrets) -> None:
    secrets.put(NAME, "one", overwrite=False)
    secrets.put("/copilot/shop/prod/secrets/API_KEY", "two", overwrite=False)
    assert secrets.names("/copilot/shop/") == ["/copilot/shop/prod/secrets/API_KEY", NAME]
    assert secrets.names("/copilot/shop/test/") == [NAME]


def test_a_token_is_in_secrets_manager_as_it_is(aws: Aws, secrets: Secrets) -> None:
    secrets.put("github-token-shop-web", "ghp_1", overwrite=False)
    with pytest.raises(ConflictError):
        secrets.put("github-token-shop-web", "ghp_2", overwrite=False)
    secrets.put("github-token-shop-web", "ghp_2", overwrite=True)
    assert aws.secretsmanager.get_secret_value(SecretId="github-token-shop-web")["SecretString"] == "ghp_2"
    assert secrets.names("github-token-") == ["github-token-shop-web"]
    secrets.delete("github-token-shop-web")
    assert secrets.names("") == []


@pytest.mark.parametrize("name", [NAME, "github-token-shop-web"])
def test_one_that_is_not_there(secrets: Secrets, name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no secret"):
        secrets.delete(name)


def test_a_token_belongs_to_its_application(aws: Aws) -> None:
    secrets = ManagedSecrets(aws)
    assert secrets.find("github-token-shop-web") is None
    secrets.put("github-token-shop-web", "ghp_1", overwrite=False, application="shop")
    assert secrets.find("github-token-shop-web") == ManagedSecret("github-token-shop-web", "shop", deleted=False)
    aws.secretsmanager.create_secret(Name="github-token-shop-api", SecretString="ghp_1")
    secrets.put("github-token-shop-api", "ghp_2", overwrite=True, application="shop")
    assert secrets.find("github-token-shop-api") == ManagedSecret("github-token-shop-api", "shop", deleted=False)


@pytest.mark.parametrize("overwrite", [True, False])
def test_one_that_is_scheduled_for_deletion_is_restored(aws: Aws, overwrite: bool) -> None:
    secrets = ManagedSecrets(aws)
    secrets.put("github-token-shop-web", "ghp_1", overwrite=False)
    aws.secretsmanager.delete_secret(SecretId="github-token-shop-web")
    found = secrets.find("github-token-shop-web")
    assert found is not None
    assert found.deleted
    secrets.put("github-token-shop-web", "ghp_2", overwrite=overwrite, application="shop")
    assert secrets.find("github-token-shop-web") == ManagedSecret("github-token-shop-web", "shop", deleted=False)
    assert aws.secretsmanager.get_secret_value(SecretId="github-token-shop-web")["SecretString"] == "ghp_2"
