from __future__ import annotations

import pytest

from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.loader import parse
from copilot.manifest.pipeline import PipelineManifest

FULL = """\
name: shop-main
version: 1

source:
  provider: GitHub
  properties:
    repository: https://github.com/ana/shop
    branch: main
    access_token_secret: github-token-shop
    connection_name: shop
    output_artifact_format: CODEBUILD_CLONE_REF
  paths: [services/**, Makefile]

execution_mode: queued

build:
  image: aws/codebuild/amazonlinux-x86_64-standard:5.0
  buildspec: copilot/buildspec.yml
  compute: BUILD_GENERAL1_SMALL
  timeout: 30
  additional_policy:
    PolicyDocument:
      Version: 2012-10-17
      Statement:
        - {Effect: Allow, Action: "ecr:*", Resource: "*", Condition: {NumericEquals: {"ours:count": 3}}}
  variables:
    CI: true

stages:
  - name: test
    requires_approval: no
    test_commands:
      - make test
      - true
  - name: prod
    requires_approval: true
    pre_deployments:
      migrate:
        buildspec: copilot/migrate.yml
    post_deployments:
      warm:
        buildspec: copilot/warm.yml
      check:
        buildspec: copilot/check.yml
        depends_on: [warm]
    deployments:
      api:
      web:
        depends_on: [api]
        stack_name: shop-prod-web
        template_path: infrastructure/web.yml
        template_config: infrastructure/web.json
    on_failure: rollback
"""


def problems(text: str) -> list[Diagnostic]:
    with pytest.raises(ManifestError) as caught:
        parse(text, PipelineManifest, "copilot/pipeline.yml")
    return list(caught.value.diagnostics)


def changed(old: str, new: str) -> str:
    assert FULL.count(old) == 1, f"{old!r} is there {FULL.count(old)} times"
    return FULL.replace(old, new)


def test_every_key() -> None:
    model = parse(FULL, PipelineManifest, "copilot/pipeline.yml").model
    assert model.name == "shop-main"
    assert model.execution_mode == "queued"
    assert model.source.provider == "GitHub"
    assert model.source.properties.branch == "main"
    assert model.source.properties.output_artifact_format == "CODEBUILD_CLONE_REF"
    assert model.source.paths == ("services/**", "Makefile")
    assert model.build is not None
    assert model.build.timeout == 30
    assert model.build.variables == {"CI": "true"}
    assert model.build.additional_policy is not None
    assert model.build.additional_policy.PolicyDocument == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*", "Condition": {"NumericEquals": {"ours:count": 3}}}],
    }
    test, prod = model.stages
    assert (test.name, test.requires_approval, test.test_commands, test.on_failure) == (
        "test",
        False,
        ("make test", "true"),
        "stop",
    )
    assert prod.requires_approval
    assert prod.deployments is not None
    assert prod.deployments["api"] is None
    assert prod.deployments["web"] is not None
    assert prod.deployments["web"].depends_on == ("api",)
    assert prod.post_deployments is not None
    assert prod.post_deployments["check"].depends_on == ("warm",)
    assert prod.on_failure == "rollback"


def test_only_what_is_needed() -> None:
    text = "name: p\nsource: {provider: Git, properties: {repository: /srv/p.git, branch: main}}\nstages: [{name: test}]\n"
    model = parse(text, PipelineManifest, "x").model
    assert model.execution_mode == "superseded"
    assert model.build is None
    assert model.stages[0].deployments is None
    assert model.stages[0].test_commands is None


NAME_HINT = "allowed are letters, digits and `.`, `@`, `-`, `_`"
TEXT_HINT = "use lowercase letters, digits and single hyphens, such as `my-shop`"


@pytest.mark.parametrize(
    ("old", "new", "position", "message", "hint"),
    [
        # Keys
        ("requires_approval: true", "require_approval: true", "36:5+16", "unknown key `require_approval` in stage `prod`",
         "did you mean `requires_approval`?"),
        ("    test_commands:", "    test-commands:", "32:5+13", "unknown key `test-commands` in stage `test`",
         "did you mean `test_commands`?"),
        ("stages:\n", "Stages:\n", "29:1+6", "unknown key `Stages`", "did you mean `stages`?"),
        ("  provider: GitHub\n", "  provider: GitHub\n  zone: 3\n", "6:3+4", "unknown key `zone` in `source`", None),
        ("        depends_on: [warm]", "        dependsOn: [warm]", "45:9+9",
         "unknown key `dependsOn` in `post_deployments.check` of stage `prod`", "did you mean `depends_on`?"),
        # Missing and empty
        ("name: shop-main\n", "", "1:1+7", "`name` is missing", "such as `name: shop-main`"),
        ("    repository: https://github.com/ana/shop\n", "", "6:3+10", "`repository` is missing in `source.properties`",
         "such as `repository: https://github.com/ana/shop`"),
        ("    branch: main\n", "", "6:3+10", "`branch` is missing in `source.properties`",
         "such as `branch: main`"),
        ("    branch: main\n", "    branch:\n", "8:5+6", "`source.properties.branch` has no value",
         "give it one, or remove the line"),
        ("name: shop-main", 'name: ""', "1:7+2", "`name` must not be empty", NAME_HINT),
        ("branch: main", 'branch: " "', "8:13+3", "`source.properties.branch` must not be empty", None),
        ("  - name: test\n    requires_approval: no", "  - requires_approval: no", "30:5+17",
         "`name` is missing in item 1 of `stages`", None),
        ("        buildspec: copilot/migrate.yml\n", "", "38:7+7",
         "`pre_deployments.migrate` in stage `prod` has no value", None),
        ("version: 1\n", "version: 1\nversion: 1\n", "3:1+7", "the key `version` is there twice", "the first is in line 2"),
        # Types
        ("timeout: 30", "timeout: [30]", "20:12+4", "`build.timeout` must be a whole number, not a list", None),
        ("timeout: 30", 'timeout: "30"', "20:12+4", "`build.timeout` must be a whole number, not text", "remove the quotes"),
        ("timeout: 30", "timeout: 30.5", "20:12+4", "`build.timeout` must be a whole number, not a number", None),
        ("timeout: 30", "timeout: true", "20:12+4", "`build.timeout` must be a whole number, not true or false", None),
        ("requires_approval: true", "requires_approval: maybe", "36:24+5",
         "`requires_approval` in stage `prod` must be true or false, not text", None),
        ("branch: main", "branch: [main]", "8:13+6", "`source.properties.branch` must be text, not a list", None),
        ("branch: main", "branch: {main: x}", "8:13+9", "`source.properties.branch` must be text, not a mapping", None),
        ("depends_on: [api]", "depends_on: api", "49:21+3",
         "`deployments.web.depends_on` in stage `prod` must be a list, not text",
         "write it in `[ ]`, or after `- ` in a line of its own"),
        ("  variables:\n    CI: true", "  variables: [CI]", "26:14+4",
         "`build.variables` must be a mapping of keys to values, not a list", None),
        ("- make test", "- echo a: b", "33:9+9", "item 1 of `test_commands` in stage `test` must be text, not a mapping",
         "put the whole command in quotes: YAML takes `: ` for a key and its value"),
        # Values
        ("version: 1", "version: 2", "2:10+1", "`version` must be 1, not `2`", None),
        ("version: 1", "version: true", "2:10+4", "`version` must be a whole number, not true or false", None),
        ("provider: GitHub", "provider: Github", "5:13+6",
         "`source.provider` must be `GitHub`, `GitHubV1`, `Bitbucket`, `CodeCommit`, `GitLab` or `Git`, not `Github`", None),
        ("execution_mode: queued", "execution_mode: 3", "14:17+1",
         "`execution_mode` must be `superseded`, `queued` or `parallel`, not `3`", None),
        ("timeout: 30", "timeout: 4", "20:12+1", "`build.timeout` must be at least 5, not 4", None),
        ("timeout: 30", "timeout: 2161", "20:12+4", "`build.timeout` must be at most 2160, not 2161", None),
        ("[services/**, Makefile]", "[]", "12:10+2", "`source.paths` must not be an empty list",
         "remove it: then every push starts an execution"),
        ("[services/**, Makefile]", "[a, b, c, d, e, f, g, h, i]", "12:10+27",
         "`source.paths` must have at most 8 items, not 9", None),
        ("Makefile", "M" * 256, "12:24+256", "item 2 of `source.paths` must have at most 255 characters, not 256", None),
        # Names
        ("name: shop-main", "name: shop main", "1:7+9", "`name` must not contain a space", NAME_HINT),
        ("name: shop-main", "name: " + "n" * 101, "1:7+101", "`name` must have at most 100 characters, not 101", NAME_HINT),
        ("      warm:\n", "      warm/up:\n", "41:7+7",
         "`post_deployments.warm/up` in stage `prod` must not contain `/`", NAME_HINT),
        ("- name: prod", "- name: Prod", "35:11+4",
         "`name` in stage `Prod` must begin with a lowercase letter, not `P`", TEXT_HINT),
        ("- name: prod", "- name: prod_", "35:11+5", "`name` in stage `prod_` must not contain `_`", TEXT_HINT),
        ("- name: prod", "- name: test", "35:11+4", "stage `test` is there twice", "an environment has one stage"),
        # Nothing that a program could take for an option
        ("branch: main", "branch: --upload-pack=x", "8:13+15", "`source.properties.branch` must not begin with a hyphen", None),
        ("branch: main", "branch: a b", "8:13+3",
         "`source.properties.branch` must not contain spaces or control characters", None),
        ("https://github.com/ana/shop", '"-x"', "7:17+4", "`source.properties.repository` must not begin with a hyphen",
         "write `./` in front of it"),
        ("https://github.com/ana/shop", r'"a\nb"', "7:17+6",
         "`source.properties.repository` must not contain control characters", None),
        ("buildspec: copilot/buildspec.yml", "buildspec: -x", "18:14+2", "`build.buildspec` must not begin with a hyphen",
         "write `./` in front of it"),
        # Several keys together
        ("    post_deployments:", "    test_commands: [x]\n    post_deployments:", "40:5+13",
         "`test_commands` and `post_deployments` cannot be used together in one stage",
         "run the commands from the buildspec of a post-deployment"),
    ],
)  # fmt: skip
def test_bad_manifest(old: str, new: str, position: str, message: str, hint: str | None) -> None:
    (d,) = problems(changed(old, new))
    assert (f"{d.line}:{d.column}+{d.length}", d.message, d.hint) == (position, message, hint)


@pytest.mark.parametrize("key", ["source", "stages"])
def test_missing_section(key: str) -> None:
    begin = FULL.index(f"\n{key}:")
    end = FULL.index("\nexecution_mode:") if key == "source" else len(FULL)
    assert [d.message for d in problems(FULL[:begin] + FULL[end:])] == [f"`{key}` is missing"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[]", "`stages` must not be empty"),
        ("", "`stages` has no value"),
        ("test", "`stages` must be a list, not text"),
        ("{test: {}}", "`stages` must be a list, not a mapping"),
        ("[test]", "item 1 of `stages` must be a mapping of keys to values, not text"),
        ("[{}]", "`name` is missing in item 1 of `stages`"),
    ],
)
def test_stages(written: str, message: str) -> None:
    (diagnostic,) = problems(FULL[: FULL.index("stages:")] + f"stages: {written}\n")
    assert (diagnostic.line, diagnostic.message) == (29, message)


def test_everything_at_once_in_the_order_of_the_file() -> None:
    text = FULL.replace("branch: main", "branch: [x]").replace("timeout: 30", "timeout: 1").replace("rollback", "rolback")
    text = text.replace("- name: prod", "- name: test").replace("provider:", "Provider:") + "extra: 1\n"
    found = problems(text)
    assert [d.line for d in found] == [5, 8, 20, 35, 53, 54]
    assert found == sorted(found, key=lambda d: (d.line, d.column))


def test_message_as_it_is_shown() -> None:
    with pytest.raises(ManifestError) as caught:
        parse(changed("requires_approval: true", "require_approval: true"), PipelineManifest, "copilot/pipeline.yml")
    assert caught.value.render() == (
        "error: copilot/pipeline.yml:36:5: unknown key `require_approval` in stage `prod`\n"
        "   36 |     require_approval: true\n"
        "      |     ^^^^^^^^^^^^^^^^ did you mean `requires_approval`?\n"
        "\n"
        "1 error in copilot/pipeline.yml; nothing was changed"
    )
