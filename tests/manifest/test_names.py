from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import UsageError
from copilot.manifest.names import action_name_fault, check_name, name_fault


@pytest.mark.parametrize("name", ["a", "shop", "my-shop-2", "a" * 40])
def test_good_names(name: str) -> None:
    assert check_name("application", name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the workload name must not be empty"),
        ("a" * 41, "the workload name must have at most 40 characters, not 41"),
        ("Shop", "the workload name `Shop` must begin with a lowercase letter, not `S`"),
        ("2shop", "the workload name `2shop` must begin with a lowercase letter, not `2`"),
        ("-shop", "the workload name `-shop` must begin with a lowercase letter, not `-`"),
        ("my shop", "the workload name `my shop` must not contain a space"),
        ("my_shop", "the workload name `my_shop` must not contain `_`"),
        ("shöp", "the workload name `shöp` must not contain `ö`"),
        ("shop\n", "the workload name `shop\\x0a` must not contain `\\x0a`"),
        ("shop\x1b[2J", "the workload name `shop\\x1b[2J` must not contain `\\x1b`"),
        ("a/../b", "the workload name `a/../b` must not contain `/`"),
        ("shop-", "the workload name `shop-` must not end with a hyphen"),
        ("my--shop", "the workload name `my--shop` must not contain two hyphens in a row"),
    ],
)
def test_bad_names(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name("workload", name)
    assert caught.value.message == message
    assert caught.value.exit_code == 2


@given(st.text(max_size=45) | st.from_regex(r"[a-z0-9-]{0,45}", fullmatch=True))
def test_the_rule_in_one_line(name: str) -> None:
    good = re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) is not None and len(name) <= 40
    assert (name_fault(name) is None) == good


@given(st.text(max_size=105) | st.from_regex(r"[A-Za-z0-9.@_-]{0,105}", fullmatch=True))
def test_the_rule_for_actions(name: str) -> None:
    assert (action_name_fault(name) is None) == (re.fullmatch(r"[A-Za-z0-9.@_-]{1,100}", name) is not None)
