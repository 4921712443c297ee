"""CloudFormation on loopback, with recorded answers: for what an emulator that is done at once never shows.

It speaks the query protocol, so that real boto3 talks to it, with its retries and its paging. It knows nothing: each operation
is answered with what was recorded for it, in turn, the last one again and again.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_PAGE = 2
"""Events on one page; AWS has 100."""

Value = str | Sequence["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True)
class Refusal:
    """An answer of AWS that is an error."""

    code: str
    message: str
    status: int = 400


Answer = Mapping[str, Value] | Refusal


def arn(name: str) -> str:
    """A stack's."""
    return f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/6f1c0a30"


def stack(name: str, status: str, **more: Value) -> Answer:
    """An answer to DescribeStacks."""
    data = {"StackName": name, "StackId": arn(name), "StackStatus": status, "CreationTime": _time(0), **more}
    return {"Stacks": [data]}


def change_set(status: str = "CREATE_COMPLETE", reason: str = "", changes: Sequence[Value] = ()) -> Answer:
    """An answer to DescribeChangeSet."""
    return {"Status": status, "StatusReason": reason, "Changes": changes}


@dataclass(frozen=True)
class Happening:
    """An event to come; ``at`` is in seconds since some moment."""

    logical_id: str
    status: str
    at: float = 0.0
    reason: str = ""
    type: str = "AWS::ECS::Service"
    physical_id: str = ""


def own(name: str, status: str, at: float = 0.0, reason: str = "") -> Happening:
    """An event of the stack itself."""
    return Happening(name, status, at, reason, "AWS::CloudFormation::Stack", arn(name))


@dataclass
class Recording:
    """What is answered, and what was asked.

    Attributes:
        url: Where it answers.
        asked: The operations and their arguments, in order.
    """

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    _coming: dict[str, list[list[tuple[int, Happening]]]] = field(default_factory=dict)
    _shown: dict[str, list[tuple[int, Happening]]] = field(default_factory=dict)
    _refused: list[Refusal] = field(default_factory=list)
    _count: int = 0

    def forget(self) -> None:
        """Begin anew, with nothing recorded and nothing asked."""
        self.asked.clear()
        self._answers.clear()
        self._coming.clear()
        self._shown.clear()
        self._refused.clear()

    def on(self, operation: str, *answers: Answer) -> None:
        """Answer an operation with these from now on, in turn."""
        self._answers[operation] = list(answers)

    def happens(self, name: str, *batches: Sequence[Happening]) -> None:
        """Show events of a stack: one more batch of them each time someone looks, the first one at the first look."""
        self._coming[arn(name)] = [[(self._next(), happening) for happening in batch] for batch in batches]
        self._shown[arn(name)] = []

    def refuses_events(self, *refusals: Refusal) -> None:
        """Answer the next questions for events, after the first one, with these errors."""
        self._refused += refusals

    def arguments(self, operation: str) -> list[dict[str, str]]:
        """Those of each request for that operation."""
        return [arguments for name, arguments in self.asked if name == operation]

    def operations(self) -> list[str]:
        """What was asked, without looking alone."""
        return [name for name, _ in self.asked if not name.startswith(("Describe", "List"))]

    def answer(self, arguments: dict[str, str]) -> tuple[int, str]:
        """Status and body for one request."""
        operation = arguments.pop("Action")
        arguments.pop("Version")
        self.asked.append((operation, arguments))
        answer = self._events(arguments) if operation == "DescribeStackEvents" else self._recorded(operation)
        if isinstance(answer, Refusal):
            error = f"<Error><Type>Sender</Type><Code>{answer.code}</Code><Message>{escape(answer.message)}</Message></Error>"
            return answer.status, f'<ErrorResponse xmlns="{_NAMESPACE}">{error}<RequestId>1</RequestId></ErrorResponse>'
        result = f"<{operation}Result>{_xml(answer)}</{operation}Result>"
        meta = "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
        return 200, f'<{operation}Response xmlns="{_NAMESPACE}">{result}{meta}</{operation}Response>'

    def _recorded(self, operation: str) -> Answer:
        answers = self._answers[operation] or [{}]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _events(self, arguments: dict[str, str]) -> Answer:
        stack_id = arguments["StackName"]
        if stack_id not in self._coming:
            return Refusal("ValidationError", f"Stack [{stack_id}] does not exist")
        shown = self._shown[stack_id]
        start = int(arguments.get("NextToken", 0))
        if not start:
            if self._refused and shown:
                return self._refused.pop(0)
            if self._coming[stack_id]:
                shown += self._coming[stack_id].pop(0)
        newest_first = shown[::-1]
        page = newest_first[start : start + _PAGE]
        more = {"NextToken": str(start + _PAGE)} if start + _PAGE < len(newest_first) else {}
        return {"StackEvents": [_event(stack_id, number, event) for number, event in page], **more}

    def _next(self) -> int:
        self._count += 1
        return self._count


def _event(stack_id: str, number: int, event: Happening) -> dict[str, Value]:
    return {
        "StackId": stack_id,
        "EventId": str(number),
        "StackName": stack_id.split("/")[1],
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": _time(event.at),
        "ResourceStatus": event.status,
        **({"ResourceStatusReason": event.reason} if event.reason else {}),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(1_800_000_000 + seconds, UTC).isoformat(timespec="milliseconds")


def _xml(value: Value) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Mapping):
        return "".join(f"<{key}>{_xml(inner)}</{key}>" for key, inner in value.items())
    return "".join(f"<member>{_xml(inner)}</member>" for inner in value)


@contextmanager
def recorded() -> Iterator[Recording]:
    """An endpoint that answers as it was told to."""
    recording = Recording()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            arguments = {key: values[0] for key, values in parse_qs(body, keep_blank_values=True).items()}
            status, text = recording.answer(arguments)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            recording.url = f"http://127.0.0.1:{server.server_address[1]}"
            yield recording
        finally:
            server.shutdown()
            thread.join()
