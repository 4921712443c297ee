"""What must fit between the containers of a task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifest.parsing import API, WEB, parsed, read_again, said

ORDER = """\
name: api
type: Backend Service
image: {build: Dockerfile, port: 80, depends_on: {init: Success, proxy: healthy}}
sidecars:
  init: {image: {build: {dockerfile: init/Dockerfile, target: t}}, essential: false}
  proxy: {image: nginx, port: 53/UDP, depends_on: {init: complete}, credentialsParameter: arn, env_file: a.env}
"""


def test_every_key() -> None:
    api = parsed(ORDER + "platform: {osfamily: Linux, architecture: ARM64}\n")
    init, proxy = api.sidecars["init"], api.sidecars["proxy"]
    assert api.image.depends_on == {"init": "success", "proxy": "healthy"}
    assert (init.image.build.dockerfile, init.image.build.context, init.image.build.target) == ("init/Dockerfile", "init", "t")
    assert (proxy.port.number, proxy.port.protocol, proxy.depends_on) == (53, "udp", {"init": "complete"})
    assert (proxy.credentials, proxy.env_file, proxy.image.location) == ("arn", "a.env", "nginx")
    assert api.platform == "linux/arm64"
    assert read_again(api).sidecars == api.sidecars


def test_credentials_of_a_private_registry() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"
    assert parsed(API.replace("build: Dockerfile", f"location: x/y, credentials: '{arn}'")).image.credentials == arn


def test_an_override_of_a_sidecars_image() -> None:
    text = API + "sidecars: {s: {image: {build: x}}}\nenvironments: {prod: {sidecars: {s: {image: {location: y}}}}}\n"
    image = parsed(text).resolved("prod").sidecars["s"].image
    assert (image.build, image.location) == (None, "y")


@pytest.mark.parametrize(
    ("added", "place", "message", "hint"),
    [
        ("sidecars: {s: {image: {}}}", "4:16+5", "`build` is missing in `sidecars.s.image`",
         "such as `build: Dockerfile`, or `location` for an existing image"),
        ("sidecars: {s: {image: x, port: 0}}", "4:32+1", "`sidecars.s.port` must be a port from 1 to 65535, not 0", None),
        ("sidecars: {s: {image: x, port: 80/tls}}", "4:32+6", "`sidecars.s.port` must be a port, not `80/tls`",
         "such as `8080` or `53/udp`"),
        ("sidecars: {s: {image: x, port: true}}", "4:32+4", "`sidecars.s.port` must be a port, not `true`",
         "such as `8080` or `53/udp`"),
        ("sidecars: {s: {image: x, depends_on: {t: start}}}", "4:39+1", "the workload has no container `t`", "there are: api"),
        ("sidecars: {s: {image: x, depends_on: {s: start}}}", "4:39+1", "`s` waits for itself", "remove one of them"),
        ("sidecars: {s: {image: x, depends_on: {api: soon}}}", "4:44+4",
         "`sidecars.s.depends_on.api` must be `start`, `healthy`, `complete` or `success`, not `soon`", None),
        ("sidecars: {s: {image: x, depends_on: {api: success}}}", "4:44+7",
         "`sidecars.s.depends_on.api` cannot be `success`: the task ends when `api` does",
         "write `start` or `healthy`, or `essential: false` in `api`"),
        ("sidecars: {s: {image: x, depends_on: {t: start}}, t: {image: x, depends_on: {s: start}}}", "4:39+1",
         "containers wait for each other: s → t → s", "remove one of them"),
        ("sidecars: {s: {image: x, port: 90}, t: {image: x, port: 90/tcp}}", "4:57+6",
         "`sidecars.t.port` is where sidecar `s` listens, and they share their ports: 90", None),
        ("sidecars: {s: {image: x, labels: {a: b}}}", "4:26+6", "`sidecars.s.labels` is not supported yet", None),
        ("platform: {osfamily: linux}", "4:11+17", "`platform` must have `architecture`, which is text",
         "such as `{osfamily: linux, architecture: arm64}`"),
        ("platform: {os: linux}", "4:11+11", "`platform` has an unknown key `os`", "it is `linux/amd64` or `linux/arm64`"),
        ("platform: {osfamily: windows_server_2022_core, architecture: x86_64}", "4:11+58",
         "`platform` `windows_server_2022_core/x86_64` is not supported yet", "it is `linux/amd64` or `linux/arm64`"),
    ],
)  # fmt: skip
def test_mistakes(added: str, place: str, message: str, hint: str | None) -> None:
    assert said(f"{API}{added}\n") == [(place, message, hint)]


def test_a_sidecar_does_not_take_the_port_of_the_main_container() -> None:
    text = WEB + "http: {path: /}\nsidecars: {s: {image: x, port: 80}}\n"
    message = "`sidecars.s.port` is where the main container listens, and they share their ports: 80"
    assert said(text) == [("5:32+2", message, None)]


def test_the_container_that_sends_logs_can_be_waited_for() -> None:
    waiting = API.replace("}", ", depends_on: {firelens_log_router: start}}")
    assert parsed(waiting + "logging: {destination: {Name: x}}\n").image.depends_on == {"firelens_log_router": "start"}
    assert [m for _, m, _ in said(waiting + "logging: {retention: 1}\n")] == [
        "the workload has no container `firelens_log_router`"
    ]


_NAMES = ["api", "a", "b", "c"]


@given(st.dictionaries(st.sampled_from(_NAMES), st.sets(st.sampled_from(_NAMES))))
def test_a_circle_is_found_whatever_its_shape(waits: dict[str, set[str]]) -> None:
    def of(name: str) -> str:
        return "{" + ", ".join(f"{other}: start" for other in sorted(waits.get(name, ()))) + "}"

    sidecars = "".join(f"  {name}: {{image: x, depends_on: {of(name)}}}\n" for name in _NAMES[1:])
    text = f"name: api\ntype: Backend Service\nimage: {{build: D, depends_on: {of('api')}}}\nsidecars:\n{sidecars}"
    left = {name: waits.get(name, set()) for name in _NAMES}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        left = {name: others for name, others in left.items() if name not in free}
    if left:
        assert all("wait" in message for _, message, _ in said(text))
    else:
        parsed(text)
