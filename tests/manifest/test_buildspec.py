from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.buildspec import Buildspec, OnFailure, parse_on_failure
from copilot.manifest.loader import parse

FULL = """\
version: 0.2
run-as: builder
env:
  shell: bash
  variables:
    PYTHON: 3.10
    DEBUG: on
  parameter-store:
    DB: /shop/db
  secrets-manager:
    TOKEN: shop:token
  exported-variables: [IMAGE]
  git-credential-helper: yes
proxy:
  upload-artifacts: no
  logs: yes
phases:
  install:
    runtime-versions:
      python: 3.10
    commands: [pip install .]
  pre_build:
    on-failure: CONTINUE
    commands:
      - make lint
  build:
    run-as: root
    on-failure: RETRY-2-timed out
    commands:
      - |
        make
        make test
      - exit
    finally:
      - true
  post_build:
    commands: [copilot pipeline build]
reports:
  tests:
    files: [junit.xml]
    base-directory: reports
    file-format: JUNITXML
    discard-paths: yes
artifacts:
  files: ['**/*']
  name: out
  base-directory: build
  exclude-paths: build/tmp
  discard-paths: no
  enable-symlinks: yes
  s3-prefix: x
  secondary-artifacts:
    docs:
      files: [docs/**]
cache:
  key: v1
  fallback-keys: [v0]
  paths: [.cache/**]
"""


def parsed(text: str) -> Buildspec:
    return parse(text, Buildspec, "buildspec.yml").model


def problems(text: str) -> list[Diagnostic]:
    with pytest.raises(ManifestError) as caught:
        parsed(text)
    return list(caught.value.diagnostics)


def test_every_key() -> None:
    spec = parsed(FULL)
    assert (spec.version, spec.run_as) == ("0.2", "builder")
    assert spec.env.shell == "bash"
    assert spec.env.variables == {"PYTHON": "3.10", "DEBUG": "on"}
    assert spec.env.parameter_store == {"DB": "/shop/db"}
    assert spec.env.secrets_manager == {"TOKEN": "shop:token"}
    assert spec.env.exported_variables == ("IMAGE",)
    assert spec.env.git_credential_helper
    assert spec.proxy is not None
    assert (spec.proxy.upload_artifacts, spec.proxy.logs) == (False, True)
    phases = spec.phases
    assert phases.install is not None
    assert phases.install.runtime_versions == {"python": "3.10"}
    assert phases.install.on_failure == OnFailure("ABORT")
    assert phases.pre_build is not None
    assert phases.pre_build.on_failure == OnFailure("CONTINUE")
    assert phases.build is not None
    assert phases.build.on_failure == OnFailure("RETRY", 2, "timed out")
    assert phases.build.run_as == "root"
    assert phases.build.commands == ("make\nmake test\n", "exit")
    assert phases.build.finally_ == ("true",)
    assert phases.post_build is not None
    assert spec.reports["tests"].base_directory == "reports"
    assert spec.reports["tests"].discard_paths
    artifacts = spec.artifacts
    assert artifacts is not None
    assert (artifacts.files, artifacts.name, artifacts.base_directory) == (("**/*",), "out", "build")
    assert (artifacts.exclude_paths, artifacts.discard_paths, artifacts.enable_symlinks) == (("build/tmp",), False, True)
    assert artifacts.secondary_artifacts["docs"].files == ("docs/**",)
    assert spec.cache is not None
    assert (spec.cache.key, spec.cache.fallback_keys, spec.cache.paths) == ("v1", ("v0",), (".cache/**",))


def test_only_what_is_needed() -> None:
    spec = parsed("version: 0.2\nphases: {build: {commands: [make]}}\n")
    assert spec.env.shell == "sh"
    assert spec.artifacts is None
    assert spec.phases.install is None
    assert spec.phases.build is not None
    assert spec.phases.build.finally_ == ()


def test_a_quoted_version_is_the_same() -> None:
    assert parsed("version: '0.2'\nphases: {build: {commands: [make]}}\n").version == "0.2"


def test_a_phase_may_only_choose_runtimes_or_clean_up() -> None:
    spec = parsed("version: 0.2\nphases: {install: {runtime-versions: {python: 3.12}}, build: {finally: [rm -r tmp]}}\n")
    assert spec.phases.install is not None
    assert spec.phases.install.commands == ()


ON_FAILURE = (
    "`phases.pre_build.on-failure` must be `ABORT`, `CONTINUE`, `RETRY`, `RETRY-<count>`, `RETRY-<regex>` or "
    "`RETRY-<count>-<regex>`"
)
FORMATS = (
    "`reports.tests.file-format` must be `JUNITXML`, `CUCUMBERJSON`, `NUNITXML`, `NUNIT3XML`, `TESTNGXML`, `VISUALSTUDIOTRX`, "
    "`CLOVERXML`, `COBERTURAXML`, `JACOCOXML` or `SIMPLECOV`, not `junit`"
)
LIST = "write it in `[ ]`, or after `- ` in a line of its own"


@pytest.mark.parametrize(
    ("old", "new", "position", "message", "hint"),
    [
        ("version: 0.2\n", "", "1:1+6", "`version` is missing", "write `version: 0.2`"),
        ("version: 0.2", "version: 0.1", "1:10+3", "`version` must be 0.2, not 0.1",
         "0.2 runs all commands in one shell; write `version: 0.2`"),
        ("version: 0.2", "version: 0.20", "1:10+4", "`version` must be 0.2, not `0.20`", "write `version: 0.2`"),
        ("version: 0.2", "version: [0.2]", "1:10+5", "`version` must be 0.2, not a list", "write `version: 0.2`"),
        ("version: 0.2", "version:", "1:1+7", "`version` has no value", "write `version: 0.2`"),
        ("run-as: builder", "run_as: builder", "2:1+6", "unknown key `run_as`", "did you mean `run-as`?"),
        ("  pre_build:", "  pre-build:", "22:3+9", "unknown key `pre-build` in `phases`", "did you mean `pre_build`?"),
        ("cache:", "batch: {}\ncache:", "55:1+5", "`batch` is not supported yet", None),
        ("shell: bash", "shell: zsh", "4:10+3", "`env.shell` must be `sh` or `bash`, not `zsh`", None),
        ("    PYTHON: 3.10", "    CODEBUILD_X: 1", "6:5+11",
         "`env.variables.CODEBUILD_X` must not begin with `CODEBUILD_`: these names are CodeBuild's own", None),
        ("[IMAGE]", "[TOKEN]", "12:24+5", "`TOKEN` is a secret and cannot be exported", None),
        ("[IMAGE]", "[AWS_REGION]", "12:24+10", "`AWS_REGION` is a variable of AWS and cannot be exported", None),
        ("      - make lint", "      - echo step: lint", "25:9+15",
         "item 1 of `phases.pre_build.commands` must be text, not a mapping",
         "put the whole command in quotes: YAML takes `: ` for a key and its value"),
        ("[pip install .]", "pip install .", "21:15+13", "`phases.install.commands` must be a list, not text",
         LIST),
        ("on-failure: CONTINUE", "on-failure: RETRY-101", "23:17+9",
         "`phases.pre_build.on-failure` must ask for at most 100 retries, not 101", None),
        ("on-failure: CONTINUE", "on-failure: retry", "23:17+5",
         ON_FAILURE, None),
        ("on-failure: CONTINUE", "on-failure: RETRY-(", "23:17+7",
         "`phases.pre_build.on-failure` has a broken regular expression: missing ), unterminated subpattern at position 0", None),
        ("on-failure: CONTINUE", "runtime-versions: {}", "23:5+16", "`runtime-versions` belongs in the `install` phase", None),
        ("    commands: [copilot pipeline build]", "    run-as: x", "36:3+10",
         "`commands` is missing in `phases.post_build`", None),
        ("  files: ['**/*']", "  files: []", "45:10+2", "`artifacts.files` must not be empty", None),
        ("  files: ['**/*']\n", "", "44:1+9", "`files` is missing in `artifacts`", None),
        ("file-format: JUNITXML", "file-format: junit", "42:18+5",
         FORMATS, None),
        ("[v0]", "[a, b, c, d, e, f]", "57:18+18", "`cache.fallback-keys` must have at most 5 items, not 6", None),
        ("  tests:", "  a: &r {files: [x]}\n  b: *r\n  c: *r\n  d: *r\n  e: *r\n  tests:", "38:1+7",
         "`reports` must have at most 5 items, not 6", None),
    ],
)  # fmt: skip
def test_bad_buildspec(old: str, new: str, position: str, message: str, hint: str | None) -> None:
    assert FULL.count(old) == 1, old
    (d,) = problems(FULL.replace(old, new))
    assert (f"{d.line}:{d.column}+{d.length}", d.message, d.hint) == (position, message, hint)


def test_phases_are_needed() -> None:
    assert [d.message for d in problems("version: 0.2\n")] == ["`phases` is missing"]
    assert [d.message for d in problems("version: 0.2\nphases: {}\n")] == [
        "`phases` must have at least one of `install`, `pre_build`, `build` and `post_build`"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABORT", OnFailure("ABORT", 0, None)),
        ("CONTINUE", OnFailure("CONTINUE", 0, None)),
        ("RETRY", OnFailure("RETRY", 3, None)),
        ("RETRY-0", OnFailure("RETRY", 0, None)),
        ("RETRY-100", OnFailure("RETRY", 100, None)),
        ("RETRY-5-connection reset", OnFailure("RETRY", 5, "connection reset")),
        ("RETRY-.*reset-by-peer.*", OnFailure("RETRY", 3, ".*reset-by-peer.*")),
        ("RETRY-5xx", OnFailure("RETRY", 3, "5xx")),
    ],
)
def test_on_failure(text: str, expected: OnFailure) -> None:
    assert parse_on_failure(text) == expected


@given(st.integers(0, 100), st.none() | st.from_regex(r"[a-z][a-z0-9 -]*", fullmatch=True))
def test_on_failure_reads_what_it_is_written_as(count: int, pattern: str | None) -> None:
    text = f"RETRY-{count}" + (f"-{pattern}" if pattern is not None else "")
    assert parse_on_failure(text) == OnFailure("RETRY", count, pattern)


@given(st.text())
def test_on_failure_refuses_all_else_politely(text: str) -> None:
    try:
        parse_on_failure(text)
    except PydanticCustomError:
        return
    assert text in {"ABORT", "CONTINUE"} or text.startswith("RETRY")
