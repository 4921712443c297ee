from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.loader import SourceText
from copilot.manifest.overrides import merged
from copilot.manifest.workload import BackendService, LoadBalancedWebService, ScheduledJob, load_workload, parse_workload

WEB = """\
name: web
type: Load Balanced Web Service
image:
  build:
    dockerfile: web/Dockerfile
    context: .
    target: release
    args: {VERSION: 1.10}
  port: 8080
http:
  path: /shop
  healthcheck:
    path: /health
    port: 8081
    success_codes: 200,301-302
    healthy_threshold: 3
    unhealthy_threshold: 4
    interval: 1m30s
    timeout: 500ms
    grace_period: 2m
  deregistration_delay: 0s
count: 2
cpu: 512
memory: 1024
entrypoint: [/bin/sh, -c]
command: serve --title "my shop" 8080
variables:
  LOG_LEVEL: info
  RATE: 1.10
  DEBUG: False
  EMPTY: ""
secrets:
  TOKEN: shop-token
environments:
  test:
  prod:
    count: 5
    variables:
      LOG_LEVEL: warn
    http:
      healthcheck: /up
"""
BACKEND = """\
name: api
type: Backend Service
image: {build: api/Dockerfile}
"""
JOB = """\
name: report
type: Scheduled Job
image: {build: report/Dockerfile}
on:
  schedule: "@daily"
retries: 3
timeout: 1h
cpu: 512
memory: 1024
entrypoint: [/bin/sh]
command: report -v
variables: {A: b}
secrets: {TOKEN: t}
environments:
  prod:
    on: {schedule: rate(5 minutes)}
    retries: 0
"""


def parsed(text: str) -> Any:
    return parse_workload(SourceText(Path("manifest.yml"), "copilot/api/manifest.yml", text)).model


def problems(text: str) -> list[Diagnostic]:
    with pytest.raises(ManifestError) as caught:
        parsed(text)
    return list(caught.value.diagnostics)


def test_every_key() -> None:
    web = parsed(WEB)
    assert isinstance(web, LoadBalancedWebService)
    assert (web.name, web.count.desired, web.cpu, web.memory) == ("web", 2, 512, 1024)
    build = web.image.build
    assert build is not None
    assert (build.dockerfile, build.context, build.target, build.args) == ("web/Dockerfile", ".", "release", {"VERSION": "1.10"})
    check = web.http.healthcheck
    assert (check.path, check.port, check.success_codes) == ("/health", 8081, "200,301-302")
    assert (check.healthy_threshold, check.unhealthy_threshold) == (3, 4)
    assert (check.interval, check.timeout, check.grace_period, web.http.deregistration_delay) == (90.0, 0.5, 120.0, 0.0)
    assert web.entrypoint == ("/bin/sh", "-c")
    assert web.command == ("serve", "--title", "my shop", "8080")
    assert web.variables == {"LOG_LEVEL": "info", "RATE": "1.10", "DEBUG": "False", "EMPTY": ""}
    assert web.secrets == {"TOKEN": "shop-token"}


def test_only_what_is_needed() -> None:
    api = parsed(BACKEND)
    assert isinstance(api, BackendService)
    assert (api.count.desired, api.cpu, api.memory, api.image.port) == (1, 256, 512, None)
    assert (api.entrypoint, api.command, api.variables, api.secrets) == (None, None, {}, {})


@pytest.mark.parametrize(
    ("written", "dockerfile", "context"),
    [
        ("Dockerfile", "Dockerfile", "."),
        ("./api/Dockerfile.dev", "./api/Dockerfile.dev", "./api"),
        ("{dockerfile: api/Dockerfile}", "api/Dockerfile", "api"),
        ("{context: api}", "api/Dockerfile", "api"),
        ("{dockerfile: a/b, context: .}", "a/b", "."),
        ("{args: {A: b}}", "Dockerfile", "."),
    ],
)
def test_dockerfile_and_context_follow_from_each_other(written: str, dockerfile: str, context: str) -> None:
    build = parsed(BACKEND.replace("api/Dockerfile}", written + "}")).image.build
    assert (build.dockerfile, build.context) == (dockerfile, context)


class TestOverrides:
    def test_mappings_are_merged_and_other_values_replaced(self) -> None:
        web = parsed(WEB)
        prod = web.resolved("prod")
        assert prod.count.desired == 5
        assert prod.variables == {**web.variables, "LOG_LEVEL": "warn"}
        assert (prod.http.path, prod.http.healthcheck.path, prod.http.healthcheck.interval) == ("/shop", "/up", 10.0)
        assert prod.image == web.image
        assert prod.environments == {}

    @pytest.mark.parametrize("environment", ["test", "elsewhere"])
    def test_without_an_override_all_is_as_written(self, environment: str) -> None:
        web = parsed(WEB)
        same = web.resolved(environment)
        assert same.model_dump(exclude={"environments"}) == web.model_dump(exclude={"environments"})

    def test_resolving_twice_changes_nothing(self) -> None:
        prod = parsed(WEB).resolved("prod")
        assert prod.resolved("prod") == prod

    @pytest.mark.parametrize(
        ("base", "override"), [("build: Dockerfile", "location: nginx"), ("location: nginx", "build: x/Dockerfile")]
    )
    def test_build_and_location_take_each_others_place(self, base: str, override: str) -> None:
        text = f"name: api\ntype: Backend Service\nimage: {{{base}}}\nenvironments: {{prod: {{image: {{{override}}}}}}}\n"
        image = parsed(text).resolved("prod").image
        assert (image.location is None) == (override.startswith("build"))
        assert (image.build is None) == (override.startswith("location"))

    @pytest.mark.parametrize(
        ("old", "new", "position", "message", "hint"),
        [
            ("    count: 5", "    coutn: 5", "37:5+5", "unknown key `coutn` in `environments.prod`", "did you mean `count`?"),
            ("    count: 5", "    count: many", "37:12+4", "`environments.prod.count` must be a whole number, not text", None),
            ("    count: 5", "    count:", "37:5+5", "`environments.prod.count` has no value", "give it one, or remove the line"),
            ("    count: 5", "    name: other", "37:5+4", "`name` cannot be overridden", "remove it here"),
            ("    count: 5", "    nlb: {}", "37:5+3", "`environments.prod.nlb` is not supported yet", None),
            ("    count: 5", "    sidecars: {log: {}}", "37:16+3", "`image` is missing in `environments.prod.sidecars.log`",
             "such as `image: nginx:1.27`"),
            ("    count: 5", "    env_file: prod.txt", "37:15+8", "`environments.prod.env_file` must end in `.env`",
             "Amazon ECS takes no other file"),
            ("    count: 5", "    image: {port: 0}", "37:19+1", "`environments.prod.image.port` must be at least 1, not 0", None),
            ("      healthcheck: /up", "      healthcheck: up", "41:20+2",
             "`environments.prod.http.healthcheck.path` must be a path that begins with `/` and has no spaces",
             "such as `/health`"),
            ("      healthcheck: /up", "      alb: x", "41:7+3", "`environments.prod.http.alb` is not supported yet", None),
            ("  test:", "  test: 3", "35:9+1",
             "`environments.test` must be a mapping of keys to values, not a whole number", None),
            ("  test:", "  Test:", "35:3+4", "`environments.Test` must begin with a lowercase letter, not `T`",
             "use lowercase letters, digits and single hyphens, such as `my-shop`"),
            ("    count: 5", "    image: {location: x, build: y}", "37:13+8",
             "an image has either `build` or `location`, not both",
             "remove one"),
        ],
    )  # fmt: skip
    def test_mistakes_are_shown_where_they_were_made(self, old: str, new: str, position: str, message: str, hint: str) -> None:
        assert WEB.count(old + "\n") == 1
        (d,) = problems(WEB.replace(old + "\n", new + "\n"))
        assert (f"{d.line}:{d.column}+{d.length}", d.message, d.hint) == (position, message, hint)

    def test_a_mistake_above_is_not_repeated_for_each_environment(self) -> None:
        (diagnostic,) = problems(WEB.replace("count: 2", "count: two"))
        assert diagnostic.line == 22

    _values = st.recursive(
        st.integers() | st.text(max_size=3),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner) | st.lists(inner),
        max_leaves=8,
    )
    _mappings = st.dictionaries(st.sampled_from("abc"), _values)

    @given(_mappings, _mappings)
    @settings(max_examples=50)
    def test_merging(self, base: dict[str, Any], override: dict[str, Any]) -> None:
        result = merged(base, override)
        assert result.keys() == base.keys() | override.keys()
        assert merged(base, {}) == base
        assert merged({}, override) == override
        assert merged(result, override) == result


class TestPlaceholders:
    def test_are_filled_in(self) -> None:
        text = BACKEND + 'variables: {DB: "${COPILOT_APPLICATION_NAME}-${COPILOT_ENVIRONMENT_NAME}"}\n'
        assert parsed(text).resolved("prod", "shop").variables == {"DB": "shop-prod"}
        assert parsed(text).resolved("prod").variables == {"DB": "${COPILOT_APPLICATION_NAME}-${COPILOT_ENVIRONMENT_NAME}"}

    def test_a_backslash_keeps_them_as_text(self) -> None:
        text = BACKEND + 'command: [sh, -c, "echo \\\\${PORT} $HOME ${COPILOT_ENVIRONMENT_NAME}"]\n'
        once = parsed(text).resolved("prod", "shop")
        assert once.command == ("sh", "-c", "echo ${PORT} $HOME prod")
        assert once.resolved("prod", "shop").command == once.command

    def test_an_unknown_one_is_refused(self) -> None:
        (diagnostic,) = problems(BACKEND + "variables:\n  TAG: v${TAG}\n")
        assert (diagnostic.line, diagnostic.column) == (5, 8)
        assert diagnostic.message == "there is no value for `${TAG}`"


@pytest.mark.parametrize(
    ("old", "new", "position", "message", "hint"),
    [
        ("type: Load Balanced Web Service", "type: load-balanced web service", "2:7+25",
         "`type` is unknown: `load-balanced web service`",
         "did you mean `Load Balanced Web Service`?"),
        ("type: Load Balanced Web Service\n", "", "1:1+4", "`type` is missing",
         "it is `Load Balanced Web Service`, `Backend Service`, `Worker Service` or `Scheduled Job`"),
        ("type: Load Balanced Web Service", "type: Static Site", "2:7+11", "the type `Static Site` is not supported yet",
         "it is `Load Balanced Web Service`, `Backend Service`, `Worker Service` or `Scheduled Job`"),
        ("name: web", "name: Web", "1:7+3", "`name` must begin with a lowercase letter, not `W`",
         "use lowercase letters, digits and single hyphens, such as `my-shop`"),
        ("  port: 8080\n", "", "3:1+5", "`port` is missing in `image`", None),
        ("  port: 8080", "  port: 65536", "9:9+5", "`image.port` must be at most 65535, not 65536", None),
        ("  port: 8080", "  port: 8080\n  location: nginx", "10:3+8",
         "an image has either `build` or `location`, not both", "remove one"),
        ("    dockerfile: web/Dockerfile", "    dockerfile: -f", "5:17+2",
         "`image.build.dockerfile` must not begin with a hyphen",
         "write `./` in front of it"),
        ("    target: release", "    target: --privileged", "7:13+12", "`image.build.target` must not begin with a hyphen", None),
        ("    args: {VERSION: 1.10}", "    args: {A B: x}", "8:12+3",
         "`image.build.args.A B` must not contain spaces, control characters or `=`: it is the name of an environment variable",
         None),
        ("  path: /shop", "  path: /shop/*", "11:9+7", "`http.path` must not contain `*`", None),
        ("  path: /shop\n", "", "10:1+4", "`path` is missing in `http`", None),
        ("    interval: 1m30s", "    interval: 10", "18:15+2",
         "`http.healthcheck.interval` must be a duration, such as `10s` or `1m30s`",
         "did you mean `10s`?"),
        ("    interval: 1m30s", "    interval: 0s", "18:15+2",
         "`http.healthcheck.interval` must be more than 0 seconds, not `0s`", None),
        ("    interval: 1m30s", "    interval: 1h", "18:15+2",
         "`http.healthcheck.interval` must be at most 300 seconds, not `1h`", None),
        ("    success_codes: 200,301-302", "    success_codes: ok", "15:20+2",
         "`http.healthcheck.success_codes` must be HTTP status codes from 200 to 499, such as `200`, `200,301` or `200-299`",
         None),
        ("count: 2", "count: -1", "22:8+2", "`count` must be at least 0, not -1", None),
        ("count: 2", "count: [2]", "22:8+3", "`count` must be a whole number, not a list", None),
        ("cpu: 512", "cpu: 0", "23:6+1", "`cpu` must be more than 0, not 0", None),
        ('command: serve --title "my shop" 8080', 'command: serve "my shop', "26:10+14",
         "`command` cannot be split into arguments: no closing quotation", None),
        ("  LOG_LEVEL: info", "  LOG_LEVEL: {from_cfm: x}", "28:15+8",
         "unknown key `from_cfm` in `variables.LOG_LEVEL`", "did you mean `from_cfn`?"),
        ("  TOKEN: shop-token", "  TOKEN: {secretmanager: x}", "33:11+13",
         "unknown key `secretmanager` in `secrets.TOKEN`", "did you mean `secretsmanager`?"),
        ("  TOKEN: shop-token", "  TOKEN: {secretsmanager: [x]}", "33:27+3",
         "`secrets.TOKEN.secretsmanager` must be text, not a list", None),
        ("  TOKEN: shop-token", "  TOKEN: [x]", "33:10+3", "`secrets.TOKEN` must be text, not a list", None),
        ("  TOKEN: shop-token", "  TOKEN:", "33:3+5", "`secrets.TOKEN` has no value", "give it one, or remove the line"),
    ],
)  # fmt: skip
def test_bad_manifest(old: str, new: str, position: str, message: str, hint: str | None) -> None:
    assert WEB.count(old) == 1
    (d,) = problems(WEB.replace(old, new))
    assert (f"{d.line}:{d.column}+{d.length}", d.message, d.hint) == (position, message, hint)


@pytest.mark.parametrize(
    "key",
    [
        "observability", "nlb", "http.alb", "image.labels",
    ],
)  # fmt: skip
def test_what_aws_copilot_has_and_we_do_not_is_said_by_name(key: str) -> None:
    *parents, last = key.split(".")
    text = WEB
    for depth, parent in enumerate(parents):
        head, found, tail = text.partition("  " * depth + f"{parent}:\n")
        assert found
        if depth == len(parents) - 1:
            text = head + found + "  " * (depth + 1) + f"{last}: true\n" + tail
    (diagnostic,) = problems(text if parents else text + f"{last}: true\n")
    assert diagnostic.message == f"`{key}` is not supported yet"


def test_a_slip_in_such_a_key_is_recognised() -> None:
    (diagnostic,) = problems(BACKEND + "observabilty: {}\n")
    assert (diagnostic.message, diagnostic.hint) == (
        "unknown key `observabilty`",
        "did you mean `observability`? It is not supported yet",
    )


def test_an_image_is_built_or_found() -> None:
    (diagnostic,) = problems(BACKEND.replace("{build: api/Dockerfile}", "{port: 80}"))
    assert (diagnostic.message, diagnostic.hint) == (
        "`build` is missing in `image`",
        "such as `build: Dockerfile`, or `location` for an existing image",
    )


@pytest.mark.parametrize("kind", ["Request-Driven Web Service", "Static Site"])
def test_other_kinds_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(f"name: x\ntype: {kind}\nschedule: daily\n")
    with pytest.raises(ManifestError) as caught:
        load_workload(path, shown_as="m.yml")
    assert [d.message for d in caught.value.diagnostics] == [f"the type `{kind}` is not supported yet"]


@pytest.mark.parametrize("text", ["name: x\n", "name: x\ntype: []\n", "name: x\ntype:\n", "name: x\ntype: Foo\n"])
def test_no_kind_at_all(text: str) -> None:
    found = {d.message.split(" ")[0] for d in problems(text)}
    assert found == {"`type`", "`image`"}


class TestScheduledJob:
    def test_every_key(self) -> None:
        job = parsed(JOB)
        assert isinstance(job, ScheduledJob)
        assert (job.name, job.on.schedule, job.retries, job.timeout) == ("report", "@daily", 3, 3600.0)
        assert (job.cpu, job.memory, job.command, job.variables) == (512, 1024, ("report", "-v"), {"A": "b"})
        assert (job.entrypoint, job.secrets) == (("/bin/sh",), {"TOKEN": "t"})

    def test_only_what_is_needed(self) -> None:
        job = parsed("name: r\ntype: Scheduled Job\nimage: {location: busybox}\non: {schedule: none}\n")
        assert (job.on.schedule, job.retries, job.timeout, job.cpu, job.memory) == ("none", 0, None, 256, 512)

    def test_overrides(self) -> None:
        prod = parsed(JOB).resolved("prod")
        assert (prod.on.schedule, prod.retries, prod.timeout) == ("rate(5 minutes)", 0, 3600.0)

    @pytest.mark.parametrize(
        ("old", "new", "position", "message", "hint"),
        [
            ('  schedule: "@daily"', "  schedule: 61 * * * *", "5:13+10", "`on.schedule` cannot have `61` for the minute",
             "it takes 0-59"),
            ('  schedule: "@daily"', '  schedule: "@dayly"', "5:13+8", "`on.schedule` is no schedule that is known",
             "did you mean `@daily`?"),
            ('on:\n  schedule: "@daily"\n', "", "1:1+4", "`on` is missing", "such as `on: {schedule: '@daily'}`"),
            ('on:\n  schedule: "@daily"\n', "on: {}\n", "4:1+2", "`schedule` is missing in `on`", "such as `schedule: '@daily'`"),
            ("retries: 3", "retries: -1", "6:10+2", "`retries` must be at least 0, not -1", None),
            ("timeout: 1h", "timeout: 0s", "7:10+2", "`timeout` must be at least 1 seconds, not `0s`", None),
            ("retries: 3", "http: {path: /}", "6:1+4", "unknown key `http`", None),
            ("retries: 3", "count: 2", "6:1+5", "`count` is not supported yet", None),
            ("{build: report/Dockerfile}", "{build: x, port: 80}", "3:19+4", "unknown key `port` in `image`", None),
            ("rate(5 minutes)", "rate(1 minutes)", "16:20+15",
             "`environments.prod.on.schedule` must have the unit in the singular with 1 only, as EventBridge has it",
             "write `rate(1 minute)`"),
        ],
    )  # fmt: skip
    def test_mistakes(self, old: str, new: str, position: str, message: str, hint: str | None) -> None:
        assert JOB.count(old) == 1
        (d,) = problems(JOB.replace(old, new))
        assert (f"{d.line}:{d.column}+{d.length}", d.message, d.hint) == (position, message, hint)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 999))
def test_durations(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    written = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    text = WEB.replace("grace_period: 2m", f"grace_period: {written}")
    if total > 86400:
        assert [d.message for d in problems(text)] == [
            f"`http.healthcheck.grace_period` must be at most 86400 seconds, not `{written}`"
        ]
    else:
        assert parsed(text).http.healthcheck.grace_period == pytest.approx(total)
