"""Hypothesis strategies for what people write, and the YAML they would write it in."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5})?", fullmatch=True)
action_names = st.from_regex(r"[A-Za-z0-9.@\-_]{1,20}", fullmatch=True)
words = st.from_regex(r"[A-Za-z0-9/:.@_][A-Za-z0-9/:.@_\-]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
globs = st.from_regex(r"[A-Za-z0-9*_][A-Za-z0-9*_?{},\[\]-]{0,10}(/[A-Za-z0-9*_-]{1,8})?", fullmatch=True)
images = st.from_regex(
    r"([a-z0-9]{1,9}\.ana\.example(:[0-9]{4})?/)?[a-z0-9]{1,9}(/[a-z0-9]{1,9})?(:[A-Za-z0-9.]{1,9})?", fullmatch=True
)
stack_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
variable_names = st.from_regex(r"[A-BD-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
scalars = st.one_of(st.booleans(), st.integers(-99, 99), texts)


def _mapping(required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]) -> Any:
    return st.fixed_dictionaries(required, optional=optional)


_hooks = st.dictionaries(action_names, _mapping({"buildspec": words}, {"depends_on": st.just([])}), min_size=1, max_size=2)
_deployments = st.dictionaries(
    names, st.one_of(st.none(), _mapping({}, {"depends_on": st.just([]), "stack_name": stack_names})), min_size=1, max_size=3
)
_stage: st.SearchStrategy[dict[str, Any]] = _mapping(
    {"name": names},
    {
        "requires_approval": st.booleans(),
        "pre_deployments": _hooks,
        "deployments": _deployments,
        "test_commands": st.lists(texts, min_size=1, max_size=2),
        "on_failure": st.sampled_from(["stop", "rollback", "retry"]),
    },
)

_STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

pipelines: st.SearchStrategy[dict[str, Any]] = _mapping(
    {
        "name": action_names,
        "source": _mapping(
            {
                "provider": st.sampled_from(["GitHub", "GitHubV1", "Bitbucket", "CodeCommit", "GitLab", "Git"]),
                "properties": _mapping({"repository": words, "branch": words}, {"access_token_secret": words}),
            },
            {"paths": st.lists(globs, min_size=1, max_size=8, unique=True)},
        ),
        "stages": st.lists(_stage, min_size=1, max_size=3, unique_by=lambda stage: stage["name"]),
    },
    {
        "version": st.just(1),
        "execution_mode": st.sampled_from(["superseded", "queued", "parallel"]),
        "build": _mapping(
            {},
            {
                "image": images,
                "timeout": st.integers(5, 2160),
                "variables": st.dictionaries(variable_names, scalars, max_size=3),
                "additional_policy": _mapping(
                    {"PolicyDocument": st.just({"Version": "2012-10-17", "Statement": [_STATEMENT]})}, {}
                ),
            },
        ),
    },
)
"""Valid pipeline manifests, as plain data."""


def to_yaml(value: Any, indent: int = 0) -> str:
    """Plain data as block-style YAML. Texts are quoted, so that they stay texts."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_key(key)}:{_below(item, indent)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_below(item, indent)}" for item in value)
    return f"{pad}{json.dumps(value, ensure_ascii=False)}\n"


def _below(value: Any, indent: int) -> str:
    if isinstance(value, (dict, list)) and value:
        return "\n" + to_yaml(value, indent + 1)
    return " " + to_yaml(value).strip() + "\n" if value is not None else "\n"


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else json.dumps(key, ensure_ascii=False)
