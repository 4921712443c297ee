"""What workloads' stacks need, in moto's CloudFormation.

There, elements of lists that are not to be there are null; the stack inside of a stack that addons are in has no outputs; and
nothing waits for the function behind a custom resource, which is asked in one region only, and not at all when the resource is
changed or deleted.
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
from moto.awslambda.models import lambda_backends
from moto.cloudformation import models, parsing
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.exceptions import ValidationError

_clean = parsing.clean_json


def _evaluated(resource_json: Any, resources_map: Any) -> Any:
    """A template's functions, evaluated; ``AWS::NoValue`` is left out of lists, too, and attributes may have dots."""
    if isinstance(resource_json, dict) and isinstance(resource_json.get("Fn::GetAtt"), list):
        logical_id, *attribute = resource_json["Fn::GetAtt"]
        resource_json = {"Fn::GetAtt": [logical_id, ".".join(attribute)]}
    cleaned = _clean(resource_json, resources_map)
    return [each for each in cleaned if each is not None] if isinstance(cleaned, list) else cleaned


def _output(self: models.Stack, attribute: str) -> Any:
    return {each["OutputKey"]: each["OutputValue"] for each in self.outputs or ()}[attribute.removeprefix("Outputs.")]


def _ask(made: Any, request: str, properties: Any, account_id: str) -> None:
    """Have the function behind a custom resource do something, and wait for its answer."""
    function = lambda_backends[account_id][made.region_name].get_function(properties["ServiceToken"])
    with _answers() as (url, answers):
        event = {
            "RequestType": request,
            "ResponseURL": url,
            "StackId": made.stack_id,
            "RequestId": made.request_id,
            "LogicalResourceId": made.logical_id,
            "PhysicalResourceId": made.resource_name,
            "ResourceType": "Custom::Emulated",
            "ResourceProperties": properties,
        }
        function.invoke(json.dumps(event), {}, {})
    answer = answers[-1] if answers else {"Status": "FAILED", "Reason": "the function did not answer"}
    if answer["Status"] != "SUCCESS":
        raise ValidationError(made.stack_id, message=f"{made.logical_id}: {answer['Reason']}")
    made.properties = properties
    made.set_data(answer.get("Data", {}))


@contextmanager
def _answers() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A URL, and what is put there."""
    found: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", found
        finally:
            server.shutdown()
            thread.join()


def _created(
    cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
) -> CustomModel:
    made: Any = cls(region_name, str(uuid4()), more["LogicalId"], resource_name)
    made.stack_id = more["StackId"]
    _ask(made, "Create", cloudformation_json["Properties"], account_id)
    return made  # type: ignore[no-any-return]  # it has an attribute more


def _updated(cls: Any, /, original_resource: Any, cloudformation_json: Any, account_id: str, **more: Any) -> CustomModel:
    del cls, more
    _ask(original_resource, "Update", cloudformation_json["Properties"], account_id)
    return original_resource  # type: ignore[no-any-return]  # as above


def _deleted(self: Any, account_id: str, region_name: str) -> None:
    """What moto calls before anything else."""
    del region_name
    _ask(self, "Delete", self.properties, account_id)


_delete: Any = parsing.ResourceMap.delete


def _delete_in_order(self: parsing.ResourceMap) -> None:
    """Custom resources first: moto may delete the function behind one before it."""
    for name in [name for name, resource in self._parsed_resources.items() if isinstance(resource, CustomModel)]:
        self._delete_resource(self._parsed_resources.pop(name), self._resource_json_map[name])
    _delete(self)


def mend() -> None:
    """Let moto make workloads."""
    setattr(settings, "moto_server_host", lambda: "http://127.0.0.1")  # noqa: B010 - the type checker lets no function be assigned
    setattr(parsing, "clean_json", _evaluated)  # noqa: B010 - likewise
    setattr(models.Stack, "get_cfn_attribute", _output)  # noqa: B010 - likewise
    setattr(CustomModel, "create_from_cloudformation_json", classmethod(_created))  # noqa: B010 - likewise
    setattr(CustomModel, "update_from_cloudformation_json", classmethod(_updated))  # noqa: B010 - likewise
    setattr(CustomModel, "delete", _deleted)  # noqa: B010 - likewise
    setattr(parsing.ResourceMap, "delete", _delete_in_order)  # noqa: B010 - likewise
