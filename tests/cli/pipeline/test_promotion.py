from __future__ import annotations

from copilot.cli.pipeline import promotion
from copilot.cli.pipeline._text import Look, plain
from copilot.engine import Promotion, Revision, WorkloadPromotion
from tests.cli.pipeline.values import NOW, REVISION

OLD = Revision(id="9e8d7c6" + "0" * 33, summary="Before", author="Ben", committed_at=NOW - 9000)
COUPON = Revision(id="c0ffee1" + "0" * 33, summary="Add a coupon field", author="Ben", committed_at=NOW - 300)
API = WorkloadPromotion(
    workload="api", image_before="sha256:55de" + "0" * 60, image_after="sha256:9f2c" + "0" * 60, settings=(("count", "2", "3"),)
)
WEB = WorkloadPromotion(workload="web", image_before="sha256:77aa4b" + "0" * 58, image_after="sha256:77aa4b" + "0" * 58)
PROMOTION = Promotion(
    app="shop",
    pipeline_name="shop-main",
    execution="14",
    stage="DeployTo-prod",
    action="ApprovePromotionTo-prod",
    environment="prod",
    waiting_since=NOW - 60,
    expires_at=NOW + 86400,
    revision_before=OLD,
    revision_after=REVISION,
    commits=(REVISION, COUPON),
    workloads=(API, WEB),
    tested_in="test",
    tested_at=NOW - 240,
)


def shown(look: Look | None = None, **changed: object) -> str:
    return plain(promotion.render(PROMOTION.model_copy(update=changed), NOW, look or Look()))


def test_commits_images_and_settings_are_seen_before_they_are_approved() -> None:
    assert shown() == (
        "prod   9e8d7c6 → a1b2c3d   2 commits, test passed 4 min ago, waiting 1 min\n"
        "    a1b2c3d Fix the cart total   Ana\n"
        "    c0ffee1 Add a coupon field   Ben\n"
        "    api   sha256:55de00… → sha256:9f2c00…   count 2 → 3\n"
        "    web   unchanged sha256:77aa4b…"
    )


def test_a_first_release_says_so() -> None:
    first = (API.model_copy(update={"image_before": None, "settings": ()}),)
    text = shown(revision_before=None, workloads=first)
    assert text.startswith("prod   → a1b2c3d   its first release")
    assert "by this pipeline" not in text
    assert "api   sha256:9f2c00… (new)" in text


def test_what_something_else_deployed_is_no_first_release() -> None:
    assert "its first release by this pipeline" in shown(revision_before=None)


def test_the_same_revision_again_and_going_back_are_told_apart() -> None:
    assert shown(revision_before=REVISION, commits=()).startswith("prod   a1b2c3d again")
    assert "no new commits: this goes back" in shown(commits=())


def test_of_many_commits_the_newest_are_listed_and_the_others_counted() -> None:
    text = shown(commits=(COUPON,) * 40)
    assert text.count("Add a coupon field") == 15
    assert "and 25 more" in text


def test_a_commit_cannot_drive_the_terminal_nor_break_the_line() -> None:
    evil = COUPON.model_copy(update={"summary": "a\x1b[2J\nb" * 40})
    lines = shown(commits=(evil,)).splitlines()
    assert "\x1b" not in "".join(lines)
    assert len(lines[1]) <= 80


def test_without_symbols_it_is_ascii() -> None:
    assert shown(Look(symbols=False)).isascii()


def test_the_page_of_all_changes_follows_the_commits() -> None:
    page = "https://github.com/ana/shop/compare/9e8d7c6...a1b2c3d"
    assert plain(promotion.render(PROMOTION, NOW, Look(), page)).splitlines()[3] == f"    {page}"


def test_an_image_without_a_digest_has_its_name() -> None:
    named = API.model_copy(update={"image_before": None, "image_after": "nginx:1.27"})
    pinned = API.model_copy(update={"image_after": "docker.io/nginx@sha256:9f2c" + "0" * 60})
    assert "api   nginx:1.27 (new)" in shown(workloads=(named,))
    assert "sha256:55de00… → sha256:9f2c00…" in shown(workloads=(pinned,))


def test_what_cannot_be_seen_is_said() -> None:
    text = shown(revision_before=None, commits=(), workloads=(), unseen="`ana` may not do `sts:AssumeRole`")
    assert "its first release by this pipeline" in text
    assert "    what changes cannot be seen: `ana` may not do `sts:AssumeRole`" in text
