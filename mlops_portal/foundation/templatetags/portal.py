"""The design language as template tags; a builtin library, so templates need no `{% load %}`.

Marks: icon pill tier sla hash avatar person delta count sparkline segments stacked bullet when
Blocks: callout … endcallout, empty … endempty
Parts: stat kv figure field form_fields facet sort_header panels job refreshed_by_job
Filters: content number percent share plural words sentence uncapped when day duration size short_hash name initials
"""

from datetime import date, datetime
from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString, mark_safe

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web import charts, marks, panels, search, svg, words
from mlops_portal.foundation.web.forms import described, sectioned
from mlops_portal.foundation.web.jobs import ENDED, JobRow

register = template.Library()

register.simple_tag(marks.icon, name="icon")
register.simple_tag(marks.pill, name="pill")
register.simple_tag(marks.tier, name="tier")
register.simple_tag(marks.sla, name="sla")
register.simple_tag(marks.hash_chip, name="hash")
register.simple_tag(marks.avatar, name="avatar")
register.simple_tag(marks.person, name="person")
register.simple_tag(marks.delta, name="delta")
register.simple_tag(marks.count, name="count")
register.simple_tag(svg.sparkline, name="sparkline")
register.simple_tag(svg.segments, name="segments")
register.simple_tag(svg.stacked, name="stacked")
register.simple_tag(svg.bullet, name="bullet")
register.filter("plural", words.plural)
register.filter("content", words.content)
register.filter("figure", words.figure)
register.filter("share_figure", words.share_figure)
register.filter("percent", words.percent)
register.filter("duration", words.duration)
register.filter("words", words.spaced)
register.filter("sentence", words.sentence)
register.filter("uncapped", words.uncapped)
register.filter("size", words.size)
register.filter("short_hash", marks.short_hash)
register.filter("name", words.name_of)
register.filter("initials", words.initials_of)


register.simple_tag(words.zone_name, name="zone_name")


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """Write a number in thin groups of three."""
    return words.number(value, places)


@register.filter
def when(value: datetime | date | None, absent: str = "none") -> SafeString:
    """Write a moment in the reader's zone, or a date."""
    return words.when(value, absent)


@register.filter
def may(user: Any, right: str) -> bool:
    """Tell whether the person holds a right anywhere: `{% if request.user|may:"registry.register" %}`."""
    return rights_of(user).has(right)


@register.filter
def marked(text: str, words: str) -> SafeString:
    """Write a text with the words that were looked for in bold."""
    return search.marked(text, words)


@register.simple_tag
def now_text() -> str:
    """Write the present moment with its zone, for the line at the top of printed pages."""
    return words.zoned_text(timezone.now())


@register.filter
def message_tone(message: Any) -> str:
    """Tone of one of Django's messages."""
    return {"success": "ok", "warning": "warn", "error": "fail"}.get(message.level_tag, "info")


@register.simple_block_tag
def callout(
    content: str,
    tone: str,
    title: str,
    icon: str = "",
    href: str = "",
    action: str = "",
    id: str = "",  # noqa: A002
) -> SafeString:
    """Say something about this page that changes what to do."""
    button = format_html('<a class="btn" href="{}">{}</a>', href, action) if href else ""
    return format_html(
        '<div class="callout is-{}"{}>{}<div><b>{}</b><span>{}</span></div>{}</div>',
        tone,
        format_html(' id="{}"', id) if id else "",
        marks.icon(icon or marks.GLYPHS[tone]),
        title,
        mark_safe(content.strip()),  # noqa: S308  (rendered by the template engine, escaped there)
        button,
    )


@register.simple_block_tag
def empty(
    content: str, title: str, icon: str = "inbox", href: str = "", action: str = "", level: int = 3
) -> SafeString:
    """Say that there is nothing yet, and what to do. `level=2` where the panel has no head of its own."""
    button = format_html('<a class="btn" href="{}">{}</a>', href, action) if href else ""
    return format_html(
        '<div class="empty">{0}<h{4}>{1}</h{4}><p>{2}</p>{3}</div>',
        marks.icon(icon),
        title,
        mark_safe(content.strip()),  # noqa: S308  (rendered by the template engine, escaped there)
        button,
        level,
    )


@register.inclusion_tag("components/stat.html")
def stat(
    label: str,
    value: Any,
    unit: str = "",
    tone: str = "mute",
    band: str = "",
    points: Any = (),
    goal: float | None = None,
    target: str = "",
    delta: str = "",
    basis: str = "",
    href: str = "",
    lo: float | None = None,
    hi: float | None = None,
) -> dict[str, Any]:
    """Show one measure: number, target or "No target", basis, trend and drill-down; `delta` is made by `delta`."""
    return {
        "label": label,
        "value": value,
        "unit": unit,
        "tone": tone,
        "band": band,
        "spark": svg.sparkline(points, tone, goal, lo, hi) if points else "",
        "target": target,
        "delta": delta,
        "basis": basis,
        "href": href,
    }


@register.inclusion_tag("components/kv.html")
def kv(pairs: Any, across: bool = False) -> dict[str, Any]:
    """List facts about one thing: pairs of label and value, or label, value and a small note."""
    rows = [(*pair, "")[:3] for pair in pairs]
    return {"rows": rows, "across": across}


@register.inclusion_tag("components/figure.html")
def figure(spec: charts.Spec, id: str, size: str = "") -> dict[str, Any]:  # noqa: A002
    """Show a chart, its caption and its data table from one object. `size="small"` for half-width panels."""
    return {"spec": spec, "id": id, "size": size, "table": charts.table_of(spec), "json": spec.as_json()}


@register.filter
def chart_data(data: Any, element_id: str) -> SafeString:
    """Write what a chart draws into a block that no browser runs."""
    block = str(json_script(data))
    return mark_safe(  # noqa: S308  (json_script escapes the data, format_html the id)
        block.replace("<script", format_html('<script data-chart="{}"', element_id), 1)
    )


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, wide: bool = False) -> dict[str, Any]:
    """Show a form field: label above, hint below, error in the hint's place with a sign and words."""
    return described(bound) | {"wide": wide}


@register.inclusion_tag("components/form_fields.html")
def form_fields(form: Any) -> dict[str, Any]:
    """Show all fields of a form by sections, with the error summary on top when more than one field is wrong."""
    return {"form": form, "hidden": form.hidden_fields(), "sections": sectioned(form)}


@register.inclusion_tag("components/facet.html")
def facet(facet: Any, form_id: str = "") -> dict[str, Any]:
    """Show one filter that names its value."""
    return {"facet": facet, "form_id": form_id}


@register.inclusion_tag("components/sort_header.html")
def sort_header(column: Any, form_id: str = "list-form") -> dict[str, Any]:
    """Show a column head; a sortable one is a submit button of the filter form."""
    return {"column": column, "form_id": form_id}


@register.inclusion_tag("components/panels.html", takes_context=True, name="panels")
def panels_tag(context: Context, subject: Any, place: str = "main") -> dict[str, Any]:
    """Show the panels that applications above registered for this object; each loads itself."""
    then = context.get("then") or ""
    return {"panels": panels.panels_for(subject, user=context["request"].user, place=place, then=then)}


@register.inclusion_tag("components/panel_tabs.html", takes_context=True)
def panel_tabs(context: Context, subject: Any, current: str = "") -> dict[str, Any]:
    """Show the tabs that applications above registered for this object."""
    then = context.get("then") or ""
    found = panels.panels_for(subject, user=context["request"].user, place="tab", then=then)
    return {"tabs": found, "current": current, "then": then}


@register.inclusion_tag("components/panel_actions.html", takes_context=True)
def panel_actions(context: Context, subject: Any, place: str = "action") -> dict[str, Any]:
    """Show the buttons that applications above registered for this object, at its head or at another place."""
    return {"actions": panels.panels_for(subject, user=context["request"].user, place=place)}


@register.inclusion_tag("components/job.html")
def job(job: Any) -> dict[str, Any]:
    """Show a job; while it runs the row asks for itself every two seconds."""
    return {"row": JobRow(job)}


@register.simple_tag(takes_context=True)
def refreshed_by_job(context: Context, part: str, *others: str) -> SafeString:
    """Let a part of the page read itself again when a job on it ends; `others` are parts read with it, all by id.

    `<section id="outcome" {% refreshed_by_job "outcome" "nav-ledger" %}>`. Works on pages that answer whole to htmx.
    """
    also = format_html(' hx-select-oob="{}"', ",".join(f"#{one}" for one in others)) if others else ""
    return format_html(
        'hx-get="{}" hx-trigger="{} from:body" hx-select="#{}" hx-target="this" hx-swap="outerHTML"'
        ' hx-disinherit="hx-select hx-select-oob hx-target hx-swap"{}',
        context["request"].get_full_path(),
        ENDED,
        part,
        also,
    )
