"""Resources in moto's CloudFormation: those that it does not know, conditions that change, and functions that really run.

* A resource of a type that moto does not know is there, with a name and attributes, but does nothing.
* An update makes and deletes what conditions say, and keeps what moto cannot update as it was.
* Outputs whose condition does not hold are not exported.
* The function behind a custom resource is run, as a program of its own that talks to the emulator.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from moto import settings
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import custom_model, parsing
from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.ec2.models.vpcs import VPC

_REGIONAL = "arn:aws:{service}:{region}:{account}:{name}"
_PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import index
index.POLL = 0.2

class Context:
    log_group_name, log_stream_name = "/aws/lambda/emulated", "emulated"
    def get_remaining_time_in_millis(self):
        return 60_000

index.handler(json.load(sys.stdin), Context())
"""


class Unknown(CloudFormationModel):
    """A resource that is there, and no more."""

    def __init__(self, name: str, kind: str, account: str, region: str) -> None:
        self._name = name
        self._arn = _REGIONAL.format(service=kind.split("::")[1].lower(), region=region, account=account, name=name)

    @property
    def physical_resource_id(self) -> str:
        return self._name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "Unknown"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Unknown:
        return cls(resource_name, more["ResourceType"], account_id, region_name)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Any, *args: Any, **more: Any) -> Any:
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *args: Any, **more: Any) -> None:
        return

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        return self._arn if attribute_name.endswith("Arn") else f"{self._name}-{attribute_name}"


def _update(self: parsing.ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    before, given = self._resource_json_map, dict(self.resolved_parameters)
    there = [name for name in before if self._parsed_resources.get(name) is not None]
    self._template, self._resource_json_map = template, template["Resources"]
    if parameters:
        self.input_parameters = parameters
    self.load_mapping()
    self.load_parameters()
    self.load_conditions()
    changed = {name for name, value in self.resolved_parameters.items() if given.get(name) != value}
    wanted = [name for name, resource in self._resource_json_map.items() if _is_wanted(self, resource)]
    for name in reversed([name for name in there if name not in wanted]):
        self._delete_resource(self._parsed_resources.pop(name), before[name])
    for name in wanted:
        if name not in there:
            self._parsed_resources.pop(name, None)
            _ = self[name]
    for name in (name for name in wanted if name in there):
        refers = changed & set(parsing.get_references_from_template(self._resource_json_map[name]))
        if before[name] != self._resource_json_map[name] or refers:
            kept = self._parsed_resources[name]
            updated: Any = parsing.parse_and_update_resource(
                name, self._resource_json_map[name], self, account_id=self._account_id, region_name=self._region_name
            )
            self._parsed_resources[name] = updated or kept


def _exports(self: parsing.OutputMap) -> list[parsing.Export]:
    """Only of outputs that are there: moto exports all."""
    outputs = self._output_json_map.values() if self.outputs else ()
    there = [value for value in outputs if "Export" in value and _is_wanted(self._resource_map, value)]
    clean = [parsing.clean_json({"name": v["Export"]["Name"], "value": v["Value"]}, self._resource_map) for v in there]
    return [parsing.Export(self._stack_id, each["name"], each["value"]) for each in clean]


def _is_wanted(self: parsing.ResourceMap, resource: dict[str, Any]) -> bool:
    condition = resource.get("Condition")
    return condition is None or bool(self.lazy_condition_map[condition])


def _delete_vpc(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str) -> None:
    """With the route tables in it, which moto's CloudFormation leaves behind."""
    backend = ec2_backends[account_id][region_name]
    for table in backend.describe_route_tables(filters={"vpc-id": resource_name}):
        if not table.main_association_id:
            backend.route_tables.pop(table.id)
    backend.delete_vpc(resource_name)


def _invoke(self: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
    """Run the function's own code; what it is asked for and how it answers is CloudFormation's affair."""
    host = f"{settings.moto_server_host()}:{settings.moto_server_port()}"
    with tempfile.TemporaryDirectory() as folder:
        code: Any = self.code_bytes
        with zipfile.ZipFile(io.BytesIO(code)) as packed:
            packed.extractall(folder)
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM, folder],
            input=json.dumps(event).encode(),
            capture_output=True,
            check=False,
            env={
                "AWS_ENDPOINT_URL": host,
                "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
                "AWS_SECRET_ACCESS_KEY": "not-a-secret",
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "AWS_EC2_METADATA_DISABLED": "true",
                "HOME": str(Path(folder)),
            },
        )
    if ended.returncode:
        sys.stderr.buffer.write(ended.stderr)
    return "{}", bool(ended.returncode), ended.stderr.decode()


def mend() -> None:
    """Let stacks have every resource, and custom resources their functions."""
    known = parsing.resource_class_from_type

    def class_of(kind: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Any = known(kind)
        return found or Unknown

    setattr(parsing, "resource_class_from_type", class_of)  # noqa: B010 - the type checker lets no function be assigned
    setattr(parsing.ResourceMap, "update", _update)  # noqa: B010 - likewise
    setattr(parsing.OutputMap, "exports", property(_exports))  # noqa: B010 - likewise
    setattr(VPC, "delete_from_cloudformation_json", classmethod(_delete_vpc))  # noqa: B010 - likewise
    setattr(LambdaFunction, "_invoke_lambda", _invoke)  # noqa: B010 - likewise
    keep = classmethod(lambda _, original_resource, **more: original_resource)
    setattr(custom_model.CustomModel, "update_from_cloudformation_json", keep)  # noqa: B010 - likewise
    setattr(custom_model.CustomModel, "delete_from_cloudformation_json", classmethod(lambda *_, **__: None))  # noqa: B010 - likewise
