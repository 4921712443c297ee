"""The emulator of AWS, for whole deployments of workloads: ``from tests.docs.account import run; run()``.

moto looks at the names of modules, so this one cannot be run by itself. What moto leaves out: ``AWS::NoValue`` in a list is
nothing, a stack inside of a stack has outputs, and a custom resource is what its function answers, when it is made, changed and
deleted.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from moto import settings
from moto.awslambda.utils import get_backend
from moto.cloudformation import models, parsing
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.exceptions import ValidationError
from moto.server import main

from tests.aws import emulated_resources, emulated_stack_sets, emulator

_clean = parsing.clean_json


def _clean_json(node: Any, resources: parsing.ResourceMap) -> Any:
    if isinstance(node, list):
        return [value for value in (_clean_json(each, resources) for each in node) if value is not None]
    if isinstance(node, dict) and isinstance(node.get("Fn::GetAtt"), list):
        logical_id, *attribute = node["Fn::GetAtt"]
        node = {"Fn::GetAtt": [logical_id, ".".join(attribute)]}
    return _clean(node, resources)


@contextmanager
def _answers() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A URL, and what is put there."""
    found: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", found
        finally:
            server.shutdown()
            thread.join()


class Custom(CustomModel):
    """A custom resource."""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Custom:
        made = cls(region_name, str(uuid4()), more["LogicalId"], resource_name)
        made.where, made.stack_id = (account_id, region_name), more["StackId"]
        made.ask("Create", cloudformation_json["Properties"])
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Custom, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Custom:
        original_resource.ask("Update", cloudformation_json["Properties"])
        return original_resource

    def delete(self, *_: object) -> None:
        self.ask("Delete", self.properties)

    where: tuple[str, str]
    stack_id: str
    properties: dict[str, Any]

    def ask(self, kind: str, properties: dict[str, Any]) -> None:
        self.properties = properties
        event = {
            "RequestType": kind,
            "StackId": self.stack_id,
            "RequestId": str(uuid4()),
            "LogicalResourceId": self.logical_id,
            "ResourceProperties": properties,
        }
        function = get_backend(*self.where).get_function(properties["ServiceToken"])
        with _answers() as (url, answers):
            function.invoke(json.dumps({**event, "ResponseURL": url}), {}, {})
        if not answers or answers[0]["Status"] != "SUCCESS":
            raise ValidationError(message=answers[0]["Reason"] if answers else "the function gave no answer")
        self.resource_name = answers[0]["PhysicalResourceId"]
        self.set_data(answers[0].get("Data", {}))


def _output(self: models.Stack, attribute: str) -> Any:
    return {each["OutputKey"]: each["OutputValue"] for each in self.outputs or ()}[attribute.removeprefix("Outputs.")]


def mend() -> None:
    """Let workloads be deployed."""
    setattr(parsing, "clean_json", _clean_json)  # noqa: B010 - the type checker lets no function be assigned
    setattr(parsing, "CustomModel", Custom)  # noqa: B010 - likewise
    setattr(models.Stack, "get_cfn_attribute", _output)  # noqa: B010 - likewise
    setattr(settings, "moto_server_host", lambda: "http://127.0.0.1")  # noqa: B010 - likewise


def run() -> None:
    """Serve, as ``python -m moto.server`` does."""
    emulator.mend()
    emulated_resources.mend()
    emulated_stack_sets.mend()
    mend()
    main()
