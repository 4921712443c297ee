"""`network`: Service Connect, subnets and security groups."""

from __future__ import annotations

import pytest

from copilot.manifest.variables import FromCfn
from tests.manifest.parsing import API, WORKER, parsed, read_again, said

PORT = API.replace("}", ", port: 80}")


def network(written: str, base: str = PORT) -> str:
    return f"{base}network: {written}\n"


def test_without_it() -> None:
    found = parsed(API).network
    assert (found.connect, found.vpc.placement.kind, found.vpc.placement.subnets) == (None, "public", ())
    assert (found.vpc.security_groups.groups, found.vpc.security_groups.deny_default) == ((), False)


@pytest.mark.parametrize(("written", "alias"), [("true", None), ("yes", None), ("{alias: shop}", "shop")])
def test_connect(written: str, alias: str | None) -> None:
    connect = parsed(network(f"{{connect: {written}}}")).network.connect
    assert connect is not None
    assert connect.alias == alias


def test_connect_can_be_turned_off() -> None:
    assert parsed(network("{connect: false}")).network.connect is None
    text = network("{connect: {alias: x}}") + "environments: {prod: {network: {connect: false}}}\n"
    assert parsed(text).resolved("prod").network.connect is None


@pytest.mark.parametrize(
    ("written", "kind", "subnets"),
    [("private", "private", ()), ("public", "public", ()), ("{subnets: [subnet-1, subnet-2]}", None, ("subnet-1", "subnet-2"))],
)
def test_placement(written: str, kind: str | None, subnets: tuple[str, ...]) -> None:
    placement = parsed(network(f"{{vpc: {{placement: {written}}}}}")).network.vpc.placement
    assert (placement.kind, placement.subnets) == (kind, subnets)


@pytest.mark.parametrize(
    ("written", "groups", "denied"),
    [
        ("[sg-1, {from_cfn: x}]", ("sg-1", FromCfn(from_cfn="x")), False),
        ("{groups: [sg-1], deny_default: true}", ("sg-1",), True),
        ("{deny_default: true}", (), True),
    ],
)
def test_security_groups(written: str, groups: tuple[object, ...], denied: bool) -> None:
    found = parsed(network(f"{{vpc: {{security_groups: {written}}}}}")).network.vpc.security_groups
    assert (found.groups, found.deny_default) == (groups, denied)


@pytest.mark.parametrize(
    "written",
    [
        "{connect: true}", "{connect: {alias: a}}", "{vpc: {placement: private}}", "{vpc: {placement: {subnets: [s]}}}",
        "{vpc: {security_groups: [a, {from_cfn: b}]}}", "{vpc: {security_groups: {deny_default: true}}}",
    ],
)  # fmt: skip
def test_what_is_printed_can_be_read(written: str) -> None:
    assert read_again(parsed(network(written))).network == parsed(network(written)).network


@pytest.mark.parametrize(
    ("base", "override", "kind", "subnets"),
    [
        ("private", "{subnets: [s]}", None, ("s",)),
        ("{subnets: [s]}", "public", "public", ()),
        ("{subnets: [a, b]}", "{subnets: [c]}", None, ("c",)),
    ],
)
def test_an_override_of_the_placement_replaces_it(base: str, override: str, kind: str | None, subnets: tuple[str, ...]) -> None:
    text = (
        network(f"{{vpc: {{placement: {base}}}}}") + f"environments: {{prod: {{network: {{vpc: {{placement: {override}}}}}}}}}\n"
    )
    placement = parsed(text).resolved("prod").network.vpc.placement
    assert (placement.kind, placement.subnets) == (kind, subnets)


@pytest.mark.parametrize(
    ("written", "place", "message", "hint"),
    [
        ("{connect: maybe}", "4:20+5", "`network.connect` must be true or false, not text", None),
        ("{connect: {}}", "4:20+2", "`network.connect` has no value", "write `connect: true`"),
        ("{connect: {alias: a b}}", "4:28+3", "`network.connect.alias` must not contain spaces or control characters", None),
        ("{conect: true}", "4:11+6", "unknown key `conect` in `network`", "did you mean `connect`?"),
        ("{vpc: {placement: pubic}}", "4:28+5", "`network.vpc.placement` is unknown: `pubic`",
         "it is `public`, `private` or a mapping with `subnets`"),
        ("{vpc: {placement: }}", "4:17+9", "`network.vpc.placement` has no value",
         "it is `public`, `private` or a mapping with `subnets`"),
        ("{vpc: {placement: {}}}", "4:17+9", "`subnets` is missing in `network.vpc.placement`",
         "such as `subnets: [subnet-0123456789abcdef0]`"),
        ("{vpc: {placement: {subnets: []}}}", "4:38+2", "`network.vpc.placement.subnets` must not be empty", None),
        ("{vpc: {placement: {subnets: {from_tags: {a: b}}}}}", "4:38+19",
         "`network.vpc.placement.subnets` with `from_tags` is not supported yet", "list the IDs of the subnets"),
        ("{vpc: {placement: {kind: public}}}", "4:29+4", "unknown key `kind` in `network.vpc.placement`", None),
        ("{vpc: {security_groups: sg-1}}", "4:34+4",
         "`network.vpc.security_groups` must be a mapping of keys to values, not text",
         None),
        ("{vpc: {security_groups: [sg-1, []]}}", "4:41+2", "item 2 of `network.vpc.security_groups` must be text, not a list",
         None),
        ("{vpc: {security_groups: [{from_cnf: x}]}}", "4:36+8",
         "unknown key `from_cnf` in item 1 of `security_groups`", "did you mean `from_cfn`?"),
    ],
)  # fmt: skip
def test_mistakes(written: str, place: str, message: str, hint: str | None) -> None:
    assert (place, message, hint) in said(network(written))


@pytest.mark.parametrize("base", [API, WORKER])
def test_an_alias_needs_a_port(base: str) -> None:
    ((place, message, _),) = said(network("{connect: {alias: x}}", base))
    assert (place, message) == ("4:21+5", "`alias` needs a port that others connect to")
