from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.aws.client import Aws, connect
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import ActionExecution
from tests.aws.recorded import Happening as Event
from tests.aws.recorded import Recording, Refusal, arn, own, recorded
from tests.aws.recorded_json import JsonRecording, recorded_json

GROUP, STREAM = "/aws/codebuild/shop-BuildProject", "0a1b"
BUILD = "shop-BuildProject:0a1b"
HEADER = f"CodeBuild starts build {BUILD}\n"
STACK = "shop-test-api"
BEGAN = 1_800_000_000.0
"""The moment from which recorded events count."""

ACTION = ActionExecution(
    id="a1",
    execution="e1",
    stage="Build",
    action="Build",
    attempt=1,
    category="Build",
    provider="CodeBuild",
    status="InProgress",
    started_at=BEGAN,
    updated_at=BEGAN,
    external_id=BUILD,
)
DEPLOY = replace(ACTION, category="Deploy", provider="CloudFormation", external_id=arn(STACK), configuration={"StackName": STACK})
OTHER = replace(ACTION, provider="Manual", category="Approval", external_id="")


@contextmanager
def _closing(aws: Aws) -> Iterator[Aws]:
    yield aws
    for service in ("codebuild", "logs", "cloudformation"):
        aws.client(service).close()


@pytest.fixture
def codebuild(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRecording]:
    del aws_environment
    with recorded_json() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEBUILD", recording.url)
        yield recording


@pytest.fixture
def aws(codebuild: JsonRecording) -> Iterator[Aws]:
    del codebuild
    with _closing(connect()) as found:
        yield found


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch, aws_environment: str) -> Iterator[Recording]:
    del aws_environment
    with recorded() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", recording.url)
        recording.on("GetTemplate", {"TemplateBody": TEMPLATE})
        yield recording


TEMPLATE = """\
Resources:
  Service:
    Type: AWS::ECS::Service
    Metadata: {'aws:copilot:description': 'An ECS service'}
"""


@pytest.fixture
def stream(aws: Aws) -> None:
    aws.logs.create_log_group(logGroupName=GROUP)
    aws.logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)


def build(*phases: tuple[str, str, str] | str, ended: float | None = None, log: bool = True, **more: Any) -> dict[str, Any]:
    """An answer to BatchGetBuilds; a phase has its status and a message unless it succeeded."""
    found = [phase if isinstance(phase, tuple) else (phase, "SUCCEEDED", "") for phase in phases]
    data = {
        "id": BUILD,
        "buildComplete": ended is not None,
        "phases": [
            {"phaseType": phase, "phaseStatus": status, "contexts": [{"statusCode": "CODE", "message": message}]}
            for phase, status, message in found
        ],
        "logs": {"groupName": GROUP, "streamName": STREAM} if log else {},
        **({"endTime": ended} if ended is not None else {}),
        **more,
    }
    return {"builds": [data], "buildsNotFound": []}


def put(aws: Aws, *lines: str) -> None:
    now = int(time.time() * 1000)
    events: Any = [{"timestamp": now, "message": line} for line in lines]
    aws.logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)


def own_line(text: str) -> str:
    return f"[Container] 2026/01/02 03:04:05.123 {text}\n"


def complete(phase: str, state: str = "SUCCEEDED", message: str = "") -> tuple[str, str]:
    return own_line(f"Phase complete: {phase} State: {state}"), own_line(f"Phase context status code:  Message: {message}")


def whole(logs: PipelineLogs, action: ActionExecution, aws: Aws) -> str:
    """A log to its end, read as a person does who follows it."""
    text, offset = "", 0
    while True:
        chunk = logs.read(action, aws, offset)
        text, offset = text + chunk.text, chunk.next_offset
        assert offset == len(text.encode())
        if chunk.finished:
            return text


LONG_AGO = 1_600_000_000.0


def test_a_build_that_waits_for_a_machine_has_one_line_that_stays(aws: Aws, codebuild: JsonRecording) -> None:
    codebuild.on("BatchGetBuilds", build("SUBMITTED", log=False))
    logs = PipelineLogs(aws)
    first = logs.read(ACTION, aws, 0)
    assert (first.text, first.finished) == (HEADER, False)
    again = logs.read(ACTION, aws, first.next_offset)
    assert (again.text, again.next_offset, again.finished) == ("", first.next_offset, False)


def test_what_a_build_prints_is_read_on_where_the_last_read_ended(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build("SUBMITTED", "PROVISIONING"))
    logs = PipelineLogs(aws)
    offset = logs.read(ACTION, aws, 0).next_offset
    put(aws, "one\n", "zwölf")
    chunk = logs.read(ACTION, aws, offset)
    assert chunk.text == "one\nzwölf\n"
    put(aws, "three\n")
    chunk = logs.read(ACTION, aws, chunk.next_offset)
    assert (chunk.text, chunk.finished) == ("three\n", False)
    codebuild.on("BatchGetBuilds", build("SUBMITTED", "PROVISIONING", "INSTALL", ended=LONG_AGO))
    assert logs.read(ACTION, aws, chunk.next_offset).finished


def test_another_process_skips_what_it_is_not_asked_for(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build("BUILD", ended=LONG_AGO))
    put(aws, "one\n", "zwölf\n", "three\n")
    everything = whole(PipelineLogs(aws), ACTION, aws).encode()
    assert everything.decode() == f"{HEADER}one\nzwölf\nthree\n"
    for offset in range(len(everything)):
        if everything[offset] & 0xC0 != 0x80:
            assert PipelineLogs(aws).read(ACTION, aws, offset).text == everything[offset:].decode() or offset < len(HEADER)
    beyond = PipelineLogs(aws).read(ACTION, aws, len(everything))
    assert (beyond.text, beyond.next_offset, beyond.finished) == ("", len(everything), True)


def test_who_reads_again_from_the_beginning_gets_all_of_it(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build("BUILD", ended=LONG_AGO))
    put(aws, "one\n")
    logs = PipelineLogs(aws)
    assert whole(logs, ACTION, aws) == whole(logs, ACTION, aws) == f"{HEADER}one\n"


@pytest.fixture
def pages(codebuild: JsonRecording, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[JsonRecording, Aws]]:
    """CloudWatch Logs as it is told to be."""
    codebuild.on("BatchGetBuilds", build("BUILD", ended=LONG_AGO))
    with recorded_json() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", recording.url)
        with _closing(connect()) as aws:
            yield recording, aws


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8), max_size=3), max_size=4
    )
)
def test_pages_make_one_text(pages: tuple[JsonRecording, Aws], pieces: list[list[str]]) -> None:
    """Also with empty pages in between; the token that stays the same is the end."""
    recording, aws = pages

    def page(request: dict[str, Any]) -> dict[str, Any]:
        number = int(request.get("nextToken", 0))
        events = [{"message": f"{line}\n", "timestamp": 1} for line in pieces[number]] if number < len(pieces) else []
        return {"events": events, "nextForwardToken": str(min(number + 1, len(pieces))), "nextBackwardToken": "0"}

    recording.on("GetLogEvents", page)
    text = whole(PipelineLogs(aws), ACTION, aws)
    expected = "".join(f"{line}\n" for piece in pieces for line in piece)
    if expected:
        assert text == HEADER + expected
    else:
        assert text.startswith(f"{HEADER}What it printed is gone")


def test_lines_that_come_after_the_end_of_the_build(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build("INSTALL", "POST_BUILD", ended=time.time()))
    put(aws, "built\n")
    late = threading.Timer(0.3, put, (aws, "pushed\n", *complete("POST_BUILD")))
    late.start()
    text = whole(PipelineLogs(aws), ACTION, aws)
    late.join()
    assert text == HEADER + "built\npushed\n" + "".join(complete("POST_BUILD"))


def test_nothing_is_waited_for_after_the_last_line(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build("INSTALL", "POST_BUILD", "FINALIZING", ended=time.time() + 3600))
    put(aws, *complete("INSTALL"), *complete("POST_BUILD"))
    began = time.monotonic()
    whole(PipelineLogs(aws, grace=60), ACTION, aws)
    assert time.monotonic() - began < 10


def test_a_build_that_was_stopped_prints_no_last_line(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build("INSTALL", ("BUILD", "STOPPED", ""), ended=time.time()))
    put(aws, *complete("INSTALL"), "half\n")
    assert whole(PipelineLogs(aws, grace=0.2), ACTION, aws).endswith("half\n")


def test_a_build_that_failed_before_it_printed_anything(aws: Aws, codebuild: JsonRecording) -> None:
    codebuild.on("BatchGetBuilds", build("SUBMITTED", ("PROVISIONING", "FAILED", "no such image"), ended=LONG_AGO))
    assert whole(PipelineLogs(aws), ACTION, aws) == f"{HEADER}PROVISIONING: CODE: no such image\n"
    assert PipelineLogs(aws).tail(ACTION, aws, 20) == ("CODE: no such image",)


def test_why_a_build_failed_is_added_if_its_log_does_not_say(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    phases = build("INSTALL", ("BUILD", "TIMED_OUT", "Build has timed out"), ("POST_BUILD", "FAILED", "exit 1"), ended=LONG_AGO)
    codebuild.on("BatchGetBuilds", phases)
    put(aws, "testing\n", own_line("Phase context status code: CODE Message: exit 1"))
    text = whole(PipelineLogs(aws), ACTION, aws)
    assert text.endswith("exit 1\nBUILD: CODE: Build has timed out\n")
    assert text.count("exit 1") == 1


def test_a_log_that_is_gone(aws: Aws, codebuild: JsonRecording) -> None:
    codebuild.on("BatchGetBuilds", build("INSTALL", ("BUILD", "FAILED", "exit 1"), ended=LONG_AGO))
    gone = f"What it printed is gone: log group {GROUP} was deleted, or its lines have expired\n"
    assert whole(PipelineLogs(aws), ACTION, aws) == f"{HEADER}BUILD: CODE: exit 1\n{gone}"
    codebuild.on("BatchGetBuilds", build("INSTALL", ended=LONG_AGO, log=False))
    assert "writes no log" in whole(PipelineLogs(aws), ACTION, aws)
    codebuild.on("BatchGetBuilds", {"builds": [], "buildsNotFound": [BUILD]})
    assert "does not know" in whole(PipelineLogs(aws), ACTION, aws)
    assert PipelineLogs(aws).tail(ACTION, aws, 20) == ()


def test_the_tail_is_that_of_the_first_phase_that_failed(aws: Aws, codebuild: JsonRecording, stream: None) -> None:
    del stream
    codebuild.on("BatchGetBuilds", build(("BUILD", "FAILED", "exit 2"), ("POST_BUILD", "FAILED", "exit 1"), ended=LONG_AGO))
    put(
        aws,
        own_line("Entering phase INSTALL"),
        own_line("Running command pip install pytest"),
        "Collecting pytest\n",
        *complete("INSTALL"),
        own_line("Entering phase BUILD"),
        own_line("Running command make test"),
        "1 failed\nmake: *** 2\n",
    )
    put(aws, own_line("Command did not exit successfully make test exit status 2"), *complete("BUILD", "FAILED", "exit 2"))
    put(
        aws,
        own_line("Entering phase POST_BUILD"),
        own_line("Running command copilot pipeline build"),
        "error: the build phase failed\n",
        *complete("POST_BUILD", "FAILED"),
    )
    logs = PipelineLogs(aws)
    assert logs.tail(ACTION, aws, 20) == ("$ make test", "1 failed", "make: *** 2")
    assert logs.tail(ACTION, aws, 1) == ("make: *** 2",)


def test_an_action_whose_build_could_not_be_started(aws: Aws) -> None:
    action = replace(ACTION, external_id="")
    logs = PipelineLogs(aws)
    assert not logs.read(action, aws, 0).finished
    assert whole(logs, replace(action, status="Failed", error="not allowed"), aws) == "not allowed\n"


def _in(cloudformation: Recording) -> Aws:
    del cloudformation
    return connect()


def test_what_cloudformation_did_for_an_action(cloudformation: Recording) -> None:
    """Not what it did before, and not what it did later."""
    cloudformation.happens(
        STACK,
        [own(STACK, "UPDATE_IN_PROGRESS", -9), own(STACK, "UPDATE_COMPLETE", -8)],
        [own(STACK, "UPDATE_IN_PROGRESS", 1, "User Initiated"), Event("Service", "UPDATE_IN_PROGRESS", 2)],
        [Event("Service", "UPDATE_COMPLETE", 5), own(STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 6)],
        [own(STACK, "UPDATE_COMPLETE", 7)],
        [own(STACK, "UPDATE_IN_PROGRESS", 20), Event("Service", "UPDATE_COMPLETE", 21), own(STACK, "UPDATE_COMPLETE", 22)],
    )
    with _closing(_in(cloudformation)) as aws:
        logs, text = PipelineLogs(aws), ""
        for _ in range(4):
            chunk = logs.read(DEPLOY, aws, len(text.encode()))
            text += chunk.text
            assert not chunk.finished
        ended = replace(DEPLOY, status="Succeeded", updated_at=BEGAN + 8)
        chunk = logs.read(ended, aws, len(text.encode()))
        assert chunk.finished
        text += chunk.text
        assert text == f"  ✓ An ECS service  3.0 s\n✓ {STACK}  6.0 s\n"
        assert whole(PipelineLogs(aws), ended, aws) == text


def test_a_deployment_that_failed(cloudformation: Recording) -> None:
    cloudformation.happens(
        STACK,
        [
            own(STACK, "UPDATE_IN_PROGRESS", 1, "User Initiated"),
            Event("Service", "UPDATE_IN_PROGRESS", 2),
            Event("Service", "UPDATE_FAILED", 5, "tasks failed to start"),
            own(STACK, "UPDATE_ROLLBACK_IN_PROGRESS", 6, "The following resource(s) failed to update: [Service]. "),
            Event("Service", "UPDATE_COMPLETE", 7),
            own(STACK, "UPDATE_ROLLBACK_COMPLETE", 8),
        ],
    )
    failed = replace(DEPLOY, status="Failed", updated_at=BEGAN + 9, error="stack failed")
    with _closing(_in(cloudformation)) as aws:
        text = whole(PipelineLogs(aws), failed, aws)
        assert "✗ An ECS service  3.0 s  tasks failed to start\n" in text
        assert "stack failed" not in text
        assert PipelineLogs(aws).tail(failed, aws, 20) == (
            "`Service` (AWS::ECS::Service) could not be updated: tasks failed to start",
        )


def test_a_deployment_that_cloudformation_refused(cloudformation: Recording) -> None:
    cloudformation.happens(STACK, [own(STACK, "UPDATE_IN_PROGRESS", 30), own(STACK, "UPDATE_COMPLETE", 31)])
    failed = replace(DEPLOY, status="Failed", updated_at=BEGAN + 9, error="no template")
    with _closing(_in(cloudformation)) as aws:
        assert whole(PipelineLogs(aws), failed, aws) == "no template\n"
        assert PipelineLogs(aws).tail(failed, aws, 20) == ()


def test_a_stack_that_is_not_there_yet(cloudformation: Recording) -> None:
    cloudformation.on("GetTemplate", Refusal("ValidationError", f"Stack {STACK} does not exist"))
    cloudformation.on("DescribeStacks", Refusal("ValidationError", f"Stack {STACK} does not exist"))
    with _closing(_in(cloudformation)) as aws:
        chunk = PipelineLogs(aws).read(replace(DEPLOY, external_id=""), aws, 0)
        assert (chunk.text, chunk.finished) == ("", False)


def test_what_a_person_decided(aws: Aws) -> None:
    def said(**more: Any) -> str:
        return whole(PipelineLogs(aws), replace(OTHER, **more), aws)

    assert said(status="Succeeded", summary="approved by ana: looks good") == "approved by ana: looks good\n"
    assert said(status="Failed", summary="not now", by="arn:aws:sts::1:assumed-role/Admin/ben") == "rejected by ben: not now\n"
    assert said(status="Failed", error="the approval has lapsed") == "the approval has lapsed\n"
    assert said(status="Abandoned") == "the execution was stopped\n"
    assert not PipelineLogs(aws).read(OTHER, aws, 0).finished


def test_the_commit(aws: Aws) -> None:
    variables = {"CommitId": "a1b2", "BranchName": "main", "AuthorDate": "2026-01-02T03:04:05Z", "CommitMessage": "Fix\n\nall\n"}
    source = replace(OTHER, category="Source", provider="GitHub", status="Succeeded", variables=variables, summary="Fix")
    assert whole(PipelineLogs(aws), source, aws) == "a1b2 of main, written 2026-01-02T03:04:05Z\nFix\n\nall\n"
    bare = replace(source, variables={})
    assert whole(PipelineLogs(aws), bare, aws) == "Fix\n"
