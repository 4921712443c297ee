from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from copilot.cli._output import cell_width
from copilot.cli.pipeline import view
from copilot.cli.pipeline._text import Look, plain, shorten
from copilot.engine import StageState
from tests.cli.pipeline.values import BUILD, NOW, PROD, PROD_PENDING, REVISION, SOURCE, TEST, action, execution, stage

WAITING = execution(SOURCE, BUILD, TEST, PROD)


def text(look: Look, **more: str) -> str:
    return plain(view.render(WAITING, NOW, look, view.Hints(**more)))


def test_a_waiting_execution_says_what_happened_where_and_what_now() -> None:
    assert text(Look(width=90)) == (
        """\
shop-main  #14  a1b2c3d "Fix the cart total"  Ana, 2 min ago                   in progress

✓ Source          0.4 s   main @ a1b2c3d
✓ Build           6.2 s   api sha256:9f2c01…   web unchanged
✓ DeployTo-test   9.0 s
    ✓ CreateOrUpdate-api-test   3.1 s   http://localhost:8081
    ✓ CreateOrUpdate-web-test   2.9 s
    ✓ TestCommands              5.0 s
◷ DeployTo-prod
    ◷ ApprovePromotionTo-prod   waiting 1 min   → copilot pipeline approve
    · CreateOrUpdate-api-prod
    · CreateOrUpdate-web-prod"""
    )


def test_a_narrow_terminal_gets_more_lines_and_loses_no_command() -> None:
    lines = text(Look(width=40)).splitlines()
    assert all(cell_width(line) <= 40 for line in lines)
    assert "        → copilot pipeline approve" in lines
    assert lines[0] == "shop-main  #14               in progress"
    assert lines[1].startswith('a1b2c3d "Fix the cart')


def test_without_symbols_everything_is_ascii() -> None:
    shown = text(Look(symbols=False))
    assert shown.isascii()
    assert "+ Source" in shown
    assert "? ApprovePromotionTo-prod   waiting 1 min   -> copilot pipeline approve" in shown


def test_the_command_names_the_pipeline_where_there_are_several() -> None:
    assert "→ copilot pipeline approve --name shop-main" in text(Look(width=120), flags=" --name shop-main")


def test_a_low_terminal_hides_the_actions_of_what_is_over_first() -> None:
    lines = plain(view.render(WAITING, NOW, Look(height=10))).splitlines()
    assert len(lines) <= 10
    assert "✓ DeployTo-test   9.0 s  3 actions" in lines
    assert any("ApprovePromotionTo-prod" in line for line in lines)


def test_a_disabled_transition_says_why_and_how_to_enable_it() -> None:
    closed = PROD_PENDING.model_copy(update={"transition_enabled": False, "disabled_reason": "holidays"})
    shown = plain(view.render(execution(SOURCE, BUILD, TEST, closed), NOW, Look(width=100)))
    assert "disabled: holidays   → copilot pipeline enable DeployTo-prod" in shown


def test_an_execution_behind_another_one_says_what_it_waits_for() -> None:
    behind = execution(SOURCE, BUILD, TEST, PROD_PENDING)
    stage_name = view.awaited_stage(behind)
    assert stage_name == "DeployTo-prod"
    held = view.held(stage_name, [WAITING])
    assert held == view.Held("DeployTo-prod", "14", approval=True)
    shown = plain(view.render(behind, NOW, Look(width=100), held_by=held))
    line = next(line for line in shown.splitlines() if line.startswith("· DeployTo-prod"))
    assert line.endswith("   waits for #14, which waits for approval → copilot pipeline approve")
    at_work = execution(
        SOURCE, BUILD, TEST, stage("DeployTo-prod", "InProgress", action("CreateOrUpdate-api-prod", "InProgress", 3))
    )
    held = view.held(stage_name, [at_work])
    assert "waits until #14 has left it" in plain(view.render(behind, NOW, Look(width=100), held_by=held))
    assert view.held(stage_name, [behind]) is None


def test_an_execution_at_work_waits_for_nobody() -> None:
    closed = PROD_PENDING.model_copy(update={"transition_enabled": False})
    assert view.awaited_stage(WAITING) is None
    assert view.awaited_stage(execution(SOURCE, BUILD, TEST, closed)) is None
    assert view.awaited_stage(execution(SOURCE, BUILD, TEST, PROD_PENDING, status="Stopped")) is None


def test_the_parts_of_a_summary_go_into_lines_of_their_own_where_they_do_not_fit() -> None:
    lines = plain(view.render(WAITING, NOW, Look(width=42))).splitlines()
    assert "    api sha256:9f2c01…   web unchanged" in lines
    lines = plain(view.render(WAITING, NOW, Look(width=30))).splitlines()
    assert "    api sha256:9f2c01…" in lines
    assert "    web unchanged" in lines


def test_what_is_cut_off_is_marked_once() -> None:
    assert shorten("sha256:9f2c01… and more", 16) == "sha256:9f2c01…"


def test_an_approval_about_to_lapse_says_when() -> None:
    approval = action("ApprovePromotionTo-prod", "InProgress", 60, kind="approval", expires_at=NOW + 3600)
    shown = plain(view.render(execution(SOURCE, stage("DeployTo-prod", "InProgress", approval)), NOW, Look(width=120)))
    assert "waiting 1 min, lapses in 1 h   → copilot pipeline approve" in shown


def test_what_others_wrote_cannot_drive_the_terminal() -> None:
    evil = REVISION.model_copy(update={"summary": "x\x1b[2Jy\r\nz", "author": "\x07Ana"})
    shown = plain(view.render(execution(SOURCE, revision=evil), NOW, Look()))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\r" not in shown


texts = st.text(max_size=60)
statuses = st.sampled_from(["Pending", "InProgress", "Succeeded", "Failed", "Abandoned"])
actions = st.builds(
    action,
    st.from_regex(r"[A-Za-z-]{1,100}", fullmatch=True),
    statuses,
    st.none() | st.floats(0, 1e7),
    st.none() | st.floats(0, 1e6),
    kind=st.sampled_from(["approval", "deploy", "build"]),
    summary=texts,
    url=st.none() | st.just("http://localhost:8080"),
    attempt=st.integers(1, 3),
)
stages = st.builds(
    lambda name, status, acts, enabled, reason: stage(name, status, *acts, transition_enabled=enabled, disabled_reason=reason),
    st.from_regex(r"(DeployTo-)?[a-z]{1,20}", fullmatch=True),
    st.sampled_from(["Pending", "InProgress", "Succeeded", "Failed", "Stopped", "Skipped"]),
    st.lists(actions, min_size=1, max_size=4),
    st.booleans(),
    st.none() | texts,
)


@given(st.lists(stages, max_size=4), texts, st.integers(40, 120), st.booleans())
# What has no width of its own stands for itself where symbols are missing.
@example(
    [stage("a", "Pending", action("A", "Succeeded", 1.0, 1.0, summary="0\N{MUSICAL SYMBOL COMBINING ACCENT}" * 30))],
    "",
    40,
    False,
)
def test_no_line_is_wider_than_the_terminal(parts: list[StageState], summary: str, width: int, symbols: bool) -> None:
    shown = execution(*parts, revision=REVISION.model_copy(update={"summary": summary}))
    lines = plain(view.render(shown, NOW, Look(width=width, symbols=symbols))).split("\n")
    assert all(cell_width(line) <= width for line in lines)
    assert symbols or all(line.isascii() for line in lines)


def test_a_commit_of_which_little_is_known() -> None:
    def shown(**known: object) -> str:
        return plain([view.describe_revision(REVISION.model_copy(update=known), NOW, 80)])

    assert shown(author="").endswith('"  2 min ago')
    assert shown(author="", committed_at=None).endswith('cart total"')
    assert shown(committed_at=None).endswith('"  Ana')
