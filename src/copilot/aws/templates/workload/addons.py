"""The nested stack of what a workload's ``addons/`` folder adds."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Template, cloudformation

from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.environment_variables import ADDONS_STACK, CONTROLLER
from copilot.aws.templates.workload.network import environment_needs
from copilot.aws.templates.workload.settings import WorkloadSettings


def add_addons(template: Template, settings: WorkloadSettings) -> None:
    """Add the nested stack, if the workload has addons.

    The template must have, or get, the parameters AppName, EnvName, WorkloadName and AddonsTemplateURL.
    """
    if settings.addons is None:
        return
    # Addons may import what the environment makes for the workload.
    after: dict[str, Any] = {"DependsOn": [CONTROLLER]} if environment_needs(settings) else {}
    given = {"App": Ref("AppName"), "Env": Ref("EnvName"), "Name": Ref("WorkloadName")}
    template.add_resource(
        cloudformation.Stack(
            ADDONS_STACK,
            Parameters={**given, **settings.addons.parameters},
            TemplateURL=Ref("AddonsTemplateURL"),
            # Each resource in it has a policy of its own.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Metadata=described("A stack of the resources in your addons folder"),
            **after,
        )
    )
