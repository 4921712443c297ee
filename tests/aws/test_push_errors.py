"""What ECR and Docker say when a push fails, as sentences."""

from __future__ import annotations

import pytest

from copilot.aws.push_errors import explain_push
from copilot.errors import BuildError, ConflictError, CopilotError, EngineUnavailableError, NotFoundError

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PUSH = f"The push refers to repository [{HOST}/shop/api]\n5f70bf18a086: Preparing\n"

IMMUTABLE = (
    "tag invalid: The image tag 'latest' already exists in the 'shop/api' repository and cannot be overwritten because "
    "the repository is immutable."
)

NOT_ALLOWED = (
    "denied: User: arn:aws:sts::1:assumed-role/build/x is not authorized to perform: ecr:InitiateLayerUpload "
    "on resource: arn:aws:ecr:eu-west-1:1:repository/shop/api because no identity-based policy allows it"
)


@pytest.mark.parametrize(
    ("output", "kind", "message", "hint"),
    [
        ("no basic auth credentials", EngineUnavailableError, "was sent no credentials", "Run this again"),
        (
            "denied: Your authorization token has expired. Reauthenticate and try again.",
            EngineUnavailableError,
            "does not accept the login",
            "Run this again",
        ),
        ("unauthorized: authentication required", EngineUnavailableError, "does not accept the login", "Run this again"),
        (
            "name unknown: The repository with name 'shop/api' does not exist in the registry with id '123456789012'",
            NotFoundError,
            "has no repository `shop/api`",
            "copilot svc init --name api",
        ),
        (
            IMMUTABLE,
            ConflictError,
            "has another image with this tag",
            "MUTABLE",
        ),
        (
            NOT_ALLOWED,
            EngineUnavailableError,
            "`arn:aws:sts::1:assumed-role/build/x` may not do `ecr:InitiateLayerUpload` on `shop/api`",
            "ask",
        ),
        (
            "denied: requested access to the resource is denied",
            EngineUnavailableError,
            "these AWS credentials may not push to `shop/api`",
            "permission",
        ),
        ("error parsing HTTP 403 response body: 403 Forbidden", EngineUnavailableError, "may not push", "permission"),
        ("write /var/lib/docker/tmp/x: no space left on device", BuildError, "cannot be pushed: the disk is full", "prune"),
        ("toomanyrequests: Rate exceeded", EngineUnavailableError, "too many requests", "minute"),
        (
            f"Get https://{HOST}/v2/: dial tcp: lookup {HOST} on 10.0.0.2:53: no such host",
            EngineUnavailableError,
            "cannot be reached: dial tcp: lookup",
            "network",
        ),
        (f'Put "https://{HOST}/v2/": net/http: TLS handshake timeout', EngineUnavailableError, "cannot be reached", "network"),
        (
            "read tcp 10.0.0.1:443: read: connection reset by peer",
            EngineUnavailableError,
            "cannot be reached: read tcp",
            "network",
        ),
        (
            "An image does not exist locally with the tag: x",
            BuildError,
            "is not on the container engine any more",
            "run this again",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x.sock.",
            EngineUnavailableError,
            "no container engine answers",
            "Start",
        ),
        ("something new.", BuildError, "did not take it: something new", None),
    ],
)
def test_failures_are_sentences(output: str, kind: type[CopilotError], message: str, hint: str | None) -> None:
    error = explain_push("api", f"{HOST}/shop/api", PUSH + output)
    assert type(error) is kind
    assert message in error.message
    assert not error.message.endswith(".")
    assert hint is None or hint.lower() in (error.hint or "").lower()
    if "engine answers" not in message:
        assert error.message.startswith("image of `api`")
        assert error.details[-1] == output
