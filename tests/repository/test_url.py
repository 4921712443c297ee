"""Repository URLs and branch names: what is refused and the one way each is written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from copilot.errors import RepositoryError
from copilot.repository import check_branch, check_url, compare_url, display_url, normalise_url, owner_and_name, provider_of

HOSTILE_URLS = [
    "",
    " ",
    "-",
    "--upload-pack=touch /tmp/owned",
    "-oProxyCommand=touch /tmp/owned",
    "ext::sh -c touch% /tmp/owned",
    "EXT::sh",
    "fd::17/foo",
    "transport::address",
    "codecommit::--x://repo",
    "ssh://-oProxyCommand=touch/x",
    "ssh://-oProxyCommand=touch@host/x",
    "ssh://user@-host/x",
    "ssh://us er@host/x",
    "-host:path",
    "git@-host:path",
    "-user@host:path",
    "git@host:-path",
    "https://",
    "https:///owner/repo",
    "https://host",
    "https://host/",
    "https://host:port/x",
    "https://host:0/x",
    "https://host:99999/x",
    "https://host name/x",
    "https://host/x y",
    "https://host/x\ny",
    "https://host/x%0aHost:evil",
    "https://host/x\x00",
    "https://host\x7f/x",
    "https://host/owner/repo?access_token=hunter2",
    "https://host/owner/repo#x",
    "https://[::1/x",
    "ftp://host/x",
    "ftps://host/x",
    "git+ssh://host/x",
    "javascript://host/x",
    "file://",
    "file://otherhost/x",
    "file:///x%0a",
    "ht!tp://host/x",
    "/tmp/a\nb",
    "/tmp/a\u202eb",
    " /tmp/a",
    "/tmp/a ",
    "https://host/" + "x" * 3000,
]

HOSTILE_BRANCHES = [
    "",
    "-",
    "--upload-pack=x",
    "-b",
    "HEAD",
    "@",
    "a b",
    "a\tb",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\u202eb",
    "a..b",
    "a@{1}",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[b]",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a.lock",
    "a.lock/b",
    "a.",
    "x" * 300,
    "refs/heads/main",
    "main:refs/heads/other",
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_urls_are_refused(url: str) -> None:
    for function in (check_url, normalise_url, provider_of, owner_and_name):
        with pytest.raises(RepositoryError) as caught:
            function(url)
        assert "hunter2" not in caught.value.message.replace(url, "")
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 300


@pytest.mark.parametrize("branch", HOSTILE_BRANCHES)
def test_hostile_branches_are_refused(branch: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        check_branch(branch)
    assert caught.value.message.isprintable()


def test_a_full_reference_names_the_branch_to_write() -> None:
    with pytest.raises(RepositoryError) as caught:
        check_branch("refs/heads/feature/x")
    assert caught.value.hint == "Write `feature/x`"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@github.com:owner/repo.git", "https://github.com/owner/repo"),
        ("git@github.com:owner/repo", "https://github.com/owner/repo"),
        ("git@github.com:/owner/repo.git", "https://github.com/owner/repo"),
        ("ssh://git@github.com/owner/repo.git", "https://github.com/owner/repo"),
        ("ssh://git@github.com:22/owner/repo", "https://github.com/owner/repo"),
        ("https://GitHub.com/Owner/Repo.git/", "https://github.com/Owner/Repo"),
        ("https://ana:ghp_0123456789abcdefghij@github.com/owner/repo.git", "https://github.com/owner/repo"),
        ("https://a@b:c@d@github.com/owner/repo", "https://github.com/owner/repo"),
        ("https://github.com:443/owner/repo", "https://github.com/owner/repo"),
        ("github.com/owner/repo", "https://github.com/owner/repo"),
        ("https://gitlab.com/group/sub/repo.git", "https://gitlab.com/group/sub/repo"),
        ("git@gitlab.com:group/repo.git", "git@gitlab.com:group/repo"),
        ("git@example.com:repo.git", "git@example.com:repo.git"),
        ("ssh://git@example.com:2222/a/b.git", "ssh://git@example.com:2222/a/b.git"),
        ("ssh://git:secret@example.com/a/b.git", "ssh://git@example.com/a/b.git"),
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("http://127.0.0.1:8080/a.git", "http://127.0.0.1:8080/a.git"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("https://[::1]/a", "https://[::1]/a"),
        ("file:///srv/git/a%20b.git", "/srv/git/a b.git"),
        ("file://localhost/srv/a", "/srv/a"),
        ("/srv/git/it's a repo.git/", "/srv/git/it's a repo.git"),
        ("/srv/git/../a", "/srv/a"),
        ("codecommit::eu-west-1://shop", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop"),
        ("codecommit::eu-west-1://ana@shop", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop"),
        (
            "https://us-west-2.console.aws.amazon.com/codesuite/codecommit/repositories/shop/browse",
            "https://git-codecommit.us-west-2.amazonaws.com/v1/repos/shop",
        ),
    ],
)
def test_normalise_url(url: str, expected: str) -> None:
    assert normalise_url(url) == expected
    assert normalise_url(expected) == expected


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert normalise_url("../x.git") == str(tmp_path.parent / "x.git")
    assert normalise_url("x.git", tmp_path / "base") == str(tmp_path / "base" / "x.git")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert normalise_url("~/x.git") == str(tmp_path / "x.git")
    assert display_url(str(tmp_path / "x.git")) == "~/x.git"


@pytest.mark.parametrize(
    ("url", "provider", "names"),
    [
        ("https://github.com/owner/repo", "GitHub", ("owner", "repo")),
        ("git@github.com:owner/repo.git", "GitHub", ("owner", "repo")),
        ("https://bitbucket.org/owner/repo", "Bitbucket", ("owner", "repo")),
        ("git@gitlab.com:group/sub/repo.git", "GitLab", ("group/sub", "repo")),
        ("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop", "CodeCommit", ("", "shop")),
        ("https://github.com.evil.example/owner/repo", "Git", ("owner", "repo")),
        ("https://example.com/repo.git", "Git", ("", "repo")),
        ("/srv/git/shop.git", "Git", ("", "shop")),
        ("/srv/shop/.git", "Git", ("", "shop")),
    ],
)
def test_provider_and_names(url: str, provider: str, names: tuple[str, str]) -> None:
    assert provider_of(url) == provider
    assert owner_and_name(url) == names


def test_display_never_shows_credentials() -> None:
    assert display_url("https://ana:hunter2@example.com/a/b") == "https://example.com/a/b"
    assert "hunter2" not in display_url("https://ana:hunter2@example.com/a b")
    assert "hunter2" not in display_url("ext::https://ana:hunter2@example.com")


PARTS = st.text("abcXYZ019._-~", min_size=1, max_size=8)


@given(
    scheme=st.sampled_from(["https://", "http://", "ssh://", "git://", "", "file://", "HTTPS://"]),
    user=st.sampled_from(["", "git@", "ana:p4ss@", "x@y:z@"]),
    host=st.sampled_from(["github.com", "GitHub.com", "gitlab.com", "example.com", "[::1]", "localhost", ""]),
    port=st.sampled_from(["", ":22", ":443", ":8443", ":"]),
    separator=st.sampled_from(["/", ":", "//"]),
    path=st.lists(PARTS, max_size=4).map("/".join),
    suffix=st.sampled_from(["", ".git", "/", ".git/", ".git.git", "/.git"]),
)
@example("ssh://", "", "example.com", "", "/", "-x", "")
def test_normalising_is_stable_and_drops_passwords(
    scheme: str, user: str, host: str, port: str, separator: str, path: str, suffix: str
) -> None:
    url = f"{scheme}{user}{host}{port}{separator}{path}{suffix}"
    try:
        once = normalise_url(url)
    except RepositoryError:
        return
    assert normalise_url(once) == once
    check_url(once)
    assert provider_of(once) == provider_of(url)
    assert not once.startswith("-")
    if "://" in once:
        assert "p4ss" not in once


@given(st.text(max_size=40))
def test_any_text_is_either_refused_or_safe(text: str) -> None:
    try:
        normal = normalise_url(text)
    except RepositoryError as error:
        shown = error.message
        normal = None
    else:
        shown = display_url(text)
    assert shown.isprintable()
    if normal is None:
        return
    assert normal.isprintable()
    assert not normal.startswith("-")
    assert normalise_url(normal) == normal


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab/.-@{}~^:?*[]\\ \x01é+=,;'\"$`|&!"), min_size=1, max_size=8))
def test_branches_follow_git(name: str) -> None:
    """Whatever we accept git accepts, and we refuse nothing else but HEAD and full references."""
    accepted = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False).returncode == 0
    try:
        check_branch(name)
    except RepositoryError:
        # `@{-1}` is how --branch spells the branch before this one, not a name
        assert not accepted or name.startswith("@{") or name == "@"
    else:
        assert accepted


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/ana/shop", "https://github.com/ana/shop/compare/a1...b2"),
        ("git@gitlab.com:group/team/shop.git", "https://gitlab.com/group/team/shop/-/compare/a1...b2"),
        ("ssh://git@bitbucket.org:22/ana/shop", "https://bitbucket.org/ana/shop/branches/compare/b2%0Da1#diff"),
        ("https://git.example.com/ana/shop", None),
        ("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop", None),
        ("/srv/git/shop.git", None),
    ],
)
def test_the_page_of_what_changes_between_two_commits(url: str, page: str | None) -> None:
    assert compare_url(url, "a1", "b2") == page
