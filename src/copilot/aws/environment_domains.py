"""How the internet finds an environment's subdomain: the application's zone must name the servers of the environment's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.records import ApplicationRecord
from copilot.aws.stacks import Stack
from copilot.aws.templates.environment.domain import CERTIFICATE, NAME_SERVERS

_SECONDS = 60


def zone_of_application(aws: Aws, application: ApplicationRecord) -> str:
    """The ID of the zone of ``<application>.<domain>``, which the application's stack of roles made."""
    with explained():
        found = aws.cloudformation.describe_stack_resource(
            StackName=names.roles_stack(application.name), LogicalResourceId="AppHostedZone"
        )
    return found["StackResourceDetail"]["PhysicalResourceId"].removeprefix("/hostedzone/")


def is_delegated(template: Mapping[str, Any]) -> bool:
    """Whether the internet finds the subdomain of an environment with this template: else it had no certificate."""
    return CERTIFICATE in (template.get("Resources") or {})


def delegate(aws: Aws, application: ApplicationRecord, environment: str, stack: Stack) -> None:
    """Writes the name servers of an environment in another account into the application's zone. ``aws`` is the application's."""
    _change(aws, application, environment, "UPSERT", stack.outputs[NAME_SERVERS].split(","))


def withdraw(aws: Aws, application: ApplicationRecord, environment: str, stack: Stack) -> None:
    """Takes back what `delegate` wrote; does nothing if it did not, or somebody else took it back."""
    servers = stack.outputs.get(NAME_SERVERS)
    if servers is None:
        return
    zone, name = zone_of_application(aws, application), _name(application, environment)
    with explained():
        found = aws.route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, StartRecordType="NS", MaxItems="1"
        )["ResourceRecordSets"]
    if any((each["Name"], each["Type"]) == (name, "NS") for each in found):
        _change(aws, application, environment, "DELETE", [each["Value"] for each in found[0]["ResourceRecords"]])


def _change(aws: Aws, application: ApplicationRecord, environment: str, action: Any, servers: list[str]) -> None:
    record: Any = {
        "Name": _name(application, environment),
        "Type": "NS",
        "TTL": _SECONDS,
        "ResourceRecords": [{"Value": server} for server in servers],
    }
    batch: Any = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    with explained():
        aws.route53.change_resource_record_sets(HostedZoneId=zone_of_application(aws, application), ChangeBatch=batch)


def _name(application: ApplicationRecord, environment: str) -> str:
    return f"{environment}.{application.name}.{application.domain}."
