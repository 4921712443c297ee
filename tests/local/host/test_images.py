from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from copilot.errors import BuildError, NotFoundError, UnsupportedError
from copilot.image import ImageRequest
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder, ImageStore
from copilot.local.host.rootfs import Rootfs, RootfsError, copy_tree, delete_tree
from tests.local.host.conftest import Builds


def listing(root: Path) -> dict[str, str]:
    """Relative path to content, ``-> target`` of a link, or ``/`` for a folder."""
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        found[name] = f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
    return found


def files(root: Path) -> dict[str, str]:
    return {name: content for name, content in listing(root).items() if content != "/"}


CONTEXT = {"a.py": "a", "b.py": "b", "d/c.py": "c", "d/e/f.txt": "f", "README.md": "r"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("COPY a.py /", {"a.py": "a"}),
        ("COPY a.py /x", {"x": "a"}),
        ("COPY a.py /x/", {"x/a.py": "a"}),
        ("WORKDIR /w\nCOPY a.py .", {"w/a.py": "a"}),
        ("WORKDIR /w\nCOPY a.py /w", {"w/a.py": "a"}),
        ("COPY *.py /x/", {"x/a.py": "a", "x/b.py": "b"}),
        ("COPY [a]* d/?.py /x/", {"x/a.py": "a", "x/c.py": "c"}),
        ("COPY d /x", {"x/c.py": "c", "x/e/f.txt": "f"}),
        ("COPY d/ a.py /x/", {"x/a.py": "a", "x/c.py": "c", "x/e/f.txt": "f"}),
        ("COPY ./d/../a.py /x", {"x": "a"}),
        ("COPY /a.py /x", {"x": "a"}),
        ("COPY a.py /x\nCOPY b.py /x", {"x": "b"}),
        ("COPY d /x\nCOPY a.py /x/e/f.txt", {"x/c.py": "c", "x/e/f.txt": "a"}),
        ("COPY */*.py /x/", {"x/c.py": "c"}),
        ("ADD a.py /x", {"x": "a"}),
    ],
)
def test_what_copy_puts_where(builds: Builds, lines: str, expected: Mapping[str, str]) -> None:
    assert files(builds.rootfs(builds.build(f"FROM x\n{lines}\n", CONTEXT))) == expected


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("COPY none /x", "Dockerfile:2:6: `none` does not exist in the build context `.`"),
        ("COPY a.py \\\n  none /x/", "Dockerfile:3:3: `none` does not exist in the build context `.`"),
        ("COPY *.rb /x", "Dockerfile:2:6: nothing in `.` matches `*.rb`"),
        ("COPY ../a /x", "Dockerfile:2:6: `../a` leads out of the build context `.`"),
        ("COPY d/../../a /x", "Dockerfile:2:6: `d/../../a` leads out of the build context `.`"),
        ("COPY *.py /x", "Dockerfile:2:1: `/x` must be a folder, as 2 files match"),
        ("COPY [a /x", "Dockerfile:2:6: `[a` has no closing `]`"),
        ("COPY a.py /x\nCOPY d /x", "Dockerfile:3:1: `/x` cannot be a folder: `/x` is a file"),
        ("COPY a.py /x\nWORKDIR /x/y", "Dockerfile:3:1: `/x/y` cannot be a folder: `/x` is a file"),
        ("COPY d /c\nCOPY a.py /\nCOPY a.py /c/e/", ""),
        ("COPY README.md /x", "Dockerfile:2:6: `README.md` is left out of the build context by `.dockerignore`"),
    ],
)
def test_what_cannot_be_copied(builds: Builds, home: Home, lines: str, message: str) -> None:
    context = {**CONTEXT, ".dockerignore": "*.md"}
    if not message:
        builds.build(f"FROM x\n{lines}\n", context)
        return
    with pytest.raises(BuildError) as raised:
        builds.build(f"FROM x\n{lines}\n", context)
    assert raised.value.message == message
    assert [p.name for p in home.images.iterdir()] == [".lock"]


def test_a_folder_stays_where_a_file_would_go(builds: Builds) -> None:
    with pytest.raises(BuildError, match=r"Dockerfile:3:1: `/x/a.py` is a folder in the image"):
        builds.build("FROM x\nCOPY d /x/a.py/\nCOPY a.py /x/\n", CONTEXT)


def test_progress_reads_like_dockers_steps(builds: Builds) -> None:
    builds.build('FROM python:3\nUSER bob\nWORKDIR /app\nCOPY a.py .\nCMD ["x"]\n', CONTEXT)
    assert builds.printed == [
        "Dockerfile:2:1: USER is not used by the host runtime: tasks run as the user who runs copilot",
        "[1/3] FROM python:3 (not used: programs come from this machine)",
        "[2/3] WORKDIR /app",
        "[3/3] COPY a.py .",
    ]


def test_what_is_ignored_is_not_there(builds: Builds) -> None:
    context = {**CONTEXT, ".dockerignore": "*.md\nd\n!d/e\n.dockerignore\nDockerfile\n"}
    assert files(builds.rootfs(builds.build("FROM x\nCOPY . /\n", context))) == {"a.py": "a", "b.py": "b", "d/e/f.txt": "f"}
    (builds.folder / "Dockerfile.dockerignore").write_text("**\n!a.py")
    assert files(builds.rootfs(builds.build("FROM x\nCOPY . /\n"))) == {"a.py": "a"}
    (builds.folder / "Dockerfile.dockerignore").write_text("ok\n[a")
    with pytest.raises(BuildError, match=r"^Dockerfile.dockerignore:2:1: `\[a` has no closing"):
        builds.build("FROM x\nCOPY . /\n")


def test_modes_links_and_odd_names(builds: Builds) -> None:
    folder = builds.write({"in/run.sh": "x", "in/plain": "y", "in/app/now/x": "z"})
    (folder / "in/run.sh").chmod(0o750)
    (folder / "in/plain").chmod(0o664)
    (folder / "in/empty").mkdir(mode=0o700)
    Path(os.fsdecode(os.fsencode(folder) + b"/in/caf\xe9")).write_text("latin")
    (folder / "in/relative").symlink_to("plain")
    (folder / "in/dangling").symlink_to("none")
    (folder / "in/absolute").symlink_to("/srv/app/now")
    (folder / "in/machine").symlink_to("/usr/bin/env")
    (folder / "top").symlink_to("in/plain")
    root = builds.rootfs(builds.build("FROM x\nCOPY in /srv\nCOPY top /top\nCOPY --chmod=500 in/plain /tight\n"))
    modes = {name: oct(stat.S_IMODE((root / name).stat().st_mode)) for name in ("srv/run.sh", "srv/plain", "srv/empty", "tight")}
    assert modes == {"srv/run.sh": "0o755", "srv/plain": "0o644", "srv/empty": "0o755", "tight": "0o700"}
    found = listing(root)
    assert found["srv/caf\udce9"] == "latin"
    assert (found["srv/relative"], found["srv/dangling"], found["srv/machine"]) == ("-> plain", "-> none", "-> /usr/bin/env")
    assert (root / "srv/absolute/x").read_text() == "z", "a link into the image leads there on this machine"
    assert found["top"] == "y"


def test_links_do_not_lead_out(builds: Builds, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = builds.write({"a": "a"})
    (folder / "out").symlink_to("../secret")
    (folder / "dir").mkdir()
    (folder / "dir/evil").symlink_to(tmp_path)
    (folder / "dir/up").symlink_to("../../../../../..")
    with pytest.raises(BuildError, match="`out` is a link that leads out of the build context"):
        builds.build("FROM x\nCOPY out /x\n")
    with pytest.raises(BuildError, match="is a link that leads out of the build context"):
        builds.build("FROM x\nCOPY dir/evil/secret /x\n")
    root = builds.rootfs(builds.build("FROM x\nCOPY dir /\nCOPY a /evil/written\nCOPY a /up/b\n"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["context", "home", "secret"]
    assert (root / str(tmp_path).lstrip("/") / "written").read_text() == "a"
    assert (root / "b").read_text() == "a"


def test_a_link_to_something_ignored_is_no_way_around(builds: Builds) -> None:
    folder = builds.write({"secret": "s", ".dockerignore": "secret"})
    (folder / "link").symlink_to("secret")
    with pytest.raises(BuildError, match="is a link to something that is not in the build context"):
        builds.build("FROM x\nCOPY link /x\n")


def archive(compression: str = "", **content: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as tar:  # type: ignore[call-overload] # the mode is put together
        for name, text in content.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size, member.mode = len(text), 0o775
            tar.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "a"
        tar.addfile(link)
    return buffer.getvalue()


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_add_unpacks_an_archive_and_copy_does_not(builds: Builds, compression: str) -> None:
    packed = archive(compression, a="1", d__b="2")
    root = builds.rootfs(builds.build("FROM x\nADD packed /x\nCOPY packed /y\n", {"packed": packed}))
    assert (root / "y").read_bytes() == packed
    (root / "y").unlink()
    assert files(root) == {"x/a": "1", "x/d/b": "2", "x/link": "-> a"}
    assert stat.S_IMODE((root / "x/a").stat().st_mode) == 0o755


def test_an_archive_cannot_write_outside(builds: Builds, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"the archive holds `\.\./evil`, which leads out of it"):
        builds.build("FROM x\nADD packed /x\n", {"packed": archive(**{"..__evil": "x"})})
    with pytest.raises(BuildError, match="`packed` cannot be unpacked"):
        builds.build("FROM x\nADD packed /x\n", {"packed": archive("gz", a="1" * 100_000)[:-12]})


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    def built(name: str, dockerfile: str, **content: str) -> str:
        home = Home(tmp_path / f"home-{name}")
        home.create()
        folder = tmp_path / name
        for path, text in {**content, "Dockerfile": dockerfile}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            os.utime(folder / path, (len(name), len(name)))
        return HostImageBuilder(home).build(ImageRequest("shop", "web", folder / "Dockerfile", folder), lambda _: None)

    dockerfile = 'FROM x\nCOPY src /app\nCMD ["a"]\n'
    first = built("one", dockerfile, **{"src/a": "1", "src/b": "2"})
    assert first == built("another", dockerfile, **{"src/a": "1", "src/b": "2"})
    assert first.startswith("sha256:")
    assert len(first) == 71
    different = [
        built("two", dockerfile, **{"src/a": "1", "src/b": "3"}),
        built("three", dockerfile, **{"src/a": "1", "src/c": "2"}),
        built("four", dockerfile.replace('"a"', '"b"'), **{"src/a": "1", "src/b": "2"}),
        built("five", dockerfile.replace("COPY", "COPY --chmod=700"), **{"src/a": "1", "src/b": "2"}),
        built("six", dockerfile, **{"src/a": "12", "src/b": ""}),
    ]
    assert len({first, *different}) == 6


def test_building_again_changes_nothing(builds: Builds, home: Home) -> None:
    first = builds.build("FROM x\nCOPY a.py /\n", CONTEXT)
    before = (home.images / first.removeprefix("sha256:")).stat().st_ino
    (home.images / ".building/rootfs").mkdir(parents=True)  # what a build that was killed leaves
    assert builds.build("FROM x\nCOPY a.py /\n") == first
    assert (home.images / first.removeprefix("sha256:")).stat().st_ino == before
    assert sorted(p.name for p in home.images.iterdir()) == sorted([".lock", first.removeprefix("sha256:")])


BUILD = """
import sys
from pathlib import Path
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder
from copilot.image import ImageRequest
home, folder = Home(Path(sys.argv[1])), Path(sys.argv[2])
print(HostImageBuilder(home).build(ImageRequest("shop", "web", folder / "Dockerfile", folder), lambda line: None))
"""


def test_processes_build_the_same_image_at_the_same_time(builds: Builds, home: Home) -> None:
    folder = builds.write({"Dockerfile": "FROM x\nCOPY . /app\n", **{f"d{n % 7}/f{n}": str(n) for n in range(200)}})
    running = [
        subprocess.Popen([sys.executable, "-c", BUILD, str(home.root), str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    digests = {process.communicate(timeout=60)[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(digests) == 1
    image = ImageStore(home).image(digests.pop())
    assert len(files(image.rootfs)) == 201
    assert not (home.images / ".building").exists()


def test_an_image_is_read_as_it_was_built(builds: Builds, home: Home) -> None:
    digest = builds.build('FROM x\nENV A=1\nWORKDIR /w\nEXPOSE 80\nLABEL l=v\nENTRYPOINT ["e"]\n')
    config = ImageStore(home).image(digest).config
    assert (config.base, config.env, config.workdir, config.exposed) == ("x", {"A": "1"}, "/w", (80,))
    assert (config.entrypoint, config.command, config.labels, config.stop_signal) == (("e",), None, {"l": "v"}, "SIGTERM")
    with pytest.raises(NotFoundError):
        ImageStore(home).image(f"sha256:{'1' * 64}")


def test_a_context_that_is_no_folder(builds: Builds, home: Home) -> None:
    builds.write({"Dockerfile": "FROM x"})
    with pytest.raises(BuildError, match="the build context `none` is not a folder"):
        HostImageBuilder(home).build(ImageRequest("shop", "web", builds.folder / "Dockerfile", builds.folder / "none"), print)


def test_a_finished_image_is_refused(home: Home) -> None:
    with pytest.raises(UnsupportedError, match="workload `web` uses the image `nginx:1`, which the host runtime cannot run"):
        HostImageBuilder(home).locate("web", "nginx:1", None, print)


def test_trees_are_copied_privately_and_deleted_wholly(tmp_path: Path) -> None:
    (tmp_path / "from/d").mkdir(parents=True)
    (tmp_path / "from/d/big").write_bytes(os.urandom(3_000_000))
    (tmp_path / "from/empty").touch(mode=0o755)
    (tmp_path / "from/link").symlink_to("d/big")
    copy_tree(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to/d/big").read_bytes() == (tmp_path / "from/d/big").read_bytes()
    assert (tmp_path / "to/link").readlink() == Path("d/big")
    assert (tmp_path / "to/empty").stat().st_mode & 0o777 == 0o755
    (tmp_path / "to/d/big").write_text("changed")
    assert (tmp_path / "from/d/big").stat().st_size == 3_000_000
    (tmp_path / "to/d").chmod(0o500)
    delete_tree(tmp_path / "to")
    delete_tree(tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_circle_of_links(tmp_path: Path) -> None:
    rootfs = Rootfs(tmp_path / "root")
    rootfs.link("/a", "/b")
    rootfs.link("/b", "a")
    with pytest.raises(RootfsError, match="circle of links"):
        rootfs.folder("/a/c")
