"""Small drawings as SVG text: trend lines, gate segments, one value against one limit.

Everything is drawn with attributes, never with `style`, so that the content security policy holds.
"""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT, EDGE, RADIUS = 112.0, 36.0, 2.0, 3.5


def sparkline(
    points: Sequence[float | None],
    tone: str = "mute",
    goal: float | None = None,
    lo: float | None = None,
    hi: float | None = None,
) -> SafeString:
    """Draw a trend; `goal` is a dashed limit, `lo`..`hi` a band, and unknown values break the line."""
    known = [float(value) for value in points if value is not None]
    if len(known) < 2:
        return mark_safe("")
    extra = [float(value) for value in (goal, lo, hi) if value is not None]
    low, high = min(known + extra), max(known + extra)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return HEIGHT - RADIUS - (float(value) - low) / span * (HEIGHT - 2 * RADIUS)

    step = (WIDTH - 2 * EDGE - 2) / (len(points) - 1)
    path, pen, last = [], "M", (0.0, 0.0)
    for at, value in enumerate(points):
        if value is None:
            pen = "M"
            continue
        last = (EDGE + at * step, place(value))
        path.append(f"{pen}{last[0]:.1f} {last[1]:.1f}")
        pen = "L"
    band = goal_line = mark_safe("")
    if lo is not None and hi is not None:
        band = format_html(
            '<rect class="band" x="0" y="{}" width="112" height="{}"/>',
            f"{place(hi):.1f}",
            f"{place(lo) - place(hi):.1f}",
        )
    if goal is not None:
        goal_line = format_html('<path class="goal" d="M0 {}H112"/>', f"{place(goal):.1f}")
    return format_html(
        '<svg class="spark is-{}" viewBox="0 0 112 36" aria-hidden="true">{}{}<path class="line" d="{}"/>'
        '<circle class="end" cx="{}" cy="{}" r="3.5"/></svg>',
        tone,
        band,
        goal_line,
        " ".join(path),
        f"{last[0]:.1f}",
        f"{last[1]:.1f}",
    )


def segments(ok: int, waived: int = 0, warn: int = 0, fail: int = 0, wait: int = 0) -> SafeString:
    """Draw one block per gate, worst first, so that a failing gate is seen at the left edge."""
    kinds = ["fail"] * fail + ["warn"] * warn + ["waived"] * waived + ["ok"] * ok + ["wait"] * wait
    if not kinds:
        return mark_safe("")
    gap = 1.2 if len(kinds) < 40 else 0.4
    width = (100 - gap * (len(kinds) - 1)) / len(kinds)
    blocks = format_html_join(
        "",
        '<rect class="{}" x="{}" y="0" width="{}" height="8" rx=".8"/>',
        ((kind, f"{at * (width + gap):.2f}", f"{width:.2f}") for at, kind in enumerate(kinds)),
    )
    return format_html(
        '<svg class="segments" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        blocks,
    )


def stacked(ok: float, fail: float = 0, waived: float = 0, warn: float = 0, rest: float = 0) -> SafeString:
    """Draw shares of a whole as one bar; used for coverage, where blocks would be too many."""
    parts = [("ok", ok), ("fail", fail), ("waived", waived), ("warn", warn), ("wait", rest)]
    total = sum(value for _, value in parts)
    if not total:
        return mark_safe("")
    blocks, at = [], 0.0
    for kind, value in parts:
        width = 100 * value / total
        if value:
            blocks.append((kind, f"{at:.2f}", f"{max(width - 0.5, 0.3):.2f}"))
        at += width
    return format_html(
        '<svg class="segments" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" y="0" width="{}" height="8" rx=".8"/>', blocks),
    )


def bullet(
    tone: str, value: float, goal: float, lo: float = 0, hi: float = 100, better: str = "high"
) -> SafeString:
    """Draw one value against one limit; the zone is where the value passes."""
    span = (float(hi) - float(lo)) or 1.0

    def place(number: float) -> float:
        return min(100.0, max(0.0, (float(number) - float(lo)) / span * 100))

    limit = place(goal)
    start, width = (limit, 100 - limit) if better == "high" else (0.0, limit)
    return format_html(
        '<svg class="bullet is-{}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"/>'
        '<rect class="zone is-ok" x="{}" y="0" width="{}" height="6"/>'
        '<rect class="goal-bar" x="{}" y="-2" width=".8" height="10" fill="currentColor"/>'
        '<rect class="val" x="{}" y="-1.5" width="2.2" height="9" rx=".6"/></svg>',
        tone,
        f"{start:.2f}",
        f"{width:.2f}",
        f"{limit - 0.4:.2f}",
        f"{place(value) - 1.1:.2f}",
    )
