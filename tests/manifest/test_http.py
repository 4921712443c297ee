"""`http`: routing rules, names and where requests may come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.manifest.http import Alias
from tests.manifest.parsing import API, WEB, parsed, read_again, said

FULL = """\
http:
  path: /
  alias: [{name: shop.example.com, hosted_zone: Z1}, www.example.com]
  hosted_zone: Z2
  stickiness: true
  allowed_source_ips: [192.0.2.0/24, 2001:db8::/32]
  redirect_to_https: false
  target_container: proxy
  target_port: 8443
  version: HTTP2
  additional_rules:
    - path: api
      healthcheck: /api/up
      alias: api.example.com
      deregistration_delay: 10s
sidecars: {proxy: {image: nginx, port: 443}}
"""


def test_every_key() -> None:
    http = parsed(WEB + FULL).http
    assert http.alias == (Alias(name="shop.example.com", hosted_zone="Z1"), Alias(name="www.example.com"))
    assert (http.hosted_zone, http.stickiness, http.redirect_to_https, http.version) == ("Z2", True, False, "http2")
    assert http.allowed_source_ips == ("192.0.2.0/24", "2001:db8::/32")
    assert (http.target_container, http.target_port) == ("proxy", 8443)
    main, api = http.routing_rules
    assert main is http
    assert (api.path, api.healthcheck.path, api.alias[0].name, api.deregistration_delay) == (
        "api", "/api/up", "api.example.com", 10.0,
    )  # fmt: skip
    assert (api.stickiness, api.redirect_to_https, api.target_container, api.version) == (False, True, None, "http1")


def test_only_what_is_needed() -> None:
    http = parsed(WEB + "http: {path: /}\n").http
    assert (http.alias, http.hosted_zone, http.allowed_source_ips, http.target_container) == ((), None, (), None)
    assert (http.version, http.target_port, http.routing_rules) == ("http1", None, (http,))


def test_what_is_printed_can_be_read() -> None:
    assert read_again(parsed(WEB + FULL)).http == parsed(WEB + FULL).http


def test_a_backend_service_may_have_it() -> None:
    api = API.replace("}", ", port: 80}")
    assert parsed(api).http is None
    assert parsed(api + "http: {path: /}\n").http.path == "/"


def test_the_old_spelling_of_the_target() -> None:
    sidecars = "sidecars: {proxy: {image: nginx, port: 443}}\n"
    assert parsed(WEB + "http: {path: /, targetContainer: proxy}\n" + sidecars).http.target_container == "proxy"
    both = "http: {path: /, targetContainer: proxy}\nenvironments: {prod: {http: {target_container: web}}}\n"
    assert parsed(WEB + both + sidecars).resolved("prod").http.target_container == "web"


_names = st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9}){1,3}", fullmatch=True)


@given(st.lists(_names, min_size=1, max_size=4))
def test_names_are_one_text_a_list_or_mappings(names: list[str]) -> None:
    def of(written: str) -> object:
        return parsed(f"{WEB}http: {{path: /, alias: {written}}}\n").http.alias

    listed = of(f"[{', '.join(names)}]")
    assert listed == of("[" + ", ".join(f"{{name: {name}}}" for name in names) + "]") == tuple(Alias(name=n) for n in names)
    assert of(names[0]) == of(f"[{names[0]}]")


def test_an_override_of_the_names_replaces_them() -> None:
    text = (
        WEB + 'http: {path: /, alias: [a.org, b.org]}\nenvironments: {prod: {http: {alias: "${COPILOT_ENVIRONMENT_NAME}.org"}}}\n'
    )
    assert parsed(text).resolved("prod", "shop").http.alias == (Alias(name="prod.org"),)


@pytest.mark.parametrize(
    ("written", "place", "message", "hint"),
    [
        ("false", "4:7+5",
         "`http` must not be false: the service would not be reachable, because `nlb` is not supported yet", None),
        ("/", "4:7+1", "`http` must be a mapping of keys to values, not text", None),
        ("{path: /, alb: x}", "4:17+3", "`http.alb` is not supported yet", None),
        ("{path: /, alias: a b}", "4:24+3", "`http.alias` must be the name of a host, not `a b`", "such as `shop.example.com`"),
        ("{path: /, alias: [x, a/b]}", "4:28+3", "item 2 of `http.alias` must be the name of a host, not `a/b`",
         "such as `shop.example.com`"),
        ("{path: /, alias: [{nam: x}]}", "4:26+3", "unknown key `nam` in item 1 of `alias`", "did you mean `name`?"),
        ("{path: /, alias: {name: x}}", "4:24+9", "`http.alias` must be text or a list, not a mapping",
         "such as `alias: [{name: shop.example.com}]`"),
        ("{path: /, hosted_zone: Z1}", "4:1+4", "`alias` is missing in `http`", "`hosted_zone` needs it"),
        ("{path: /, stickiness: maybe}", "4:29+5", "`http.stickiness` must be true or false, not text", None),
        ("{path: /, allowed_source_ips: [10.0.0.1]}", "4:38+8",
         "item 1 of `http.allowed_source_ips` must be a range of IP addresses, not `10.0.0.1`",
         "did you mean `10.0.0.1/32`?"),
        ("{path: /, allowed_source_ips: [10.0.0.300/8]}", "4:38+12",
         "item 1 of `http.allowed_source_ips` must be a range of IP addresses, not `10.0.0.300/8`", "such as `192.0.2.0/24`"),
        ("{path: /, version: http3}", "4:26+5", "`http.version` must be `http1`, `http2` or `grpc`, not `http3`", None),
        ("{path: /, target_container: envoy}", "4:35+5", "the workload has no container `envoy`", "there are: web"),
        ("{path: /, target_port: 0}", "4:30+1", "`http.target_port` must be at least 1, not 0", None),
        ("{path: /, healthcheck: {success_codes: 12}}", "4:46+2",
         "`http.healthcheck.success_codes` must be HTTP status codes from 200 to 499, such as `200`, `200,301` or `200-299`",
         None),
        ("{path: /, version: grpc, healthcheck: {success_codes: 200}}", "4:61+3",
         "`http.healthcheck.success_codes` must be status codes of gRPC from 0 to 99, such as `0` or `0-12`", None),
        ("{path: /, additional_rules: [{healthcheck: /a}]}", "4:36+1",
         "`path` is missing in item 1 of `additional_rules`", None),
        ("{path: /, additional_rules: [{path: /a, healthcheck: {grace_period: 5s}}]}", "4:61+12",
         "`grace_period` holds for the whole service and cannot differ between rules", "write it in `http.healthcheck`"),
        ("{path: /, additional_rules: [{path: /a, target_container: x}]}", "4:65+1", "the workload has no container `x`",
         "there are: web"),
        ("{path: /, additional_rules: [{path: /a, additional_rules: []}]}", "4:47+16",
         "unknown key `additional_rules` in item 1 of `additional_rules`", None),
    ],
)  # fmt: skip
def test_mistakes(written: str, place: str, message: str, hint: str | None) -> None:
    assert said(f"{WEB}http: {written}\n")[0] == (place, message, hint)


def test_a_target_needs_a_port() -> None:
    text = WEB + "http: {path: /, target_container: log}\nsidecars: {log: {image: x}}\n"
    assert [(p, m) for p, m, _ in said(text)] == [("4:35+3", "sidecar `log` has no port that requests could go to")]
    assert parsed(text.replace("log}\n", "log, target_port: 9}\n")).http.target_port == 9


def test_status_codes_of_grpc() -> None:
    text = WEB + "http: {path: /, version: grpc, healthcheck: {success_codes: 0-12}}\n"
    assert parsed(text).http.healthcheck.success_codes == "0-12"
