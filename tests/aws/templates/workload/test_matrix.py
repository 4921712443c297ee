"""Templates of services and jobs with each key, and with many at once: clean, narrow, complete and the same again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions
from copilot.aws.templates.workload.settings import Addons
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    FACTS,
    JOB,
    WEB,
    WITH_CERTIFICATES,
    WITH_DOMAIN,
    WORKER,
    settings_of,
    text_of,
)

RANGE = "range: {min: 1, max: 10, spot_from: 3}, cooldown: {in: 1m, out: 10s}"
QUEUE_DELAY = "queue_delay: {acceptable_latency: 15m, msg_processing_time: 1s}"
TOPICS = """
subscribe:
  queue: {delay: 1s, retention: 2h, timeout: 45s, dead_letter: {tries: 5}}
  topics:
    - {name: dogs, service: zoo, filter_policy: {store: [a], price: [{numeric: ['>=', 100]}]}}
    - {name: cats, service: zoo, queue: {dead_letter: {tries: 3}}}
    - {name: orders, service: shop, queue: {fifo: {high_throughput: true, content_based_deduplication: true}}}
"""
# What each kind can say of a key, the first of which is nothing where that is possible.
HTTP = {
    "plain": "http: {path: /}\n",
    "rules": "http: {path: api/v1, additional_rules: [{path: /x, target_port: 443}, {path: /, stickiness: true}]}\n",
    "checks": "http: {path: /, healthcheck: {path: /up, port: 443, success_codes: '200', interval: 5s, timeout: 2s}}\n",
    "sources": "http: {path: /x, allowed_source_ips: [192.0.2.0/24], deregistration_delay: 1s}\n",
    "http2": "http: {path: /, version: http2, redirect_to_https: false}\n",
}
ALIASED = {
    "aliases": "http: {path: /, alias: [{name: a.test.my-app.example.com, hosted_zone: Z123}, b.test.my-app.example.com]}\n",
    "grpc": "http: {path: /, alias: a.test.my-app.example.com, version: grpc, healthcheck: {path: /h, success_codes: 0-12}}\n",
}
NO_DEFAULT = "{groups: [sg-01234567], deny_default: true}"
NETWORK = {
    "": "",
    "connect": "network: {connect: true}\n",
    "private": "network: {vpc: {placement: private}}\n",
    "named": f"network: {{vpc: {{placement: {{subnets: [subnet-01234567]}}, security_groups: {NO_DEFAULT}}}}}\n",
    "groups": "network: {vpc: {security_groups: [sg-01234567, {from_cfn: group}]}}\n",
}
COUNT = {
    "": "",
    "number": "count: 3\n",
    "spot": "count: {spot: 3}\n",
    "cpu": f"count: {{{RANGE}, cpu_percentage: 70, memory_percentage: {{value: 60, cooldown: {{in: 0s}}}}}}\n",
}
BALANCED_COUNT = {"requests": f"count: {{{RANGE}, requests: 100, response_time: 500ms}}\n"}
QUEUED_COUNT = {"queue": f"count: {{range: 0-10, {QUEUE_DELAY}}}\n"}
DEPLOYMENT = {
    "": "",
    "recreate": "deployment: {rolling: recreate, rollback_alarms: [Errors]}\n",
    "alarms": "deployment: {rollback_alarms: {cpu_utilization: 70.5, memory_utilization: 80}}\n",
}
QUEUED_DEPLOYMENT = {"delayed": "deployment: {rollback_alarms: {messages_delayed: 5}}\n"}
CONNECTED = {"alias": "network: {connect: {alias: cart}}\n"}
PUBLISH = {"": "", "topics": "publish: {topics: [{name: a-b}, {name: c_d, fifo: {content_based_deduplication: true}}]}\n"}
SUBSCRIBE = {"": "", "topics": TOPICS}
ON = {
    "daily": "on: {schedule: '@daily'}\n",
    "tried": "on: {schedule: '0 9 * * 1-5'}\nretries: 3\ntimeout: 90m\n",
    "never": "on: {schedule: none}\n",
}
PORTLESS = "name: api\ntype: Backend Service\nimage: {location: nginx}\n"
ADDONS = Addons(
    "https://bucket.s3.us-west-2.amazonaws.com/addons.yml",
    parameters={"Size": "3", "Service": {"Ref": "LogGroup"}},
    outputs={"Table": "variable", "Access": "policy", "Password": "secret", "Group": "security group"},
)

# Each case: the manifest's beginning, where it runs, and the choices for its keys.
KINDS: dict[str, tuple[str, Any, tuple[dict[str, str], ...]]] = {
    "web": (WEB, FACTS, (HTTP, NETWORK | CONNECTED, COUNT | BALANCED_COUNT, DEPLOYMENT, PUBLISH)),
    "web with a domain": (WEB, WITH_DOMAIN, (HTTP | ALIASED, NETWORK | CONNECTED, COUNT | BALANCED_COUNT, DEPLOYMENT, PUBLISH)),
    "web with certificates": (WEB, WITH_CERTIFICATES, (ALIASED, NETWORK | CONNECTED, COUNT, DEPLOYMENT)),
    "backend": (BACKEND, FACTS, (NETWORK | CONNECTED, COUNT, DEPLOYMENT, PUBLISH)),
    "backend without a port": (PORTLESS, FACTS, (NETWORK, COUNT)),
    "backend with a load balancer": (BACKEND, FACTS, (HTTP, NETWORK | CONNECTED, COUNT | BALANCED_COUNT)),
    "backend with certificates": (BACKEND, WITH_CERTIFICATES, (ALIASED, NETWORK | CONNECTED, COUNT | BALANCED_COUNT)),
    "worker": (WORKER, FACTS, (SUBSCRIBE, NETWORK, COUNT | QUEUED_COUNT, DEPLOYMENT | QUEUED_DEPLOYMENT, PUBLISH)),
    "job": (JOB, FACTS, (ON, NETWORK, PUBLISH)),
}


def template(kind: str, *keys: str, addons: bool = False) -> str:
    start, facts, _ = KINDS[kind]
    boundary = {"addons": ADDONS, "permissions_boundary": "bounds"} if addons else {}
    return text_of(settings_of(start, "".join(keys), facts, **boundary))


def rows(kind: str) -> list[tuple[str, ...]]:
    """Choices for the keys of a kind, as few as hold each of them."""
    choices = [list(each.values()) for each in KINDS[kind][2]]
    longest = max(len(each) for each in choices)
    return [tuple(each[row % len(each)] for each in choices) for row in range(longest)]


def some_rows() -> list[Any]:
    """A few rows of each kind, such that all kinds together have nearly every choice: to lint one takes half a second."""
    found = []
    for number, kind in enumerate(KINDS):
        of_kind = rows(kind)
        for step in range(0, len(of_kind), 3):
            row = (step + number) % len(of_kind)
            found.append(pytest.param(kind, of_kind[row], id=f"{kind}-{row}"))
    return found


@pytest.mark.parametrize(("kind", "keys"), some_rows())
def test_templates_are_clean(kind: str, keys: tuple[str, ...]) -> None:
    assert_clean(template(kind, *keys))


@pytest.mark.parametrize("kind", KINDS)
def test_templates_allow_no_more_than_they_must_and_say_what_each_resource_is(kind: str) -> None:
    for keys in rows(kind):
        text = template(kind, *keys)
        assert_least_privilege(text)
        data = read_template(text)
        assert data["Resources"].keys() == descriptions(data).keys()


@pytest.mark.parametrize("kind", ["web with a domain", "worker", "job"])
def test_addons_and_a_permissions_boundary_are_clean(kind: str) -> None:
    text = template(kind, *rows(kind)[-1], addons=True)
    assert_clean(text)
    assert_least_privilege(text)


@st.composite
def combinations(draw: st.DrawFn) -> tuple[str, tuple[str, ...], bool]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    keys = tuple(draw(st.sampled_from(list(each.values()))) for each in KINDS[kind][2])
    return kind, keys, draw(st.booleans())


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(combinations())
def test_any_combination_is_narrow_and_the_same_again(combination: tuple[str, tuple[str, ...], bool]) -> None:
    kind, keys, addons = combination
    text = template(kind, *keys, addons=addons)
    assert_least_privilege(text)
    assert text == template(kind, *keys, addons=addons)
