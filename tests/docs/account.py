"""The emulator of AWS, for everything in the documents: run as ``python -m tests.docs.account``.

It is the one whose pipelines run. Beside what that has, the stack inside of a stack that addons are in has outputs.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation import models, parsing

from tests.aws.pipelines import emulator
from tests.cli.aws import emulator as workloads


def _clean_json(node: Any, resources: Any) -> Any:
    if isinstance(node, dict) and isinstance(node.get("Fn::GetAtt"), list):
        logical_id, *attribute = node["Fn::GetAtt"]
        node = {"Fn::GetAtt": [logical_id, ".".join(attribute)]}
    return workloads._without_nothing(node, resources)


def _output(self: models.Stack, attribute: str) -> Any:
    return {each["OutputKey"]: each["OutputValue"] for each in self.outputs or ()}[attribute.removeprefix("Outputs.")]


def mend() -> None:
    """Let stacks have outputs that the stack around them reads."""
    setattr(parsing, "clean_json", _clean_json)  # noqa: B010 - the type checker lets no function be assigned
    setattr(models.Stack, "get_cfn_attribute", _output)  # noqa: B010 - likewise


if __name__ == "__main__":
    emulator.mend()
    mend()
    emulator.serve()
