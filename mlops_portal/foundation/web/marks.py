"""The small marks of the design language as functions that return safe HTML.

Tables and Python code call them directly; templates reach the same functions through the `portal` tags.
"""

from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from mlops_portal.foundation.web.words import initials_of, name_of

TONES = ("ok", "warn", "fail", "info", "waived", "mute")
GLYPHS = {"ok": "ok", "fail": "fail", "warn": "warn", "waived": "waived", "info": "info", "mute": "ring"}
ARROWS = {"up": ("up", "up"), "down": ("dn", "down"), "flat": ("flat", "unchanged")}
NOTHING = mark_safe("")


def classes(*names: str) -> str:
    """Join class names, leaving out empty ones."""
    return " ".join(name for name in names if name)


def icon(name: str, cls: str = "") -> SafeString:
    """Draw a sign from the sprite; it is decoration, the word beside it carries the meaning."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        classes("icon", cls),
        static("img/icons.svg"),
        name,
    )


def pill(tone: str, label: Any, glyph: str = "") -> SafeString:
    """Show one state of one thing: shape, word and colour."""
    return format_html(
        '<span class="pill is-{}">{}{}</span>', tone, icon(glyph or GLYPHS.get(tone, "ring"), "sm"), label
    )


def tier(number: int | None) -> SafeString:
    """Show a risk tier by weight, not by hue."""
    if number is None:
        return mark_safe('<span class="muted nowrap">no tier</span>')
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="2.500" height="{}" rx=".6"{}/>',
        (
            (
                f"{i * 3.7:.1f}",
                f"{7 - i * 2.3:.1f}",
                f"{3 + i * 2.3:.1f}",
                mark_safe(' class="off"') if i >= 5 - number else "",
            )
            for i in range(4)
        ),
    )
    return format_html(
        '<span class="tier" data-tier="{0}"><svg viewBox="0 0 14 10" aria-hidden="true">{1}</svg>Tier {0}</span>',
        number,
        bars,
    )


def sla(tone: str, percent: float, label: str) -> SafeString:
    """Show time left as a ring with its words."""
    return format_html(
        '<span class="sla is-{}"><svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.2"/>'
        '<circle cx="8" cy="8" r="6.2" pathLength="100" stroke-dasharray="{} 100"/></svg>{}</span>',
        tone,
        round(min(100, max(0, percent))),
        label,
    )


def short_hash(digest: str) -> str:
    """Shorten a digest for pages: `sha256:30c9…f7e1`; where it is signed it stands in full."""
    text = str(digest).replace("sha256 ", "sha256:")
    head, colon, body = text.rpartition(":")
    return f"{head}{colon}{body[:4]}…{body[-4:]}" if len(body) > 12 else text


def hash_chip(digest: str, what: str = "digest", full: bool = False) -> SafeString:
    """Show a digest with a button that copies it whole."""
    if not digest:
        return mark_safe('<span class="muted">none</span>')
    return format_html(
        '<span class="{}"><span>{}</span><button type="button" data-copy="{}" aria-label="Copy {}">{}</button></span>',
        classes("hash", "full" if full else ""),
        digest if full else short_hash(digest),
        digest,
        what,
        icon("copy", "sm"),
    )


def avatar(initials: str, cls: str = "") -> SafeString:
    """Show a person's initials; machines are square, you are petrol."""
    return format_html('<span class="{}" aria-hidden="true">{}</span>', classes("avatar", cls), initials)


def person(who: Any, note: str = "", cls: str = "") -> SafeString:
    """Name a person with initials; nobody is the portal itself, drawn as a machine."""
    is_machine = (
        who is None
        or bool(getattr(who, "is_service_account", False))
        or getattr(who, "kind", "") == "service"
    )
    small = format_html(" <small>{}</small>", note) if note else NOTHING
    return format_html(
        '<span class="person">{}<span>{}{}</span></span>',
        avatar("mo" if who is None else initials_of(who), cls or ("machine" if is_machine else "")),
        name_of(who),
        small,
    )


def delta(direction: str, label: str, tone: str = "mute") -> SafeString:
    """Show a change against the comparison period; the arrow has a word for those who do not see it."""
    sign, word = ARROWS[direction]
    return format_html(
        '<span class="delta is-{}">{}<span class="sr">{} </span>{}</span>',
        tone,
        icon(sign, "sm"),
        word,
        label,
    )


def count(value: Any, tone: str = "") -> SafeString:
    """Show a count in a chip."""
    return format_html('<span class="{}">{}</span>', classes("count", f"is-{tone}" if tone else ""), value)
