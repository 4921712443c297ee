from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.workload.stack import workload_stack
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    OF_AWS_COPILOT,
    WEB,
    WITH_CERTIFICATES,
    WITH_DOMAIN,
    properties_of,
    resources_of,
    settings_of,
    stack_of,
)

ROOT = "http: {path: /}"
SUBDOMAIN_HOST = {"Fn::Join": [".", [{"Ref": "WorkloadName"}, {"Fn::ImportValue": "my-app-test-SubDomain"}]]}
REDIRECTION = {
    "Type": "redirect",
    "RedirectConfig": {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    },
}
FORWARDING = {"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}


def of_controller(output: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": ["EnvControllerAction", output]}


def condition(resources: dict[str, Any], rule: str, field: str) -> Any:
    found = [each for each in resources[rule]["Properties"]["Conditions"] if each["Field"] == field]
    if not found:
        return None
    ((_, config),) = ((key, value) for key, value in found[0].items() if key != "Field")
    return config["Values"]


def test_a_target_group() -> None:
    assert properties_of("TargetGroup", WEB, ROOT) == {
        "HealthCheckPath": "/",
        "Port": 4000,
        "Protocol": "HTTP",
        "TargetGroupAttributes": [
            {"Key": "deregistration_delay.timeout_seconds", "Value": "60"},
            {"Key": "stickiness.enabled", "Value": "false"},
        ],
        "TargetType": "ip",
        "VpcId": {"Fn::ImportValue": "my-app-test-VpcId"},
    }


def test_health_checks() -> None:
    limits = "healthy_threshold: 3, unhealthy_threshold: 4, interval: 15s, timeout: 10s"
    check = f"{{path: /health, port: 8081, success_codes: '200,301', {limits}}}"
    group = properties_of("TargetGroup", WEB, f"http: {{path: /, healthcheck: {check}}}")
    assert (group["HealthCheckPath"], group["HealthCheckPort"], group["Matcher"]) == ("/health", "8081", {"HttpCode": "200,301"})
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (3, 4)
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]) == (15, 10)
    assert properties_of("TargetGroup", WEB, "http: {path: /, healthcheck: /up}")["HealthCheckPath"] == "/up"


@pytest.mark.parametrize(
    ("port", "check", "protocol", "checked"),
    [(4000, "", "HTTP", None), (4000, "443", "HTTP", "HTTPS"), (443, "", "HTTPS", "HTTPS"), (443, "8080", "HTTPS", "HTTP")],
)
def test_tasks_that_speak_https(port: int, check: str, protocol: str, checked: str | None) -> None:
    rule = f"healthcheck: {{port: {check}}}" if check else "healthcheck: /"
    group = properties_of("TargetGroup", WEB, f"http: {{path: /, target_port: {port}, {rule}}}")
    assert (group["Protocol"], group.get("HealthCheckProtocol")) == (protocol, checked)


def test_stickiness_and_deregistration_delay() -> None:
    attributes = properties_of("TargetGroup", WEB, "http: {path: /, stickiness: true, deregistration_delay: 5s}")[
        "TargetGroupAttributes"
    ]
    assert [each["Value"] for each in attributes] == ["5", "true"]


@pytest.mark.parametrize(("version", "written"), [("grpc", "GRPC"), ("HTTP2", "HTTP2"), ("http1", "HTTP1")])
def test_protocol_versions(version: str, written: str) -> None:
    group = properties_of("TargetGroup", WEB, f"http: {{path: /, version: {version}}}", WITH_DOMAIN)
    assert group["ProtocolVersion"] == written


def test_status_codes_of_grpc() -> None:
    more = "http: {path: /, version: grpc, healthcheck: {path: /health.v1, success_codes: 0-12}}"
    assert properties_of("TargetGroup", WEB, more, WITH_DOMAIN)["Matcher"] == {"GrpcCode": "0-12"}


def test_over_http() -> None:
    resources = resources_of(WEB, ROOT)
    rule = resources["HTTPListenerRule"]["Properties"]
    assert rule["ListenerArn"] == of_controller("HTTPListenerArn")
    assert rule["Actions"] == [FORWARDING]
    assert rule["Priority"] == 44500
    assert [each["Field"] for each in rule["Conditions"]] == ["path-pattern"]
    assert resources["Service"]["DependsOn"] == ["HTTPListenerRule"]
    assert not [name for name in resources if "Priority" in name or "DNSAlias" in name or "HTTPS" in name]


def test_the_main_path_is_a_parameter() -> None:
    stack = workload_stack(settings_of(WEB, "http: {path: /api/v1/}"))
    assert stack.parameters["RulePath"] == "/api/v1"
    resources = resources_of(WEB, "http: {path: /api/v1/}")
    assert condition(resources, "HTTPListenerRule", "path-pattern") == {
        "Fn::If": ["IsDefaultRootPath", ["/*"], [{"Fn::Sub": "${RulePath}"}, {"Fn::Sub": "${RulePath}/*"}]]
    }
    relative = condition(resources_of(WEB, "http: {path: api}"), "HTTPListenerRule", "path-pattern")
    assert relative["Fn::If"][2] == [{"Fn::Sub": "/${RulePath}"}, {"Fn::Sub": "/${RulePath}/*"}]


def test_additional_rules() -> None:
    more = "http: {path: /, additional_rules: [{path: admin, target_port: 4001, stickiness: true}, {path: /}]}"
    resources = resources_of(WEB, more)
    assert condition(resources, "HTTPListenerRule1", "path-pattern") == ["/admin", "/admin/*"]
    assert condition(resources, "HTTPListenerRule2", "path-pattern") == ["/*"]
    assert resources["TargetGroup1"]["Properties"]["Port"] == 4001
    assert resources["TargetGroup2"]["Properties"]["Port"] == 4000
    priorities = [resources[f"HTTPListenerRule{suffix}"]["Properties"]["Priority"] for suffix in ("", 1, 2)]
    assert priorities == [44500, 41601, 44502]
    assert resources["Service"]["DependsOn"] == ["HTTPListenerRule", "HTTPListenerRule1", "HTTPListenerRule2"]
    assert resources["Service"]["Properties"]["LoadBalancers"] == [
        {
            "ContainerName": {"Ref": "TargetContainer"},
            "ContainerPort": {"Ref": "TargetPort"},
            "TargetGroupArn": {"Ref": "TargetGroup"},
        },
        {"ContainerName": "fe", "ContainerPort": 4001, "TargetGroupArn": {"Ref": "TargetGroup1"}},
        {"ContainerName": "fe", "ContainerPort": 4000, "TargetGroupArn": {"Ref": "TargetGroup2"}},
    ]


def test_requests_that_go_to_a_sidecar() -> None:
    more = "http: {path: /, target_container: nginx}\nsidecars: {nginx: {image: nginx, port: 8080}}"
    stack = workload_stack(settings_of(WEB, more))
    assert (stack.parameters["TargetContainer"], stack.parameters["TargetPort"]) == ("nginx", "8080")
    assert properties_of("TargetGroup", WEB, more)["Port"] == 8080


def test_places_keep_services_apart() -> None:
    assert properties_of("HTTPListenerRule", WEB, ROOT, rule_place=3)["Priority"] == 44524


def test_over_https_below_the_domain() -> None:
    resources = resources_of(WEB, ROOT, WITH_DOMAIN)
    http, https = (resources[name]["Properties"] for name in ("HTTPListenerRuleWithDomain", "HTTPSListenerRule"))
    assert http["Actions"] == [REDIRECTION]
    assert https["Actions"] == [FORWARDING]
    assert (http["ListenerArn"], https["ListenerArn"]) == (of_controller("HTTPListenerArn"), of_controller("HTTPSListenerArn"))
    assert (http["Priority"], https["Priority"]) == (44503, 44500)
    for rule in ("HTTPListenerRuleWithDomain", "HTTPSListenerRule"):
        assert condition(resources, rule, "host-header") == [SUBDOMAIN_HOST]
    assert resources["Service"]["DependsOn"] == ["HTTPListenerRuleWithDomain", "HTTPSListenerRule"]
    record = resources["LoadBalancerDNSAlias"]["Properties"]
    assert record["HostedZoneId"] == {"Fn::ImportValue": "my-app-test-HostedZone"}
    (only,) = record["RecordSets"]
    assert only["Name"]["Fn::Join"][1][2] == ""
    assert only["AliasTarget"] == {
        "HostedZoneId": of_controller("PublicLoadBalancerHostedZone"),
        "DNSName": of_controller("PublicLoadBalancerDNSName"),
    }


def test_http_as_well() -> None:
    assert properties_of("HTTPListenerRuleWithDomain", WEB, "http: {path: /, redirect_to_https: false}", WITH_DOMAIN)[
        "Actions"
    ] == [FORWARDING]


def test_aliases() -> None:
    more = """
    http:
      path: /
      alias: [{name: a.example.com, hosted_zone: Z2}, b.example.com]
      hosted_zone: Z1
      additional_rules: [{path: /x, alias: b.example.com, hosted_zone: Z1}]
    """
    resources = resources_of(WEB, more, OF_AWS_COPILOT)
    assert condition(resources, "HTTPSListenerRule", "host-header") == ["a.example.com", "b.example.com"]
    assert condition(resources, "HTTPListenerRuleWithDomain1", "host-header") == ["b.example.com"]
    assert "LoadBalancerDNSAlias" not in resources
    zones = {
        name: [record["Name"] for record in each["Properties"]["RecordSets"]]
        for name, each in resources.items()
        if each["Type"] == "AWS::Route53::RecordSetGroup"
    }
    assert zones == {"LoadBalancerDNSAliasZ1": ["b.example.com"], "LoadBalancerDNSAliasZ2": ["a.example.com"]}
    assert resources["LoadBalancerDNSAliasZ1"]["Properties"]["HostedZoneId"] == "Z1"


def test_a_rule_without_an_alias_beside_one_with_an_alias() -> None:
    more = "http: {path: /, alias: a.example.com, additional_rules: [{path: /x}]}"
    resources = resources_of(WEB, more, OF_AWS_COPILOT)
    assert condition(resources, "HTTPSListenerRule1", "host-header") == [SUBDOMAIN_HOST]
    assert "LoadBalancerDNSAlias" in resources


def test_allowed_source_ips() -> None:
    more = "http: {path: /, allowed_source_ips: [192.0.2.0/24, 198.51.100.0/24]}"
    assert condition(resources_of(WEB, more), "HTTPListenerRule", "source-ip") == ["192.0.2.0/24", "198.51.100.0/24"]
    below = resources_of(WEB, more, WITH_DOMAIN)
    for rule in ("HTTPListenerRuleWithDomain", "HTTPSListenerRule"):
        assert condition(below, rule, "source-ip") == ["192.0.2.0/24", "198.51.100.0/24"]


def test_the_internal_load_balancer() -> None:
    resources = resources_of(BACKEND, ROOT)
    name = {"Fn::Join": [".", [{"Ref": "WorkloadName"}, of_controller("InternalWorkloadsHostedZoneName")]]}
    assert condition(resources, "HTTPListenerRule", "host-header") == [of_controller("InternalLoadBalancerDNSName"), name]
    assert resources["HTTPListenerRule"]["Properties"]["ListenerArn"] == of_controller("InternalHTTPListenerArn")
    record = resources["LoadBalancerInternalDNSAlias"]["Properties"]
    assert record["HostedZoneId"] == of_controller("InternalWorkloadsHostedZone")
    assert record["RecordSets"][0]["Name"] == name


def test_the_internal_load_balancer_over_https() -> None:
    resources = resources_of(BACKEND, "http: {path: /, alias: api.corp.example.com, hosted_zone: Z1}", WITH_CERTIFICATES)
    assert resources["HTTPSListenerRule"]["Properties"]["ListenerArn"] == of_controller("InternalHTTPSListenerArn")
    assert condition(resources, "HTTPSListenerRule", "host-header") == ["api.corp.example.com"]
    assert resources["LoadBalancerDNSAliasZ1"]["Properties"]["RecordSets"][0]["AliasTarget"]["DNSName"] == of_controller(
        "InternalLoadBalancerDNSName"
    )
    assert "LoadBalancerInternalDNSAlias" not in resources


@pytest.mark.parametrize(
    ("kind", "more", "facts", "switches"),
    [
        (WEB, ROOT, None, {"HTTPSEnabled": "false", "RulePath": "/"}),
        (WEB, "http: {path: api}", WITH_DOMAIN, {"HTTPSEnabled": "true", "RulePath": "api", "DNSDelegated": "true"}),
        (WEB, "http: {path: /, alias: a.example.com}", OF_AWS_COPILOT, {"HTTPSEnabled": "true", "RulePath": "/"}),
        (BACKEND, ROOT, None, {"HTTPSEnabled": "false", "RulePath": "/"}),
        (BACKEND, "", None, {}),
    ],
)
def test_parameters(kind: str, more: str, facts: Any, switches: dict[str, str]) -> None:
    settings = settings_of(kind, more, facts) if facts else settings_of(kind, more)
    found = workload_stack(settings).parameters
    assert {name: found[name] for name in ("HTTPSEnabled", "RulePath", "DNSDelegated") if name in found} == switches


@pytest.mark.parametrize(
    ("kind", "more", "facts", "address"),
    [
        (WEB, ROOT, None, of_controller("PublicLoadBalancerDNSName")),
        (
            WEB,
            ROOT,
            WITH_DOMAIN,
            {
                "Fn::If": [
                    "HasAssociatedDomain",
                    {"Fn::Sub": "${WorkloadName}.test.my-app.example.com"},
                    of_controller("PublicLoadBalancerDNSName"),
                ]
            },
        ),
        (WEB, "http: {path: /, alias: ['*.example.com', a.example.com]}", OF_AWS_COPILOT, "a.example.com"),
        (WEB, "http: {path: /, alias: '*.example.com'}", OF_AWS_COPILOT, of_controller("PublicLoadBalancerDNSName")),
        (BACKEND, ROOT, None, {"Fn::Join": [".", [{"Ref": "WorkloadName"}, of_controller("InternalWorkloadsHostedZoneName")]]}),
    ],
)
def test_the_address_that_people_use(kind: str, more: str, facts: Any, address: Any) -> None:
    output = read_template(stack_of(kind, more, facts) if facts else stack_of(kind, more))["Outputs"]["URL"]
    text, values = output["Value"]["Fn::Sub"]
    assert text == "${Scheme}://${Host}/"
    assert values == {"Scheme": {"Fn::If": ["IsHTTPS", "https", "http"]}, "Host": address}


def test_the_address_has_the_path() -> None:
    output = read_template(stack_of(WEB, "http: {path: api/v1}"))["Outputs"]["URL"]
    assert output["Value"]["Fn::Sub"][0] == "${Scheme}://${Host}/api/v1"
