from __future__ import annotations

from dataclasses import replace

from copilot.aws.templates.reading import read_template
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    FACTS,
    WEB,
    WORKER,
    properties_of,
    resources_of,
    stack_of,
)

NO_PORT = "name: api\ntype: Backend Service\nimage: {location: nginx}\n"


def test_a_service_is_found_by_its_name() -> None:
    found = properties_of("DiscoveryService", WEB, "http: {path: /}")
    assert found["Name"] == {"Ref": "WorkloadName"}
    assert found["NamespaceId"] == {"Fn::ImportValue": "my-app-test-ServiceDiscoveryNamespaceID"}
    assert found["DnsConfig"] == {
        "RoutingPolicy": "MULTIVALUE",
        "DnsRecords": [{"Type": "A", "TTL": 10}, {"Type": "SRV", "TTL": 10}],
    }
    assert found["HealthCheckCustomConfig"] == {"FailureThreshold": 1}


def test_the_entry_is_exported() -> None:
    output = read_template(stack_of(BACKEND))["Outputs"]["DiscoveryServiceARN"]
    assert output["Value"] == {"Fn::GetAtt": ["DiscoveryService", "Arn"]}
    assert output["Export"] == {"Name": {"Fn::Sub": "${AWS::StackName}-DiscoveryServiceARN"}}


def test_tasks_are_registered_with_their_port() -> None:
    registries = properties_of("Service", BACKEND)["ServiceRegistries"]
    assert registries == [{"RegistryArn": {"Fn::GetAtt": ["DiscoveryService", "Arn"]}, "Port": {"Ref": "TargetPort"}}]


def test_without_a_port_nothing_is_registered() -> None:
    resources = resources_of(NO_PORT)
    assert "ServiceRegistries" not in resources["Service"]["Properties"]
    assert "DiscoveryService" in resources


def test_nothing_connects_to_a_worker() -> None:
    assert "DiscoveryService" not in resources_of(WORKER)
    assert "Outputs" not in read_template(stack_of(WORKER))


def test_service_connect_is_off_by_default() -> None:
    assert properties_of("Service", BACKEND)["ServiceConnectConfiguration"] == {"Enabled": False}


def test_gov_cloud_knows_no_service_connect() -> None:
    facts = replace(FACTS, partition="aws-us-gov", region="us-gov-west-1")
    assert "ServiceConnectConfiguration" not in properties_of("Service", BACKEND, "", facts)


def test_service_connect() -> None:
    connected = properties_of("Service", BACKEND, "network: {connect: true}")["ServiceConnectConfiguration"]
    assert connected["Enabled"] is True
    assert connected["Namespace"] == "test.my-app.local"
    assert connected["LogConfiguration"]["LogDriver"] == "awslogs"
    assert connected["LogConfiguration"]["Options"]["awslogs-group"] == {"Ref": "LogGroup"}
    assert connected["Services"] == [
        {
            "PortName": "target",
            "DiscoveryName": {"Fn::Join": ["-", [{"Ref": "WorkloadName"}, "sc"]]},
            "ClientAliases": [{"Port": {"Ref": "TargetPort"}, "DnsName": {"Ref": "WorkloadName"}}],
        }
    ]


def test_service_connect_by_another_name() -> None:
    connected = properties_of("Service", BACKEND, "network: {connect: {alias: cart}}")["ServiceConnectConfiguration"]
    assert connected["Services"][0]["ClientAliases"][0]["DnsName"] == "cart"


def test_a_worker_reaches_others_through_service_connect() -> None:
    connected = properties_of("Service", WORKER, "network: {connect: true}")["ServiceConnectConfiguration"]
    assert connected["Enabled"] is True
    assert "Services" not in connected
    assert "Services" not in properties_of("Service", NO_PORT, "network: {connect: true}")["ServiceConnectConfiguration"]
