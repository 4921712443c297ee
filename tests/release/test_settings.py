from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from copilot.release.description import HealthCheck, ReleaseDescription, Routing, Sidecar, Volume
from copilot.release.settings import changed_settings

BASE = ReleaseDescription("shop", "test", "api", "Load Balanced Web Service", "sha256:1", "a1", routing=Routing("/"))


def test_image_and_revision_are_no_settings() -> None:
    assert changed_settings(BASE, replace(BASE, image="sha256:2", revision="b2", environment="prod")) == ()


def test_settings_inside_of_others_are_listed_one_by_one() -> None:
    before = replace(BASE, variables={"A": "1", "B": "2"}, command=("serve", "--fast"), count=2)
    after = replace(
        before,
        count=3,
        routing=Routing("/api", HealthCheck(interval=5.0)),
        variables={"A": "1", "C": "3"},
        command=None,
        volumes=(Volume("data", "/data"),),
        sidecars=(Sidecar("proxy", "sha256:9", port=80),),
    )
    changes = {name: (old, new) for name, old, new in changed_settings(before, after)}
    assert changes["count"] == ("2", "3")
    assert changes["routing.path"] == ("/", "/api")
    assert changes["routing.healthcheck.interval"] == ("10.0", "5.0")
    assert changes["variables.B"] == ("2", "—")
    assert changes["variables.C"] == ("—", "3")
    assert "variables.A" not in changes
    assert changes["command"] == ("serve --fast", "—")
    assert changes["volumes.data.path"] == ("—", "/data")
    assert changes["sidecars.proxy.port"] == ("—", "80")
    assert not {"volumes", "sidecars", "volumes.data.name", "sidecars.proxy.name"} & changes.keys()


@given(st.integers(0, 9), st.integers(0, 9), st.dictionaries(st.sampled_from("AB"), st.text(max_size=2)))
def test_what_goes_forth_comes_back(count: int, other: int, variables: dict[str, str]) -> None:
    one, two = replace(BASE, count=count), replace(BASE, count=other, variables=variables)
    assert changed_settings(one, one) == ()
    assert {(n, a, b) for n, a, b in changed_settings(one, two)} == {(n, b, a) for n, a, b in changed_settings(two, one)}
