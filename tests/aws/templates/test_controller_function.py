from __future__ import annotations

import itertools
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from copilot.aws.templates import controller_function
from copilot.aws.templates.controller_function import handler
from tests.aws.conftest import empty_account

NUMBERS = itertools.count(1)
ROLE = "arn:aws:iam::123456789012:role/shop-test-CFNExecutionRole"
PARAMETERS = ("ALBWorkloads", "InternalALBWorkloads", "EFSWorkloads", "NATWorkloads", "Aliases")
ENVIRONMENT = {
    "Parameters": {"AppName": {"Type": "String"}, **{name: {"Type": "String"} for name in PARAMETERS}},
    "Conditions": {"CreateALB": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ALBWorkloads"}, ""]}]}},
    "Resources": {
        "Always": {"Type": "AWS::SNS::Topic"},
        "OnDemand": {"Type": "AWS::SNS::Topic", "Condition": "CreateALB"},
    },
    "Outputs": {
        "CFNExecutionRoleARN": {"Value": ROLE},
        "PublicLoadBalancerDNSName": {"Condition": "CreateALB", "Value": {"Ref": "OnDemand"}},
        "EnabledFeatures": {"Value": {"Fn::Sub": ",".join(f"${{{name}}}" for name in PARAMETERS)}},
    },
}


@dataclass
class Context:
    seconds: float = 60.0
    log_group_name: str = "/copilot/shop-test-api"
    log_stream_name: str = "2026/01/01/[$LATEST]0"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class CloudFormation:
    """Where answers to requests go, which CloudFormation gives as the ResponseURL."""

    url: str
    stack: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    refusals: int = 0

    def ask(self, kind: str, workload: str = "api", *, context: Context | None = None, **given: Any) -> dict[str, Any]:
        event = {
            "RequestType": kind,
            "ResponseURL": self.url,
            "StackId": f"arn:aws:cloudformation:us-east-1:123456789012:stack/shop-test-{workload}/1",
            "RequestId": f"{workload}-1",
            "LogicalResourceId": "EnvControllerAction",
            "ResourceProperties": {"ServiceToken": "arn", "EnvStack": self.stack, "Workload": workload, **given},
        }
        if kind != "Create":
            event["PhysicalResourceId"] = f"made-before/{workload}"
        handler(event, context or Context())
        return next(answer for answer in reversed(self.answers) if answer["RequestId"] == f"{workload}-1")


@contextmanager
def _serving(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_method(self) -> None:
            answer(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        do_PUT = do_POST = do_GET = handle_one_method  # noqa: N815 - the names are the library's

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def account(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An account for all tests of this file: each has stacks of its own."""
    with pytest.MonkeyPatch.context() as patch:
        empty_account(emulator, tmp_path_factory.mktemp("no-aws"), patch)
        yield emulator


@pytest.fixture
def cloudformation(account: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    monkeypatch.setattr(controller_function, "POLL", 0.02)
    there = CloudFormation("", f"shop-test{next(NUMBERS)}")

    def receive(request: BaseHTTPRequestHandler, body: bytes) -> None:
        refused = there.refusals > 0
        there.refusals -= refused
        if not refused:
            assert request.command == "PUT"
            assert request.headers["Content-Type"] == ""
            assert request.path == "/answer?signature=a%2Fb"
            assert len(body) < 4096
            there.answers.append(json.loads(body))
        request.send_response(500 if refused else 200)
        request.end_headers()

    with _serving(receive) as url:
        there.url = f"{url}/answer?signature=a%2Fb"
        yield there


@pytest.fixture
def environment(cloudformation: CloudFormation) -> Callable[[], dict[str, str]]:
    """The stack of an environment; answers with its parameters."""
    client = boto3.client("cloudformation")
    values = [{"ParameterKey": "AppName", "ParameterValue": "shop"}]
    values += [{"ParameterKey": name, "ParameterValue": ""} for name in PARAMETERS]
    client.create_stack(StackName=cloudformation.stack, TemplateBody=json.dumps(ENVIRONMENT), Parameters=values)  # type: ignore[arg-type] # dicts

    def parameters() -> dict[str, str]:
        stack = client.describe_stacks(StackName=cloudformation.stack)["Stacks"][0]
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"] if each["ParameterValue"]}

    return parameters


@dataclass
class Proxy:
    """Stands between the function and the emulator, whose stacks are never busy.

    Attributes:
        busy: How many times more the stack is said to be busy; meanwhile it refuses updates, as AWS does.
        takes: How many times it is said to be busy after each update.
        late: How many times more an update is refused although the stack was not said to be busy.
        denied: How many times more nothing is allowed.
    """

    busy: int = 0
    takes: int = 0
    late: int = 0
    denied: int = 0
    rolls_back: bool = False
    updates: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture
def proxy(account: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    there = Proxy()

    def forward(request: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        with there.lock:
            status, answer = _answer(there, asked, lambda: _forwarded(account, request, body))
        request.send_response(status)
        request.end_headers()
        request.wfile.write(answer)

    with _serving(forward) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield there


def _answer(there: Proxy, asked: dict[str, str], forward: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
    if there.denied:
        there.denied -= 1
        return 403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>"
    if asked["Action"] == "UpdateStack":
        if there.busy or there.late:
            there.late -= bool(there.late)
            text = f"Stack:{asked['StackName']} is in UPDATE_IN_PROGRESS state and can not be updated."
            return (
                400,
                f"<ErrorResponse><Error><Code>ValidationError</Code><Message>{text}</Message></Error></ErrorResponse>".encode(),
            )
        there.updates += 1
        there.busy = there.takes
        if there.rolls_back:
            return 200, b"<UpdateStackResponse><UpdateStackResult><StackId>x</StackId></UpdateStackResult></UpdateStackResponse>"
    status, answer = forward()
    if asked["Action"] == "DescribeStacks":
        if there.busy:
            there.busy -= 1
            answer = _with_status(answer, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        elif there.rolls_back and there.updates:
            answer = _with_status(answer, "UPDATE_ROLLBACK_COMPLETE")
    return status, answer


def _with_status(answer: bytes, status: str) -> bytes:
    return re.sub(rb"<StackStatus>\w+<", f"<StackStatus>{status}<".encode(), answer)


def _forwarded(url: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
    headers = {key: value for key, value in request.headers.items() if key.lower() not in {"host", "content-length"}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + request.path, body, headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_workload_is_added_and_the_outputs_are_the_answer(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]]
) -> None:
    answer = cloudformation.ask("Create", Parameters=["ALBWorkloads", "NATWorkloads"])
    assert environment() == {"AppName": "shop", "ALBWorkloads": "api", "NATWorkloads": "api"}
    topic = answer["Data"].pop("PublicLoadBalancerDNSName")
    assert topic.startswith("arn:aws:sns:us-east-1:123456789012:")
    assert answer == {
        "Status": "SUCCESS",
        "PhysicalResourceId": f"envcontoller/{cloudformation.stack}/api",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/shop-test-api/1",
        "RequestId": "api-1",
        "LogicalResourceId": "EnvControllerAction",
        "Data": {"CFNExecutionRoleARN": ROLE},
    }
    assert boto3.client("cloudformation").describe_stacks(StackName=cloudformation.stack)["Stacks"][0]["RoleARN"] == ROLE


def test_what_is_so_already_is_not_done_again(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], proxy: Proxy
) -> None:
    for kind in ("Create", "Update", "Update"):
        assert cloudformation.ask(kind, Parameters=["ALBWorkloads"])["Status"] == "SUCCESS"
    assert proxy.updates == 1


def test_an_update_takes_out_what_is_not_asked_for_any_more_and_keeps_the_identifier(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]]
) -> None:
    cloudformation.ask("Create", "web", Parameters=["ALBWorkloads"])
    cloudformation.ask("Create", Parameters=["ALBWorkloads", "EFSWorkloads"])
    answer = cloudformation.ask("Update", Parameters=["EFSWorkloads"])
    assert answer["PhysicalResourceId"] == "made-before/api"
    assert environment() == {"AppName": "shop", "ALBWorkloads": "web", "EFSWorkloads": "api"}


def test_aliases_of_each_workload(cloudformation: CloudFormation, environment: Callable[[], dict[str, str]]) -> None:
    cloudformation.ask("Create", Parameters=["ALBWorkloads"], Aliases=["a.example.com", "b.example.com"])
    cloudformation.ask("Create", "web", Parameters=["ALBWorkloads"], Aliases=["example.com"])
    assert environment()["Aliases"] == '{"api":["a.example.com","b.example.com"],"web":["example.com"]}'
    cloudformation.ask("Update", Parameters=["ALBWorkloads"])
    assert environment()["Aliases"] == '{"web":["example.com"]}'
    cloudformation.ask("Delete", "web")
    assert environment() == {"AppName": "shop", "ALBWorkloads": "api"}


def test_a_workload_that_goes_asks_for_nothing(cloudformation: CloudFormation, environment: Callable[[], dict[str, str]]) -> None:
    cloudformation.ask("Create", Parameters=["ALBWorkloads"], Aliases=["a.example.com"])
    answer = cloudformation.ask("Delete", Parameters=["ALBWorkloads"], Aliases=["a.example.com"])
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {"CFNExecutionRoleARN": ROLE})
    assert environment() == {"AppName": "shop"}


def test_a_workload_goes_after_its_environment(cloudformation: CloudFormation) -> None:
    answer = cloudformation.ask("Delete", Parameters=["ALBWorkloads"])
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {})
    answer = cloudformation.ask("Create", Parameters=["ALBWorkloads"])
    assert answer["Status"] == "FAILED"
    assert f"{cloudformation.stack} does not exist (log /copilot/shop-test-api/2026" in answer["Reason"]


def test_several_workloads_at_once(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], proxy: Proxy
) -> None:
    proxy.takes = 3
    workloads = ["api", "web", "worker"]
    threads = [
        threading.Thread(target=cloudformation.ask, args=("Create", name), kwargs={"Parameters": ["ALBWorkloads"]})
        for name in workloads
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"] * 3
    assert sorted(environment()["ALBWorkloads"].split(",")) == workloads
    assert proxy.updates == 3


def test_it_waits_while_the_stack_is_busy(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], proxy: Proxy
) -> None:
    proxy.busy, proxy.late = 3, 2
    assert cloudformation.ask("Create", Parameters=["ALBWorkloads"])["Status"] == "SUCCESS"
    assert (proxy.busy, proxy.late, proxy.updates) == (0, 0, 1)
    assert environment() == {"AppName": "shop", "ALBWorkloads": "api"}


def test_a_role_that_is_new_is_not_trusted_everywhere_at_once(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.denied = 2
    assert cloudformation.ask("Create", Parameters=["ALBWorkloads"])["Status"] == "SUCCESS"
    proxy.denied = 10**6
    monkeypatch.setattr(controller_function, "FRESH", 0.1)
    answer = cloudformation.ask("Update", Parameters=["ALBWorkloads"])
    assert answer["Status"] == "FAILED"
    assert "AccessDenied" in answer["Reason"]


def test_it_answers_before_its_own_end(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], proxy: Proxy
) -> None:
    proxy.busy = 10**6
    started = time.monotonic()
    answer = cloudformation.ask("Create", Parameters=["ALBWorkloads"], context=Context(seconds=30.2))
    assert time.monotonic() - started < 10
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(
        f"{cloudformation.stack} is still UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, and there is no time left to wait"
    )


def test_an_update_that_is_rolled_back_is_a_failure(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], proxy: Proxy
) -> None:
    proxy.rolls_back = True
    answer = cloudformation.ask("Create", Parameters=["ALBWorkloads"])
    assert answer["Reason"].startswith(f"{cloudformation.stack} could not be updated: it was rolled back (log ")
    assert proxy.updates == 1


def test_the_environment_must_be_deployed_first(cloudformation: CloudFormation) -> None:
    template = {"Resources": {"Always": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(StackName=cloudformation.stack, TemplateBody=json.dumps(template))
    answer = cloudformation.ask("Create", Parameters=["ALBWorkloads"], Aliases=["a.example.com"])
    text = f"{cloudformation.stack} has no ALBWorkloads, Aliases: deploy the environment with `copilot env deploy` first"
    assert answer["Reason"].startswith(text)


def test_the_answer_is_sent_until_it_arrives(
    cloudformation: CloudFormation, environment: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudformation.refusals = 1
    assert cloudformation.ask("Create", Parameters=["ALBWorkloads"])["Status"] == "SUCCESS"
    assert cloudformation.refusals == 0
