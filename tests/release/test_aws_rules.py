"""Limits of AWS, found before anything is created."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.manifest.loader import SourceText
from copilot.manifest.workload import parse_workload
from copilot.release.aws_rules import FARGATE_MEMORY, aws_faults

API = "name: api\ntype: Backend Service\nimage: {build: Dockerfile, port: 80}\n"
WEB = "name: web\ntype: Load Balanced Web Service\nimage: {build: Dockerfile, port: 80}\n"
JOB = "name: job\ntype: Scheduled Job\nimage: {build: Dockerfile}\n"


def faults(text: str) -> list[tuple[str, str, str | None]]:
    manifest = parse_workload(SourceText(Path("m.yml"), "m.yml", text)).model.resolved("test", "shop")
    found = aws_faults(manifest, application="shop", environment="test")
    return [(".".join(map(str, fault.path)), fault.message, fault.hint) for fault in found]


@pytest.mark.parametrize(
    "text",
    [
        API, WEB + "http: {path: /}\n", JOB + "on: {schedule: '@daily'}\n", JOB + "on: {schedule: none}\n",
        API + "cpu: 1024\nmemory: 3072\nstorage: {ephemeral: 200}\n",
        API + "storage: {volumes: {a: {path: /a, efs: true}, b: {path: /b}, c: {path: /c, efs: {id: fs-1}}}}\n",
        WEB + "http: {path: /, alias: [a.org, b.org], allowed_source_ips: [10.0.0.0/8, 10.1.0.0/16]}\n",
        API + "publish: {topics: [{name: t, fifo: true}]}\n",
    ],
)  # fmt: skip
def test_what_aws_takes(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (API + "cpu: 300\n", ("cpu", "`cpu` of a task on AWS cannot be 300",
                              "it is one of 256, 512, 1024, 2048, 4096, 8192, 16384")),
        (API + "memory: 600\n", ("memory", "`memory` of a task with 256 CPU units cannot be 600 on AWS",
                                 "it is 512, 1024, 2048 MiB; did you mean 1024?")),
        (API + "cpu: 1024\n", ("memory", "`memory` of a task with 1024 CPU units cannot be 512 on AWS",
                               "it is 2048 to 8192 in steps of 1024 MiB; did you mean 2048?")),
        (API + "cpu: 512\nmemory: 99999\n", ("memory", "`memory` of a task with 512 CPU units cannot be 99999 on AWS",
                                             "it is 1024 to 4096 in steps of 1024 MiB; did you mean 4096?")),
        (API + "storage: {ephemeral: 19}\n", ("storage.ephemeral", "`storage.ephemeral` must be 20 to 200 GiB, not 19", None)),
        (API + "storage: {volumes: {a: {path: /a, efs: true}, b: {path: /b, efs: {uid: 1, gid: 1}}}}\n",
         ("storage.volumes.b.efs",
          "volumes `a` and `b` would be one: the environment's file system has one folder for a workload",
          "use folders of one volume, or `efs: {id: …}`")),
        (API.replace("80}", "80, healthcheck: {interval: 4s}}"),
         ("image.healthcheck.interval", "`image.healthcheck.interval` on AWS must be whole seconds from 5 to 300, not 4", None)),
        (API.replace("80}", "80, healthcheck: {timeout: 2500ms}}"),
         ("image.healthcheck.timeout", "`image.healthcheck.timeout` on AWS must be whole seconds from 2 to 60, not 2.5", None)),
        (API + "sidecars: {s: {image: x, healthcheck: {timeout: 1s}}}\n",
         ("sidecars.s.healthcheck.timeout",
          "`sidecars.s.healthcheck.timeout` on AWS must be whole seconds from 2 to 60, not 1", None)),
        (API + "sidecars: {s: {image: x, depends_on: {api: healthy}}}\n",
         ("sidecars.s.depends_on.api", "container `api` has no `healthcheck`, without which it is never healthy on AWS",
          "give it one, or wait for `start`")),
        (WEB + "http: {path: /, alias: [a.b, c.d, e.f], allowed_source_ips: [10.0.0.0/8, 11.0.0.0/8]}\n",
         ("http.alias", "the path, the names in `alias` and `allowed_source_ips` make 6 conditions; AWS takes 5",
          "spread them over `additional_rules` with the same path")),
        (WEB + "http: {path: /, additional_rules: [{path: /a, alias: [a.b, c.d, e.f, g.h]}]}\n",
         ("http.additional_rules.0.alias",
          "the path, the names in `alias` and `allowed_source_ips` make 6 conditions; AWS takes 5",
          "spread them over `additional_rules` with the same path")),
        (WEB + f"http: {{path: /{'a' * 126}}}\n",
         ("http.path", "`http.path` may have at most 125 characters on AWS, not 126", None)),
        (WEB + f"http: {{path: /, alias: {'a' * 129}}}\n",
         ("http.alias", "the name of a host may have at most 128 characters on AWS, not 129", None)),
        (WEB + "http: {path: /, healthcheck: {interval: 5s}}\n",
         ("http.healthcheck.timeout", "`http.healthcheck.timeout` must be shorter than the interval, 5 seconds", None)),
        (WEB + "http: {path: /, deregistration_delay: 500ms}\n",
         ("http.deregistration_delay", "`http.deregistration_delay` on AWS must be whole seconds from 0 to 3600, not 0.5", None)),
        (WEB + "http: {path: /, healthcheck: {grace_period: 1500ms}}\n",
         ("http.healthcheck.grace_period",
          "`http.healthcheck.grace_period` on AWS must be whole seconds from 0 to 86400, not 1.5", None)),
        (WEB + "http: {path: /, additional_rules: [" + ", ".join(f"{{path: /{c}}}" for c in "abcdefghi") + "]}\n",
         ("http.additional_rules.8.path", "a service can have at most 8 rules whose paths have 1 segments",
          "use paths above them, or another service")),
        (API.replace(", port: 80", "") + "http: {path: /}\n", ("http", "`http` needs a port that requests go to",
                                                               "write `port` under `image`, or `http.target_port`")),
        (JOB + "on: {schedule: '@every 90s'}\n",
         ("on.schedule", "`on.schedule` on AWS must be a whole number of minutes", "such as `@every 5m`")),
        (JOB + "on: {schedule: none}\ntimeout: 1500ms\n", ("timeout", "`timeout` on AWS must be whole seconds, not 1.5", None)),
    ],
)  # fmt: skip
def test_what_aws_refuses(text: str, expected: tuple[str, str, str | None]) -> None:
    assert faults(text) == [expected]


def test_the_name_of_a_state_machine_with_all_that_is_around_it() -> None:
    text = JOB.replace("name: job", f"name: {'j' * 40}") + "on: {schedule: none}\n"
    job = parse_workload(SourceText(Path("m.yml"), "m.yml", text))
    assert aws_faults(job.model, application="a" * 30, environment="e" * 8) == ()
    (fault,) = aws_faults(job.model, application="a" * 31, environment="e" * 8)
    assert fault.path == ("name",)
    assert "must have at most 80 characters, not 81" in fault.message


def test_the_name_of_a_topic_with_all_that_is_around_it() -> None:
    text = API + "publish: {topics: [{name: %s, fifo: true}]}\n"
    around = len("shop-test-api-.fifo")
    assert faults(text % ("t" * (256 - around))) == []
    ((path, message, _),) = faults(text % ("t" * (257 - around)))
    assert (path, message) == ("publish.topics.0.name", f"the topic's name may have at most {256 - around} characters here")


@given(st.sampled_from(sorted(FARGATE_MEMORY)), st.data())
def test_every_size_of_fargate(cpu: int, data: st.DataObject) -> None:
    memory = data.draw(st.sampled_from(FARGATE_MEMORY[cpu]))
    assert faults(f"{API}cpu: {cpu}\nmemory: {memory}\n") == []
    assert cpu * 2 <= memory <= max(cpu * 8, 2048)
