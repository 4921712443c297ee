"""Whatever a manifest says: a template that holds to all that is said of ours, or a sentence for each thing that is wrong."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.aws.templates.pipeline.checks import problems
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions, render
from tests.aws.policies import assert_least_privilege
from tests.aws.templates.pipeline.pipelines import CONNECTION, REPOSITORIES, settings_of, source

_NAMES = st.text("ab.-_@", min_size=1, max_size=4)
_ENVIRONMENTS = ("test", "stage", "prod-eu")


@st.composite
def pipelines(draw: st.DrawFn) -> PipelineSettings:
    provider = draw(st.sampled_from(sorted(REPOSITORIES)))
    properties = draw(st.sets(st.sampled_from(["output_artifact_format: CODEBUILD_CLONE_REF", "connection_name: ours"])))
    paths = draw(st.lists(st.sampled_from(["api/**", "'*.md'"]), unique=True))
    text = source(provider, *sorted(properties), paths=paths)
    text += f"execution_mode: {draw(st.sampled_from(['superseded', 'queued', 'parallel']))}\nstages:\n"
    for name in draw(st.lists(st.sampled_from(_ENVIRONMENTS), min_size=1, unique=True)):
        text += f"  - name: {name}\n    on_failure: {draw(st.sampled_from(['stop', 'retry', 'rollback']))}\n"
        text += f"    requires_approval: {draw(st.booleans())}\n"
        used: set[str] = set()
        after = draw(st.sampled_from(["post_deployments", "test_commands", ""]))
        for key in ("pre_deployments", after):
            hooks = draw(st.sets(_NAMES, max_size=2)) - used
            used |= hooks
            if key == "test_commands":
                text += "    test_commands: [make test]\n"
            elif key and hooks:
                listed = ", ".join(f"'{hook}': {{buildspec: copilot/hook.yml}}" for hook in sorted(hooks))
                text += f"    {key}: {{{listed}}}\n"
    return settings_of(
        text,
        regions=draw(st.dictionaries(st.sampled_from(_ENVIRONMENTS), st.just("eu-west-1"))),
        connection_arn=CONNECTION if "connection_name: ours" in properties else None,
        oldest_layout=draw(st.booleans()),
        permissions_boundary=draw(st.sampled_from([None, "bounds"])),
    )


@settings(max_examples=40, deadline=None)
@given(pipelines())
def test_any_pipeline(pipeline: PipelineSettings) -> None:
    found = problems(pipeline)
    if found:
        assert all(problem.path and problem.message for problem in found)
        return
    template = render(pipeline_stack(pipeline).template)
    assert template == render(pipeline_stack(pipeline).template)
    data = read_template(template)
    assert set(descriptions(data)) == set(data["Resources"])
    assert_least_privilege(template)
    projects = {name for name, resource in data["Resources"].items() if resource["Type"] == "AWS::CodeBuild::Project"}
    stages = data["Resources"]["Pipeline"]["Properties"]["Stages"]
    asked = [action["Configuration"].get("ProjectName", {}).get("Ref") for stage in stages for action in stage["Actions"]]
    assert sorted(filter(None, asked)) == sorted(projects)
