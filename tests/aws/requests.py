"""What is asked of AWS in this process, and as whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient


@dataclass(frozen=True)
class Request:
    """A request that was answered.

    Attributes:
        service: As boto3 calls it, such as ``ssm``.
        operation: Such as ``GetParameter``.
        region: Where.
        role: ARN of the role that it was made with; empty for the process's own identity.
        arguments: Of the operation.
    """

    service: str
    operation: str
    region: str
    role: str
    arguments: Mapping[str, Any] = field(hash=False)


@contextmanager
def recorded_requests() -> Iterator[list[Request]]:
    """Writes down each request of boto3 in this process, from any thread."""
    requests: list[Request] = []
    roles: dict[str, str] = {}
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]  # what all requests go through

    def recording(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        # Asking for the credentials may make a request, to take a role.
        key = self._request_signer._credentials.get_frozen_credentials().access_key
        answer = call(self, operation, arguments)
        service = self.meta.service_model.service_name
        requests.append(Request(service, operation, self.meta.region_name, roles.get(key, ""), arguments))
        if operation == "AssumeRole":
            roles[answer["Credentials"]["AccessKeyId"]] = arguments["RoleArn"]
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", recording)
        yield requests
