"""moto's server, with what CloudFormation does and moto 5.1 does not when a change set is executed.

In moto, a stack that is made by a change set cannot import the exports of other stacks, and neither its outputs nor its exports
are there afterwards; a direct CreateStack does all that.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation.models import CloudFormationBackend


def mend() -> None:
    """Let change sets do what they do in CloudFormation."""
    create, execute = CloudFormationBackend.create_change_set, CloudFormationBackend.execute_change_set

    def create_change_set(self: CloudFormationBackend, *args: Any, **kwargs: Any) -> tuple[str, str]:
        abandoned = [one for one in self.stacks.values() if one.status == "REVIEW_IN_PROGRESS"]
        change_set_id, stack_id = create(self, *args, **kwargs)
        stack = self.stacks[stack_id]
        stack.cross_stack_resources = stack.resource_map.cross_stack_resources = self.exports
        for one in abandoned:  # moto makes a second stack of that name, and keeps answering with the first
            if one.name == stack.name and one.stack_id != stack_id:
                del self.stacks[one.stack_id]
        return change_set_id, stack_id

    def execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
        execute(self, change_set_name, stack_name)
        change_set = self.describe_change_set(change_set_name)
        assert change_set is not None
        stack = self.stacks[change_set.stack_id]
        for export in stack.exports:
            self.exports.pop(export.name, None)
        stack.template_dict = change_set.template_dict
        stack.parameters = change_set.parameters
        stack.tags = change_set.tags or stack.tags
        stack.output_map = stack._create_output_map()
        for export in stack.exports:
            self.exports[export.name] = export

    CloudFormationBackend.create_change_set = create_change_set  # type: ignore[method-assign]  # that is what this is for
    CloudFormationBackend.execute_change_set = execute_change_set  # type: ignore[method-assign]
