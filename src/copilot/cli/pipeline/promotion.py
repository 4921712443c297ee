"""What an approval would release, as text: the person sees what they say yes to. Pure."""

from __future__ import annotations

from copilot.cli._output import ago, cell_width, duration, pad
from copilot.cli.pipeline._text import Line, Look, Span, flow, printable, short_digest, short_revision, shorten
from copilot.engine import Promotion, Revision, WorkloadPromotion

_MOST_COMMITS = 15
_WIDEST_SUMMARY = 60


def render(promotion: Promotion, now: float, look: Look, page: str | None = None) -> list[Line]:
    """Environment and revisions, the commits between them, then each workload's image and changed settings.

    ``page``: the address at which all changes can be read; None without.
    """
    lines = flow(_headline(promotion, look), _circumstances(promotion, now), look.width, 4)
    lines += _commits(promotion.commits, look)
    if page is not None:
        lines.append((Span("    "), Span(page, "quiet")))
    names = max((cell_width(w.workload) for w in promotion.workloads), default=0)
    for workload in promotion.workloads:
        lines += _workload(workload, names, look)
    if promotion.unseen is not None:
        lines.append((Span("    "), Span(f"what changes cannot be seen: {printable(promotion.unseen)}", "wait")))
    return [look.translate(line) for line in lines]


def _headline(promotion: Promotion, look: Look) -> Line:
    after = short_revision(promotion.revision_after.id) if promotion.revision_after else "this revision"
    environment = Span(promotion.environment, "strong")
    before = promotion.revision_before
    if before is None:
        return (environment, Span(f"   {look.arrow} "), Span(after, "strong"))
    if promotion.revision_after is not None and before.id == promotion.revision_after.id:
        return (environment, Span(f"   {after} again"))
    return (environment, Span(f"   {short_revision(before.id)} {look.arrow} "), Span(after, "strong"))


def _circumstances(promotion: Promotion, now: float) -> list[Line]:
    count = len(promotion.commits)
    facts = []
    if promotion.revision_before is None:
        others = promotion.unseen is not None or any(w.image_before is not None for w in promotion.workloads)
        facts.append("its first release by this pipeline" if others else "its first release")
    elif count:
        facts.append(f"{count} commit{'' if count == 1 else 's'}")
    elif promotion.revision_after is not None and promotion.revision_before.id != promotion.revision_after.id:
        facts.append("no new commits: this goes back")
    if promotion.tested_at is not None:
        facts.append(f"{promotion.tested_in or 'tests'} passed {ago(promotion.tested_at, now)}")
    facts.append(f"waiting {duration(now - promotion.waiting_since)}")
    return [(Span(", ".join(facts), "quiet"),)]


def _commits(commits: tuple[Revision, ...], look: Look) -> list[Line]:
    shown = commits[:_MOST_COMMITS]
    room = max(20, look.width - 12 - max((cell_width(printable(c.author)) + 3 for c in shown), default=0))
    summaries = [shorten(printable(c.summary), min(room, _WIDEST_SUMMARY)) for c in shown]
    widest = max(map(cell_width, summaries), default=0)
    lines: list[Line] = [
        (Span("    "), Span(short_revision(c.id), "strong"), Span(f" {pad(s, widest)}   "), Span(printable(c.author), "quiet"))
        for c, s in zip(shown, summaries, strict=True)
    ]
    if len(commits) > len(shown):
        lines.append((Span(f"    and {len(commits) - len(shown)} more", "quiet"),))
    return lines


def _workload(workload: WorkloadPromotion, width: int, look: Look) -> list[Line]:
    after = short_digest(workload.image_after)
    if workload.image_before is None:
        image: Line = (Span(after), Span(" (new)", "quiet"))
    elif workload.image_before == workload.image_after:
        image = (Span(f"unchanged {after}", "quiet"),)
    else:
        image = (Span(f"{short_digest(workload.image_before)} {look.arrow} {after}"),)
    changed: list[Line] = [
        (Span(f"{printable(name)} {printable(before)} {look.arrow} {printable(then)}", "wait"),)
        for name, before, then in workload.settings
    ]
    return flow((Span("    "), Span(pad(workload.workload, width)), Span("   "), *image), changed, look.width, 8)
