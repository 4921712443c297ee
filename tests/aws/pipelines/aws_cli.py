"""The ``aws`` program that CodeBuild's images have, as far as builds need it: ``aws SERVICE OPERATION --OPTION VALUE …``.

Options are those of the API, with text for values; ``--region``, ``--query`` and ``--output text|json`` mean what they do there.
It knows services that are asked by forms and answer in XML, such as CloudFormation and STS, and starts quickly: boto3 does not.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any
from xml.etree import ElementTree

import jmespath  # type: ignore[import-untyped]  # it has none

_OWN = ("region", "query", "output")
_VERSIONS = {"cloudformation": "2010-05-15", "sts": "2011-06-15"}


def main(arguments: list[str]) -> int:
    """Call an operation and print the answer; the answer here is the exit code."""
    service, operation, *rest = arguments
    options = {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}
    form = {_camel(option): value for option, value in options.items() if option not in _OWN}
    form |= {"Action": _camel(operation), "Version": _VERSIONS[service]}
    region = options.get("region") or os.environ["AWS_REGION"]
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{region}/{service}/aws4_request"
    # The emulator looks at who asks where, and not at whether it is signed.
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], urllib.parse.urlencode(form).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = ElementTree.fromstring(response.read())
    except urllib.error.HTTPError as error:
        print(f"\nAn error occurred: {error.read().decode()}", file=sys.stderr)  # noqa: T201 - a program's own
        return 254
    result = _value(answer[0])
    found = jmespath.search(options["query"], result) if "query" in options else result
    print(_text(found) if options.get("output") == "text" else json.dumps(found, indent=4))  # noqa: T201 - likewise
    return 0


def _camel(option: str) -> str:
    return "".join(part.capitalize() for part in option.split("-"))


def _value(element: ElementTree.Element) -> Any:
    if not len(element):
        return element.text or ""
    if all(_name(child) == "member" for child in element):
        return [_value(child) for child in element]
    return {_name(child): _value(child) for child in element}


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(value: Any) -> str:
    if value is None:
        return "None"
    return "\t".join(_text(each) for each in value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
