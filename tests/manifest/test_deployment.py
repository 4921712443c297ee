"""`deployment`, `taskdef_overrides`, `logging` and `exec`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.manifest.logs import RETENTIONS
from copilot.manifest.variables import FromSecretsManager
from tests.manifest.parsing import API, JOB, WORKER, parsed, read_again, said


def test_deployments() -> None:
    found = parsed(WORKER + "deployment: {rolling: Recreate, rollback_alarms: {cpu_utilization: 70.5, messages_delayed: 5}}\n")
    alarms = found.deployment.rollback_alarms
    assert (found.deployment.rolling, alarms.names) == ("recreate", ())
    assert (alarms.cpu_utilization, alarms.memory_utilization, alarms.messages_delayed) == (70.5, None, 5)
    assert read_again(found).deployment == found.deployment
    named = parsed(API + "deployment: {rollback_alarms: [a, b]}\n")
    assert named.deployment.rollback_alarms.names == ("a", "b")
    assert read_again(named).deployment == named.deployment
    assert (parsed(API).deployment.rolling, parsed(API).deployment.rollback_alarms) == ("default", None)


def test_an_override_of_the_alarms() -> None:
    text = (
        API + "deployment: {rollback_alarms: [a]}\nenvironments: {prod: {deployment: {rollback_alarms: {cpu_utilization: 9}}}}\n"
    )
    alarms = parsed(text).resolved("prod").deployment.rollback_alarms
    assert (alarms.names, alarms.cpu_utilization) == ((), 9.0)


def test_changes_to_the_task_definition() -> None:
    text = "taskdef_overrides:\n  - {path: 'Volumes[-].Name', value: 1.50}\n"
    text += "  - {path: a, value: {Fn::GetAtt: [x, y], n: [true, ~]}}\n"
    first, second = parsed(API + text).taskdef_overrides
    assert (first.path, first.value) == ("Volumes[-].Name", 1.5)
    assert second.value == {"Fn::GetAtt": ["x", "y"], "n": [True, None]}


def test_placeholders_in_changes_become_plain_text() -> None:
    text = API + "taskdef_overrides: [{path: a, value: ['${COPILOT_ENVIRONMENT_NAME}']}]\n"
    (change,) = parsed(text).resolved("test", "shop").taskdef_overrides
    assert (change.value, type(change.value[0])) == (["test"], str)


@given(st.sampled_from(RETENTIONS))
def test_how_long_logs_are_kept(days: int) -> None:
    logging = parsed(f"{API}logging: {{retention: {days}}}\n").logging
    assert (logging.retention, logging.routed) == (days, False)


def test_logs_that_go_elsewhere() -> None:
    text = "{destination: {Name: datadog, dd_tls: on, size: 10}, secretOptions: {key: {secretsmanager: k}}, enableMetadata: no}"
    logging = parsed(f"{API}logging: {text}\n").logging
    assert logging.destination == {"Name": "datadog", "dd_tls": "on", "size": "10"}
    assert (logging.secret_options, logging.enable_metadata) == ({"key": FromSecretsManager(secretsmanager="k")}, False)
    assert (logging.routed, logging.retention, logging.image) == (True, 30, None)
    more = parsed(f"{API}logging: {{image: amazon/fluent, configFilePath: /a.conf}}\n").logging
    assert (more.image, more.config_file_path, more.routed, parsed(API).logging.routed) == (
        "amazon/fluent",
        "/a.conf",
        True,
        False,
    )


@pytest.mark.parametrize(("written", "allowed"), [("true", True), ("{enable: true}", True), ("{enable: no}", False)])
def test_commands_in_tasks(written: str, allowed: bool) -> None:
    assert parsed(f"{API}exec: {written}\n").exec is allowed


@pytest.mark.parametrize(
    ("written", "place", "message", "hint"),
    [
        ("deployment: {rolling: blue}", "4:23+4", "`deployment.rolling` must be `default` or `recreate`, not `blue`", None),
        ("deployment: {rollback_alarms: a}", "4:31+1",
         "`deployment.rollback_alarms` must be a mapping of keys to values, not text", None),
        ("deployment: {rollback_alarms: []}", "4:31+2", "`deployment.rollback_alarms` must not be empty", None),
        ("deployment: {rollback_alarms: [a, {}]}", "4:35+2", "item 2 of `deployment.rollback_alarms` must be text, not a mapping",
         None),
        ("deployment: {rollback_alarms: {cpu_utilization: many}}", "4:49+4",
         "`deployment.rollback_alarms.cpu_utilization` must be a number, not text", None),
        ("deployment: {rollback_alarms: {cpu_utilization: 101}}", "4:49+3",
         "`deployment.rollback_alarms.cpu_utilization` must be at most 100, not 101", None),
        ("deployment: {rollback_alarms: {messages_delayed: 5}}", "4:32+16",
         "`messages_delayed` is for a worker service, which has a queue", "remove it"),
        ("taskdef_overrides: {path: a, value: b}", "4:20+19", "`taskdef_overrides` must be a list, not a mapping", None),
        ("taskdef_overrides: [{path: a}]", "4:21+1", "`value` is missing in item 1 of `taskdef_overrides`", None),
        ("taskdef_overrides: [{path: Family, value: a}]", "4:28+6",
         "`path` in item 1 of `taskdef_overrides` names something that cannot be changed: releases are found by it", None),
        ("taskdef_overrides: [{path: 'ContainerDefinitions[0].Name', value: a}]", "4:28+30",
         "`path` in item 1 of `taskdef_overrides` names something that cannot be changed: releases are found by it", None),
        ("logging: {retention: 10}", "4:22+2", "`logging.retention` must be a number of days that CloudWatch knows, not 10",
         "did you mean `7`?"),
        ("logging: {env_file: a.env}", "4:11+8", "`logging.env_file` is not supported yet", None),
        ("logging: {enable_metadata: true}", "4:11+15", "unknown key `enable_metadata` in `logging`",
         "did you mean `enableMetadata`?"),
        ("exec: {enabled: true}", "4:7+15", "`exec` must be true or false, not a mapping", None),
        ("observability: {tracing: awsxray}", "4:1+13", "`observability` is not supported yet", None),
    ],
)  # fmt: skip
def test_mistakes(written: str, place: str, message: str, hint: str | None) -> None:
    assert said(f"{API}{written}\n") == [(place, message, hint)]


def test_a_job_has_no_deployments() -> None:
    assert [m for _, m, _ in said(JOB + "deployment: {}\n")] == ["unknown key `deployment`"]
