"""Tables of this app."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from mlops_portal.foundation.web import cells, marks, words
from mlops_portal.foundation.web.tables import Column, Table

REASON_SHOWN = 90  # the entry's page has the whole text


def _number(value: Any, row: Any) -> SafeString | str:
    shown = f"#{words.number(row.number)}" if row.number is not None else "no number yet"
    url = reverse("audits:entry", args=[row.pk])
    return format_html('<a href="{}">{}</a> <small class="mono">{}</small>', url, shown, row.short_id)


def _what(value: Any, row: Any) -> SafeString | str:
    late = marks.pill("warn", "recorded late", "clock") if row.is_flagged else ""
    removed = marks.pill("mute", "payload removed", "cross") if row.is_removed else ""
    about = format_html("<b>{}</b>", row.subject) if row.subject else ""
    if row.url and about:
        about = format_html('<a href="{}">{}</a>', row.url, row.subject)
    where = []
    if row.change_id and row.subject != f"CR-{row.change_id}":
        url = reverse("approvals:change-detail", args=[row.change_id])
        where.append(format_html('of <a href="{}">CR-{}</a>', url, row.change_id))
    if row.model_name and row.model_name != row.subject:
        is_linked = row.url and not about and not row.change_id
        linked = format_html('<a href="{}">{}</a>', row.url, row.model_name)
        where.append(format_html("on {}", linked if is_linked else row.model_name))
    said = format_html("{}{}{}", row.what, ": " if about else "", about)
    return format_html(
        '<span class="said">{} {}</span> {} {}{}',
        said,
        format_html_join(" ", "{}", ((one,) for one in where)),
        late,
        removed,
        _others(row),
    )


def _others(row: Any) -> SafeString | str:
    """Lead to all entries of an act that is folded into one row, and name what else was done in it."""
    if not getattr(row, "others", 0):
        return ""
    also = format_html("; also {}", ", ".join(row.also)) if row.also else ""
    return format_html(
        '<small><a href="{}">and {}</a>{}</small>',
        row.act_address,
        words.plural(row.others, "more entry,more entries"),
        also,
    )


def _told(row: Any) -> str:
    parts = [
        row.what,
        row.subject,
        f"CR-{row.change_id}" if row.change_id and row.subject != f"CR-{row.change_id}" else "",
    ]
    return " ".join(filter(None, parts))


def _subject(value: Any, row: Any) -> SafeString:
    url = f"{reverse('audits:ledger')}?record={row.subject_label}&subject={row.subject_id}"
    return format_html('<a href="{}">{} {}</a>', url, row.subject_label, row.subject_id)


def _reason(value: Any, row: Any) -> Any:
    return Truncator(value).chars(REASON_SHOWN) if value else cells.absent("none given")


def _actor(value: Any, row: Any) -> SafeString:
    url = f"{reverse('audits:ledger')}?actor={row.who_id}"
    named = format_html('<a href="{}">{}</a>', url, row.who) if row.who_id else format_html("{}", row.who)
    return format_html(
        '<span class="person">{}{}</span>',
        marks.avatar(words.initials_of(row.who) if row.who_id else "mo", "" if row.who_id else "machine"),
        named,
    )


class LedgerTable(Table):
    """Entries, newest first; on the page one row stands for each act."""

    default_sort = "-number"
    number = Column("Entry", header=True, sort="id", accessor="pk", cell=_number, export="number")
    actor = Column("Who", accessor="actor_id", cell=_actor, export="who")
    what = Column("Did what", accessor="verb", cell=_what, export=_told)
    at = Column("Occurred", accessor="occurred_at", cell=cells.when)
    verb = Column("Verb", cell=lambda value, row: format_html("<code>{}</code>", value), shown=False)
    subject = Column("Record", accessor="subject_id", cell=_subject, export="subject_label", shown=False)
    reason = Column("Reason", accessor="reason", cell=_reason)
    unit = Column("Unit", accessor="unit_name", cell=cells.empty_as("no unit"))
    model = Column("Model", accessor="model_name", cell=cells.empty_as("none"), shown=False)
    recorded = Column("Recorded", accessor="recorded_at", cell=cells.when, shown=False)
    act = Column("Act", accessor="act_id", cell=lambda value, row: format_html("<code>{}</code>", str(value)[-12:]), shown=False)  # fmt: skip


def _model_then(row: Any) -> str:
    return f"{reverse('registry:model-detail', args=[row.id])}?as_of={row.as_of_text}"


def _shown(field: str, tone: str = "") -> Any:
    return lambda value, row: getattr(row, f"get_{field}_display")() or cells.absent()


def _exported(field: str) -> Any:
    return lambda row: getattr(row, f"get_{field}_display")()


class PastModelTable(Table):
    """Models as they were."""

    default_sort = "name"
    name = Column("Model", header=True, sort="name", note="title", link=_model_then)
    tier = Column("Tier", cell=cells.tier)
    kind = Column("Kind", cell=_shown("kind"), export=_exported("kind"))
    unit = Column("Unit then", accessor="unit.name")
    state = Column("State", accessor="lifecycle_state", cell=_shown("lifecycle_state"), export=_exported("lifecycle_state"))  # fmt: skip
    governance = Column("Governance", cell=_shown("governance"), export=_exported("governance"))
    owner = Column("Owner", accessor="owner", cell=cells.person, export="owner.name")
    review = Column("Next review", accessor="next_review_on", cell=cells.empty_as("not set"))
    changed = Column("Last change then", accessor="history_date", cell=cells.when)
