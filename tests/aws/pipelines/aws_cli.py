"""The ``aws`` program that CodeBuild's images have, as far as builds need it: ``aws SERVICE OPERATION --OPTION VALUE …``.

Options are those of the API, with text for values; ``--region``, ``--query`` and ``--output text|json`` mean what they do there.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import jmespath  # type: ignore[import-untyped]  # it has none
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import get_session

_OWN = ("region", "query", "output")


def main(arguments: list[str]) -> int:
    """Call an operation and print the answer; the answer here is the exit code."""
    service, operation, *rest = arguments
    options = {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}
    client = get_session().create_client(service, region_name=options.get("region") or os.environ.get("AWS_REGION"))
    model = client.meta.service_model
    name = next(each for each in model.operation_names if xform_name(each, "-") == operation)
    shape: Any = model.operation_model(name).input_shape
    members = {xform_name(each, "-"): each for each in shape.members}
    wanted = {members[option]: value for option, value in options.items() if option not in _OWN}
    try:
        answer = getattr(client, xform_name(name))(**wanted)
    except ClientError as error:
        print(f"\n{error}", file=sys.stderr)  # noqa: T201 - a program's own
        return 254
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(options["query"], answer) if "query" in options else answer
    print(_text(found) if options.get("output") == "text" else json.dumps(found, indent=4, default=str))  # noqa: T201 - likewise
    return 0


def _text(value: Any) -> str:
    if value is None:
        return "None"
    return "\t".join(_text(each) for each in value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
