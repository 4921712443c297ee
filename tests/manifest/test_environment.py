"""The environment manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import ManifestError
from copilot.manifest.environment import EnvironmentManifest, load_environment
from copilot.manifest.loader import parse

HEAD = "name: prod\ntype: Environment\n"
IMPORTED = """\
name: prod
type: Environment
network:
  vpc:
    id: vpc-1
    subnets:
      public: [{id: subnet-1}, {id: subnet-2}]
      private: [{id: subnet-3}, {id: subnet-4}]
    security_group:
      ingress: [{ip_protocol: tcp, ports: 80, cidr: 0.0.0.0/0}]
      egress: [{ip_protocol: "-1", ports: 0-65535, cidr: 10.0.0.0/8}]
http:
  public:
    certificates: [arn:aws:acm:us-east-1:123456789012:certificate/0123abcd]
    access_logs: {bucket_name: logs, prefix: web}
    ingress: {source_ips: [192.0.2.0/24]}
    ssl_policy: ELBSecurityPolicy-TLS13-1-1-2021-06
  private:
    certificates: [arn:aws:acm:us-east-1:123456789012:certificate/4567cdef]
    subnets: [subnet-3, subnet-4]
    ingress: {vpc: true}
    ssl_policy: ELBSecurityPolicy-TLS13-1-1-2021-06
observability:
  container_insights: true
"""
MADE = """\
name: prod
type: Environment
network:
  vpc:
    cidr: 10.0.0.0/16
    subnets:
      public: [{cidr: 10.0.0.0/24, az: us-east-2a}, {cidr: 10.0.1.0/24, az: us-east-2b}]
      private: [{cidr: 10.0.3.0/24, az: us-east-2b}, {cidr: 10.0.4.0/24, az: us-east-2a}]
"""


def parsed(text: str) -> EnvironmentManifest:
    return parse(text, EnvironmentManifest, "manifest.yml").model


def said(text: str) -> list[tuple[str, str, str | None]]:
    with pytest.raises(ManifestError) as caught:
        parsed(text)
    return [(f"{d.line}:{d.column}+{d.length}", d.message, d.hint) for d in caught.value.diagnostics]


def test_a_network_that_exists() -> None:
    found = parsed(IMPORTED)
    vpc = found.network.vpc
    assert (vpc.id, vpc.imported, vpc.cidr) == ("vpc-1", True, None)
    assert [s.id for s in (*vpc.subnets.public, *vpc.subnets.private)] == ["subnet-1", "subnet-2", "subnet-3", "subnet-4"]
    (ingress,), (egress,) = vpc.security_group.ingress, vpc.security_group.egress
    assert (ingress.ip_protocol, ingress.ports, ingress.cidr) == ("tcp", (80, 80), "0.0.0.0/0")
    assert (egress.ip_protocol, egress.ports.first, egress.ports.last) == ("-1", 0, 65535)


def test_load_balancers() -> None:
    http = parsed(IMPORTED).http
    assert http.public.certificates == ("arn:aws:acm:us-east-1:123456789012:certificate/0123abcd",)
    assert http.public.access_logs is not None
    assert (http.public.access_logs.bucket_name, http.public.access_logs.prefix) == ("logs", "web")
    assert (http.public.ingress.source_ips, http.public.ssl_policy) == (
        ("192.0.2.0/24",), "ELBSecurityPolicy-TLS13-1-1-2021-06",
    )  # fmt: skip
    assert (http.private.subnets, http.private.ingress.vpc, len(http.private.certificates)) == (("subnet-3", "subnet-4"), True, 1)
    assert parsed(IMPORTED).observability.container_insights


def test_a_network_to_make() -> None:
    vpc = parsed(MADE).network.vpc
    assert (vpc.id, vpc.imported, vpc.cidr) == (None, False, "10.0.0.0/16")
    assert [(s.cidr, s.az) for s in vpc.subnets.public] == [("10.0.0.0/24", "us-east-2a"), ("10.0.1.0/24", "us-east-2b")]
    assert parsed(MADE.replace(", az: us-east-2a", "").replace(", az: us-east-2b", "")).network.vpc.subnets.private[0].az is None


def test_what_aws_copilot_itself_writes(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(HEAD + "# network:\n#   vpc:\nobservability:\n  container_insights: false\n")
    found = load_environment(path).model
    assert (found.name, found.network.vpc.imported, found.http.public.certificates) == ("prod", False, ())
    assert (found.http.public.access_logs, found.http.private.ingress.vpc, found.observability.container_insights) == (
        None, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(("written", "there"), [("true", True), ("false", False), ("{prefix: a}", True)])
def test_access_logs(written: str, there: bool) -> None:
    found = parsed(f"{HEAD}http: {{public: {{access_logs: {written}}}}}\n")
    assert (found.http.public.access_logs is not None) is there


@pytest.mark.parametrize("text", [HEAD, IMPORTED, MADE, HEAD + "http: {public: {access_logs: true}}\n"])
def test_what_is_printed_can_be_read(text: str) -> None:
    found = parsed(text)
    written = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert EnvironmentManifest.model_validate(written) == found


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    [
        ("type: Environment", "type: Backend Service", "2:7+15", "`type` must be `Environment`, not `Backend Service`",
         "write `type: Environment`"),
        ("type: Environment\n", "", "1:1+4", "`type` is missing", "write `type: Environment`"),
        ("name: prod", "name: Prod", "1:7+4", "`name` must begin with a lowercase letter, not `P`",
         "use lowercase letters, digits and single hyphens, such as `my-shop`"),
        ("id: vpc-1", "id: vpc-1\n    cidr: 10.0.0.0/16", "6:5+4", "`cidr` does not go with `id`: the VPC exists",
         "remove one of them"),
        ("id: vpc-1", "cidr: 10.0.0.0/16", "7:17+2", "a subnet that exists needs the `id` of its VPC",
         "write `id` beside `subnets`"),
        ("{id: subnet-1}", "{cidr: 10.0.0.0/24}", "7:17+4", "a subnet of an existing VPC needs its `id`, not a `cidr`", None),
        ("{id: subnet-1}", "{}", "7:16+1", "`cidr` is missing in item 1 of `public`", "or `id` for an existing subnet"),
        ("{id: subnet-1}", "{id: subnet-1, az: a}", "7:31+2", "`az` does not go with `id`: the subnet exists",
         "remove one of them"),
        ("[{id: subnet-1}, {id: subnet-2}]", "[{id: subnet-1}]", "7:15+16",
         "`network.vpc.subnets.public` must have at least two subnets, in different availability zones", None),
        ("security_group:", "flow_logs: true\n    security_group:", "9:5+9",
         "`network.vpc.flow_logs` is not supported yet", None),
        ("ports: 80,", "ports: 90-80,", "10:43+5",
         "`ports` in item 1 of `ingress` must be ports from 0 to 65535, the smaller one first, not `90-80`", None),
        ("ports: 80,", "ports: http,", "10:43+4", "`ports` in item 1 of `ingress` must be a port or two with a hyphen between",
         "such as `80` or `8000-8080`"),
        ("cidr: 0.0.0.0/0", "cidr: 0.0.0.0", "10:53+7",
         "`cidr` in item 1 of `ingress` must be a range of IP addresses, not `0.0.0.0`", "did you mean `0.0.0.0/32`?"),
        ("cidr: 0.0.0.0/0", "cidr: ::/0", "10:53+4",
         "`cidr` in item 1 of `ingress` must be a range of IPv4 addresses, not `::/0`", "such as `10.0.0.0/16`"),
        ("[arn:aws:acm:us-east-1:123456789012:certificate/0123abcd]", "[a]", "14:20+1",
         "item 1 of `http.public.certificates` must be the ARN of a certificate, not `a`",
         "such as `arn:aws:acm:us-east-1:123456789012:certificate/0123abcd`"),
        ("subnets: [subnet-3, subnet-4]", "subnets: [subnet-3, subnet-5]", "20:25+8",
         "the environment has no existing subnet `subnet-5`", "name it in `network.vpc.subnets`"),
        ("ingress: {source_ips: [192.0.2.0/24]}", "ingress: {cdn: true}", "16:15+3",
         "`http.public.ingress.cdn` is not supported yet",
         None),
        ("ingress: {vpc: true}", "security_groups: {}", "21:5+15", "`http.private.security_groups` is not supported yet", None),
        ("observability:", "cdn: true\nobservability:", "23:1+3", "`cdn` is not supported yet", None),
        ("access_logs: {bucket_name: logs, prefix: web}", "access_logs: maybe", "15:18+5",
         "`http.public.access_logs` must be true or false, not text", None),
    ],
)  # fmt: skip
def test_mistakes(old: str, new: str, place: str, message: str, hint: str | None) -> None:
    assert IMPORTED.count(old) == 1
    assert (place, message, hint) in said(IMPORTED.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("    cidr: 10.0.0.0/16\n", "", "4:3+3", "`cidr` is missing in `network.vpc`"),
        ("cidr: 10.0.0.0/16", "cidr: 10.0.0.1/16", "5:11+11",
         "`network.vpc.cidr` must be a range of IPv4 addresses, not `10.0.0.1/16`: it begins inside of the range"),
        (", {cidr: 10.0.1.0/24, az: us-east-2b}]\n", "]\n", "7:15+37",
         "`network.vpc.subnets.public` must have at least two subnets, in different availability zones"),
        ("az: us-east-2a}]", "az: us-east-2a}, {cidr: 10.0.5.0/24}]", "8:16+95",
         "`network.vpc.subnets.private` must have as many subnets as `public`, 2"),
        ("24, az: us-east-2a}]", "24, az: us-east-2c}]", "8:16+74",
         "`network.vpc.subnets.private` must be in the same availability zones as `public`"),
    ],
)  # fmt: skip
def test_mistakes_in_a_network_to_make(old: str, new: str, place: str, message: str) -> None:
    assert MADE.count(old) == 1
    assert [(p, m) for p, m, _ in said(MADE.replace(old, new))] == [(place, message)]


def test_zones_of_some_subnets_only() -> None:
    text = MADE.replace(", az: us-east-2b", "")
    assert [m for _, m, _ in said(text)] == ["`network.vpc.subnets.public` must each have their own `az`, or none of them"]


def test_a_range_without_subnets() -> None:
    assert said(HEAD + "network: {vpc: {cidr: 10.0.0.0/16}}\n") == [
        ("3:11+3", "`subnets` is missing in `network.vpc`", "`cidr` needs the subnets to be made in it")
    ]


def test_a_network_that_exists_without_subnets() -> None:
    assert said(HEAD + "network: {vpc: {id: vpc-1}}\n") == [
        ("3:11+3", "`subnets` is missing in `network.vpc`", "an existing VPC needs those that are to be used")
    ]


def test_placeholders(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    logs = '  public:\n    access_logs: {bucket_name: "${COPILOT_APPLICATION_NAME}-${COPILOT_ENVIRONMENT_NAME}"}\n'
    path.write_text(f"{HEAD}http:\n{logs}")
    found = load_environment(path, application="shop").model.http.public.access_logs
    assert found is not None
    assert found.bucket_name == "shop-prod"
    path.write_text(f"{HEAD}http:\n{logs}  private: {{ssl_policy: '${{POLICY}}'}}\n")
    with pytest.raises(ManifestError) as caught:
        load_environment(path, application="shop")
    assert [(d.line, d.message) for d in caught.value.diagnostics] == [(6, "there is no value for `${POLICY}`")]


def test_older_spellings() -> None:
    public = "  public: {security_groups: {ingress: {restrict_to: {source_ips: [10.0.0.0/8]}}}}\n"
    private = "  private: {security_groups: {ingress: {from_vpc: true}}}\n"
    http = parsed(f"{HEAD}http:\n{public}{private}").http
    assert (http.public.ingress.source_ips, http.private.ingress.vpc) == (("10.0.0.0/8",), True)
    cdn = f"{HEAD}http: {{public: {{security_groups: {{ingress: {{restrict_to: {{cdn: true}}}}}}}}}}\n"
    assert said(cdn) == [("3:17+15", "`http.public.security_groups` is not supported yet", None)]
