"""Manifests that are wrong in one way each: both engines say the same of each, at its place, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import ManifestError
from copilot.validation import check_pipeline
from copilot.workspace import Workspace

HEAD = """\
name: main
source:
  provider: GitHub
  properties:
    repository: https://github.com/ana/shop
    branch: main
"""
STAGES = "stages:\n  - name: test\n"
BUILDSPEC = "version: 0.2\nphases: {build: {commands: [make]}}\n"
WEB = "name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n"

# What is replaced in the head, by what
IN_THE_HEAD = (
    (("name: main\n", ""), "1:1 `name` is missing"),
    (("name: main", "name:"), "1:1 `name` has no value"),
    (("name: main", "name: ''"), "1:7 `name` must not be empty"),
    (("name: main", "name: a b"), "1:7 `name` must not contain a space"),
    (("name: main", "name: ../a"), "1:7 `name` must not contain `/`"),
    (("name: main", "name: [a]"), "1:7 `name` must be text, not a list"),
    (("name: main", "name: " + "a" * 101), "1:7 `name` must have at most 100 characters, not 101"),
    (("name: main", "name: main\nversion: 2"), "2:10 `version` must be 1, not `2`"),
    (("name: main", "name: main\nversion: '1'"), "2:10 `version` must be a whole number, not text"),
    (
        ("provider: GitHub", "provider: Svn"),
        "3:13 `source.provider` must be `GitHub`, `GitHubV1`, `Bitbucket`, `CodeCommit`, `GitLab` or",
    ),
    (("  provider: GitHub\n", ""), "2:1 `provider` is missing in `source`"),
    (("    branch: main\n", ""), "4:3 `branch` is missing in `source.properties`"),
    (("branch: main", "branch: [main]"), "6:13 `source.properties.branch` must be text, not a list"),
    (("branch: main", "branch: a..b"), "6:13 `a..b` cannot be the name of a branch: it has `..`"),
    (("branch: main", "branch: feature/*"), "6:13 `feature/*` cannot be the name of a branch: it has `*`"),
    (("branch: main", "branch: main\n    branches: [a]"), "7:5 unknown key `branches` in `source.properties`"),
    (
        ("branch: main", "branch: main\n    connection_name: " + "c" * 33),
        "7:22 `source.properties.connection_name` must have at most 32 characters, not 33",
    ),
    (
        ("branch: main", "branch: main\n    output_artifact_format: ZIP"),
        "7:29 `source.properties.output_artifact_format` must be `CODE_ZIP` or `CODEBUILD_CLONE_REF`, not",
    ),
    (
        ("branch: main", "branch: main\n    access_token_secret: {name: a}"),
        "7:26 `source.properties.access_token_secret` must be text, not a mapping",
    ),
    (
        ("https://github.com/ana/shop", "ext::sh -c id"),
        "5:17 `ext::sh -c id` cannot be used as a repository: `ext::` runs a program instead of naming a",
    ),
    (
        ("https://github.com/ana/shop", "https://ana:secret@github.com/ana/shop"),
        "5:17 the repository's URL must not hold a user or a token",
    ),
    (("https://github.com/ana/shop", "''"), "5:17 `source.properties.repository` must not be empty"),
    (("branch: main", "branch: main\n  paths: []"), "7:10 `source.paths` must not be an empty list"),
    (("branch: main", "branch: main\n  paths: src/**"), "7:10 `source.paths` must be a list, not text"),
    (
        ("branch: main", "branch: main\n  paths: [a, b, c, d, e, f, g, h, i]"),
        "7:10 `source.paths` must have at most 8 items, not 9",
    ),
    (
        ("branch: main", "branch: main\n  paths: [" + "a" * 256 + "]"),
        "7:11 item 1 of `source.paths` must have at most 255 characters, not 256",
    ),
    (("branch: main", "branch: main\n  paths: [a, a]"), "7:14 `a` is there twice"),
    (("branch: main", "branch: main\n  paths: ['!a']"), "7:11 item 1 of `source.paths` cannot begin with `!`"),
    (("branch: main", "branch: main\n  paths: [/a]"), "7:11 item 1 of `source.paths` matches no file of the repository"),
    (("branch: main", "branch: main\n  paths: [a/../../b]"), "7:11 item 1 of `source.paths` matches no file of the repository"),
)

# What stands between the head and the stages
KEYS = (
    ("trigger: push\n", "7:1 unknown key `trigger`"),
    ("execution_mode: QUEUED\n", "7:17 `execution_mode` must be `superseded`, `queued` or `parallel`, not `QUEUED`"),
    ("execution_mode:\n", "7:1 `execution_mode` has no value"),
    ("build: Dockerfile\n", "7:8 `build` must be a mapping of keys to values, not text"),
    ("build: {dockerfile: a}\n", "7:9 unknown key `dockerfile` in `build`"),
    ("build: {image: 'My/Image:1'}\n", "7:16 `build.image` cannot be `My/Image:1`: this is no name of an image"),
    ("build: {image: [a]}\n", "7:16 `build.image` must be text, not a list"),
    ("build: {compute: HUGE}\n", "7:18 `build.compute` must be `BUILD_GENERAL1_SMALL`, `BUILD_GENERAL1_MEDIUM`,"),
    ("build: {timeout: 4}\n", "7:18 `build.timeout` must be at least 5, not 4"),
    ("build: {timeout: 2161}\n", "7:18 `build.timeout` must be at most 2160, not 2161"),
    ("build: {timeout: 1h}\n", "7:18 `build.timeout` must be a whole number, not text"),
    ("build: {timeout: 5.5}\n", "7:18 `build.timeout` must be a whole number, not a number"),
    ("build: {variables: [A]}\n", "7:20 `build.variables` must be a mapping of keys to values, not a list"),
    ("build: {variables: {A: {b: c}}}\n", "7:24 `build.variables.A` must be text, not a mapping"),
    ("build: {variables: {A: }}\n", "7:21 `build.variables.A` has no value"),
    (
        "build: {variables: {CODEBUILD_A: b}}\n",
        "7:21 `build.variables.CODEBUILD_A` must not begin with `CODEBUILD_`: these names are CodeBuild's own",
    ),
    ("build: {variables: {a-b: c}}\n", "7:21 `build.variables.a-b` cannot be read by a shell"),
    ('build: {variables: {A: "\\0"}}\n', "7:24 `build.variables.A` must not contain the character U+0000"),
    ("build: {variables: {A: " + "b" * 131_070 + "}}\n", "7:24 `build.variables.A` must have less than 131,072 bytes"),
    ("build: {buildspec: ../a.yml}\n", "7:20 the buildspec `../a.yml` is outside of the repository"),
    ("build: {buildspec: /etc/passwd}\n", "7:20 the buildspec `/etc/passwd` is outside of the repository"),
    ("build: {buildspec: a.yml}\n", "7:20 the buildspec `a.yml` does not exist"),
    ("build: {additional_policy: a}\n", "7:28 `build.additional_policy` must be a mapping of keys to values, not text"),
    ("build: {additional_policy: {PolicyDocument: {Version: 2012-10-17}}}\n", "7:29 an IAM policy document needs a `Statement`"),
    (
        "build: {additional_policy: {PolicyDocument: {Statement: [{Effect: allow, Action: 's3:*', Resource: '*'}]}}}\n",
        "7:67 `Effect` in item 1 of `Statement` must be `Allow` or `Deny`, not `allow`",
    ),
    (
        "build: {additional_policy: {PolicyDocument: {Statement: [{Effect: Allow, Action: GetObject, Resource: '*'}]}}}\n",
        "7:82 `Action` in item 1 of `Statement` cannot be `GetObject`",
    ),
    (
        "build: {additional_policy: {PolicyDocument: {Statement: [{Effect: Allow, Actions: 's3:*', Resource: '*'}]}}}\n",
        "7:74 unknown key `Actions` in item 1 of `Statement`",
    ),
)

# In place of the stages
OTHER_STAGES = (
    ("", "1:1 `stages` is missing"),
    ("stages:\n", "7:1 `stages` has no value"),
    ("stages: []\n", "7:9 `stages` must not be empty"),
    ("stages: test\n", "7:9 `stages` must be a list, not text"),
    ("stages: {test: {}}\n", "7:9 `stages` must be a list, not a mapping"),
    ("stages: [test]\n", "7:10 item 1 of `stages` must be a mapping of keys to values, not text"),
    ("stages: [~]\n", "7:10 item 1 of `stages` has no value"),
    ("stages: [{requires_approval: true}]\n", "7:10 `name` is missing in item 1 of `stages`"),
    ("stages: [{name: Test}]\n", "7:17 `name` in stage `Test` must begin with a lowercase letter, not `T`"),
    ("stages: [{name: test}, {name: test}]\n", "7:31 stage `test` is there twice"),
    ("stages: [{name: staging}]\n", "7:17 environment `staging` does not exist in application `shop`"),
    ("stages: *a\n", "7:9 there is no anchor of this name before this alias"),
    ("stages:\n\t- name: test\n", "8:1 a tab cannot be used here"),
    ("stages: [{<<: [1], name: test}]\n", "7:11 `<<` must be followed by an alias of a mapping"),
)

# What the stage has besides its name
IN_A_STAGE = (
    ("require_approval: true", "9:5 unknown key `require_approval` in stage `test`"),
    ("requires_approval: 'true'", "9:24 `requires_approval` in stage `test` must be true or false, not text"),
    ("requires_approval: 1", "9:24 `requires_approval` in stage `test` must be true or false, not a whole number"),
    ("requires_approval:", "9:5 `requires_approval` in stage `test` has no value"),
    ("requires_approval: true\nrequires_approval: false", "10:5 the key `requires_approval` is there twice"),
    ("on_failure: abort", "9:17 `on_failure` in stage `test` must be `stop`, `rollback` or `retry`, not `abort`"),
    ("test_commands: make test", "9:20 `test_commands` in stage `test` must be a list, not text"),
    ("test_commands: [{a: b}]", "9:21 item 1 of `test_commands` in stage `test` must be text, not a mapping"),
    ("test_commands:\n  - echo: done", "10:9 item 1 of `test_commands` in stage `test` must be text, not a mapping"),
    ("test_commands: ['']", "9:21 item 1 of `test_commands` in stage `test` must not be empty"),
    (
        "test_commands: [make]\npost_deployments: {a: {buildspec: copilot/buildspec.yml}}",
        "9:5 `test_commands` and `post_deployments` cannot be used together in one stage",
    ),
    ("post_deployments: [a]", "9:23 `post_deployments` in stage `test` must be a mapping of keys to values, not a list"),
    ("post_deployments: {a: }", "9:24 `post_deployments.a` in stage `test` has no value"),
    ("post_deployments: {a: {}}", "9:24 `buildspec` is missing in `post_deployments.a` of stage `test`"),
    ("post_deployments: {a: {buildspec: b.yml}}", "9:39 the buildspec `b.yml` does not exist"),
    (
        "post_deployments: {'a b': {buildspec: copilot/buildspec.yml}}",
        "9:24 `post_deployments.a b` in stage `test` must not contain a space",
    ),
    ("pre_deployments: {a: {buildspec: copilot/buildspec.yml, depends_on: [a]}}", "9:61 `a` depends on itself"),
    (
        "pre_deployments: {a: {buildspec: copilot/buildspec.yml, depends_on: [b]}}",
        "9:74 `a` depends on `b`, which is not among the `pre_deployments` of stage `test`",
    ),
    (
        "pre_deployments: {a: {buildspec: copilot/buildspec.yml, depends_on: b}}",
        "9:73 `pre_deployments.a.depends_on` in stage `test` must be a list, not text",
    ),
    (
        "pre_deployments: {a: {buildspec: copilot/buildspec.yml, image: b}}",
        "9:61 unknown key `image` in `pre_deployments.a` of stage `test`",
    ),
    (
        "pre_deployments: {CreateOrUpdate-web-test: {buildspec: copilot/buildspec.yml}}",
        "9:23 stage `test` has another action named `CreateOrUpdate-web-test`",
    ),
    ("deployments:", "9:5 `deployments` in stage `test` has no value"),
    ("deployments: {}", "9:18 `deployments` in stage `test` must not be empty"),
    ("deployments: [web]", "9:18 `deployments` in stage `test` must be a mapping of keys to values, not a list"),
    ("deployments: {wep: }", "9:19 workload `wep` does not exist in this workspace"),
    ("deployments: {web: true}", "9:24 `deployments.web` in stage `test` must be a mapping of keys to values, not true or false"),
    ("deployments: {web: {depends_on: [web]}}", "9:25 `web` depends on itself"),
    (
        "deployments: {web: {depends_on: [api]}}",
        "9:38 `web` depends on `api`, which is not among the `deployments` of stage `test`",
    ),
    ("deployments: {web: {after: [api]}}", "9:25 unknown key `after` in `deployments.web` of stage `test`"),
    (
        "deployments: {web: {stack_name: a_b}}",
        "9:37 `deployments.web.stack_name` in stage `test` cannot be the name of a CloudFormation stack",
    ),
    (
        "deployments: {web: {template_path: ../a.yml}}",
        "9:40 `deployments.web.template_path` in stage `test` must be a path inside of the build's",
    ),
    (
        "deployments: {web: {template_path: /a.yml}}",
        "9:40 `deployments.web.template_path` in stage `test` must be a path inside of the build's",
    ),
    (
        "deployments: {web: {template_config: 'BuildOutput::a.json'}}",
        "9:42 `deployments.web.template_config` in stage `test` must be a path inside of the build's",
    ),
    ("deployments: {web: {template_config: ''}}", "9:42 `deployments.web.template_config` in stage `test` must not be empty"),
    (
        "vpc: {placement: private}",
        "9:5 `vpc` is for `pre_deployments`, `post_deployments` and `test_commands`, and the stage has",
    ),
)

# In place of all
WHOLE_FILES = (
    ("", "1:1 the file is empty"),
    ("# nothing\n", "1:1 the file is empty"),
    ("- a\n", "1:1 the file must hold keys with values, such as `name: my-shop`, not a list"),
    ("hello\n", "1:1 the file must hold keys with values, such as `name: my-shop`, not text"),
    ("name: [\n", "1:7 the file ends in the middle of a value"),
    ('name: "a\n', "1:7 this quote is never closed"),
    (
        f"name: main\n{HEAD}{STAGES}",
        "2:1 the key `name` is there twice",
    ),
    ("name: a\n---\nname: b\n", "2:1 a second document begins here; a file holds one"),
)

# In place of the buildspec
BUILDSPECS = (
    ("", "1:1 the file is empty"),
    ("[a]\n", "1:1 the file must hold keys with values, such as `name: my-shop`, not a list"),
    ("phases: {build: {commands: [make]}}\n", "1:1 `version` is missing"),
    ("version: 0.1\nphases: {build: {commands: [make]}}\n", "1:10 `version` must be 0.2, not 0.1"),
    ("version: 0.2\n", "1:1 `phases` is missing"),
    ("version: 0.2\nphases: {test: {commands: [make]}}\n", "2:10 unknown key `test` in `phases`"),
    ("version: 0.2\nphases: {build: {commands: make}}\n", "2:28 `phases.build.commands` must be a list, not text"),
    (
        "version: 0.2\nphases: {build: {commands: [make], on-failure: IGNORE}}\n",
        "2:48 `phases.build.on-failure` must be `ABORT`, `CONTINUE`, `RETRY`, `RETRY-<count>`,",
    ),
    (
        "version: 0.2\nenv: {variables: {CODEBUILD_A: b}}\nphases: {build: {commands: [make]}}\n",
        "2:19 `env.variables.CODEBUILD_A` must not begin with `CODEBUILD_`: these names are CodeBuild's own",
    ),
    (
        "version: 0.2\nenv: {secrets-manager: {A: 'b:c:d:e:f'}}\nphases: {build: {commands: [make]}}\n",
        "2:28 `env.secrets-manager.A` must be `secret-id:json-key:version-stage:version-id`, of which",
    ),
    (
        "version: 0.2\nenv: {secrets-manager: {A: b}, exported-variables: [A]}\nphases: {build: {commands: [make]}}\n",
        "2:53 `A` is a secret and cannot be exported",
    ),
    ("version: 0.2\nphases: {build: {commands: [make]}}\nartifacts: {name: a}\n", "3:1 `files` is missing in `artifacts`"),
    ("version: 0.2\nphases: {build: {commands: [make]}}\nbatch: {}\n", "3:1 `batch` is not supported yet"),
    (
        "version: 0.2\nphases: {build: {runtime-versions: {python: 3.12}}}\n",
        "2:18 `runtime-versions` belongs in the `install` phase",
    ),
)

# In place of the workload's manifest
WORKLOADS = (
    ("", "1:1 the file is empty"),
    ("name: web\nimage: {location: 'nginx:1'}\n", "1:1 `type` is missing"),
    ("name: web\ntype: Web\nimage: {location: 'nginx:1'}\n", "2:7 `type` is unknown: `Web`"),
    (
        "name: api\ntype: Backend Service\nimage: {location: 'nginx:1'}\n",
        "1:7 the workload is called `api`, but its folder `web`",
    ),
    ("name: web\ntype: Backend Service\n", "1:1 `image` is missing"),
    ("name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\nreplicas: 3\n", "4:1 unknown key `replicas`"),
    (
        "name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\nenvironments: {test: {count: a}}\n",
        "4:30 `environments.test.count` must be a whole number, not text",
    ),
)

PIPELINES = [
    *((HEAD.replace(*change) + STAGES, said) for change, said in IN_THE_HEAD),
    *((HEAD + keys + STAGES, said) for keys, said in KEYS),
    *((HEAD + stages, said) for stages, said in OTHER_STAGES),
    *((HEAD + STAGES + "".join(f"    {line}\n" for line in keys.splitlines()), said) for keys, said in IN_A_STAGE),
    *WHOLE_FILES,
]
CASES = [
    *(("pipeline.yml", text, said) for text, said in PIPELINES),
    *(("buildspec.yml", text, said) for text, said in BUILDSPECS),
    *(("web/manifest.yml", text, said) for text, said in WORKLOADS),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("shop")
    (folder / ".git").mkdir()
    return Workspace.create(folder, "shop", "local")


def write(workspace: Workspace, name: str = "", content: str | bytes = "") -> None:
    """Write all files as they should be, but one."""
    given = {"pipeline.yml": HEAD + STAGES, "buildspec.yml": BUILDSPEC, "web/manifest.yml": WEB, name: content}
    given.pop("", None)
    for path, text in given.items():
        place = workspace.folder / path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())


def problems(workspace: Workspace, engine: str) -> list[str]:
    try:
        check_pipeline(workspace, workspace.pipeline(), ["test"], engine="aws" if engine == "aws" else "local")
    except ManifestError as error:
        files = [str(Path(each.file).resolve().relative_to(workspace.folder)) for each in error.diagnostics]
        pairs = zip(files, error.diagnostics, strict=True)
        return [f"{file}:{each.line}:{each.column} {each.message}" for file, each in pairs]
    return []


def test_nothing_is_wrong_with_what_the_others_are_made_of(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    write(workspace)
    assert problems(workspace, "local") == problems(workspace, "aws") == []
    for content in ((HEAD + STAGES).replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + (HEAD + STAGES).encode()):
        write(workspace, "pipeline.yml", content)
        assert problems(workspace, "local") == []


@pytest.mark.parametrize(("name", "text", "said"), CASES)
def test_what_is_wrong_is_said_with_its_place(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.chdir(workspace.root)
    write(workspace, name, text)
    (found,) = problems(workspace, "aws")
    assert found.startswith(f"{name}:{said}")
    assert problems(workspace, "local") == [found]


BOMB = "a: &a [b, b, b, b, b, b, b, b, b]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((HEAD + STAGES).encode("utf-16"), "1:1 this is not a text file in UTF-8"),
        ((HEAD + STAGES).encode() + "# é".encode("latin-1"), "1:1 this is not a text file in UTF-8"),
        ((HEAD + STAGES).encode() + b"\0", "9:1 the character U+0000 cannot be part of a YAML file"),
        ((HEAD + STAGES).encode() + b"#" * 1_000_000, "1:1 the file is larger than 1 MB"),
        (BOMB.encode(), "5:4 the file holds more than 50000 values"),
        ((HEAD + "stages: " + "[" * 60).encode(), "7:58 more than 50 collections are nested in each other here"),
    ],
)
def test_files_that_nobody_writes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str) -> None:
    monkeypatch.chdir(workspace.root)
    for name in ("pipeline.yml", "buildspec.yml", "web/manifest.yml"):
        write(workspace, name, content)
        (found,) = problems(workspace, "aws")
        assert found == f"{name}:{said}"
