"""Connections to providers of git repositories: moto has none.

A new one is PENDING until a person allows it: ``POST /moto-api/connections/<name>`` does, or ``?status=ERROR`` does not.
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse
from uuid import uuid4

from moto import backend_index, backends
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.moto_api._internal import urls as control_urls

_PAGE = 100


class ResourceNotFoundError(ServiceException):
    code = "ResourceNotFoundException"


class Connection(CloudFormationModel):
    """A connection."""

    def __init__(self, account: str, region: str, name: str, provider: str, service: str = "codestar-connections") -> None:
        self.account, self.region, self.name, self.provider, self.status = account, region, name, provider, "PENDING"
        self.arn = f"arn:aws:{service}:{region}:{account}:connection/{uuid4()}"

    def described(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "ConnectionName": self.name,
            "ConnectionArn": self.arn,
            "ProviderType": self.provider,
            "OwnerAccountId": self.account,
            "ConnectionStatus": self.status,
        }

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    def is_created(self) -> bool:
        return True

    @staticmethod
    def cloudformation_name_type() -> str:
        return "ConnectionName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CodeStarConnections::Connection"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in {"ConnectionArn", "ConnectionStatus", "OwnerAccountId"}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return str(self.described()[attribute_name])

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Connection:
        backend = connections_backends[account_id][region_name]
        return backend.create(resource_name, cloudformation_json["Properties"]["ProviderType"], "codestar-connections")

    @classmethod
    def update_from_cloudformation_json(
        cls, /, original_resource: Connection, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Connection:
        provider = cloudformation_json["Properties"]["ProviderType"]
        if (original_resource.name, original_resource.provider) == (new_resource_name, provider):
            return original_resource
        # All its properties are create-only.
        cls.delete_from_cloudformation_json(original_resource.arn, cloudformation_json, account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        del cloudformation_json
        connections_backends[account_id][region_name].connections.pop(resource_name, None)


class ConnectionsBackend(BaseBackend):
    """The connections of a region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.connections: dict[str, Connection] = {}

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(url_bases=[], url_paths={"{0}/$": ConnectionsResponse.dispatch})

    def create(self, name: str, provider: str, service: str) -> Connection:
        """A new one."""
        connection = Connection(self.account_id, self.region_name, name, provider, service)
        self.connections[connection.arn] = connection
        return connection


connections_backends = BackendDict(ConnectionsBackend, "codeconnections", additional_regions=["us-east-1"])


def connection_of(arn: str) -> Connection | None:
    """The connection of an ARN."""
    region, account = arn.split(":")[3:5]
    return connections_backends[account][region].connections.get(arn)


class ConnectionsResponse(BaseResponse):
    """The API of AWS CodeConnections."""

    def __init__(self) -> None:
        super().__init__(service_name="codeconnections")

    @property
    def _backend(self) -> ConnectionsBackend:
        return connections_backends[self.current_account][self.region]

    def _found(self) -> Connection:
        arn = self._get_param("ConnectionArn")
        if arn not in self._backend.connections:
            raise ResourceNotFoundError(f"Connection not found: {arn}")
        return self._backend.connections[arn]

    def list_connections(self) -> ActionResult:
        begin, size = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or _PAGE)
        provider = self._get_param("ProviderTypeFilter")
        found = [each for each in self._backend.connections.values() if provider in {None, each.provider}]
        answer: dict[str, Any] = {"Connections": [each.described() for each in found[begin : begin + size]]}
        if begin + size < len(found):
            answer["NextToken"] = str(begin + size)
        return ActionResult(answer)

    def get_connection(self) -> ActionResult:
        return ActionResult({"Connection": self._found().described()})

    def create_connection(self) -> ActionResult:
        made = self._backend.create(self._get_param("ConnectionName"), self._get_param("ProviderType"), "codeconnections")
        return ActionResult({"ConnectionArn": made.arn})

    def delete_connection(self) -> EmptyResult:
        self._backend.connections.pop(self._found().arn)
        return EmptyResult()


def decide_connection(request: Any, full_url: str, headers: Any) -> tuple[int, dict[str, str], str]:
    """What a person does in the console."""
    del request, headers
    parsed = urlparse(full_url)
    name = unquote(parsed.path.rpartition("/")[2])
    status = parse_qs(parsed.query).get("status", ["AVAILABLE"])[0]
    backends_there: list[Any] = [backend for _, _, backend in connections_backends.iter_backends()]
    found = [each for backend in backends_there for each in backend.connections.values() if each.name == name]
    for connection in found:
        connection.status = status
    return (200 if found else 404), {}, json.dumps([connection.described() for connection in found])


def mend() -> None:
    """Let moto have the service."""
    backend_index.backend_url_patterns.append(("codeconnections", re.compile(r"https?://codeconnections\.(.+)\.amazonaws\.com")))
    known: Any = backends.get_backend
    setattr(  # noqa: B010 - the type checker lets no function be assigned
        backends, "get_backend", lambda name: connections_backends if name == "codeconnections" else known(name)
    )
    control_urls.url_paths["{0}/moto-api/connections/(?P<name>[^/]+)$"] = decide_connection
