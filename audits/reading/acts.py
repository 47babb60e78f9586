"""The explorer's rows: one for each act, which may have written many entries; the address of an act shows them all.

Only what a page shows is folded. Filters, searches and files look at entries, and a page ends where an act ends.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count

from audits.events import BULK
from audits.models import EntryQuerySet
from mlops_portal.foundation.events import verb_label, verbs
from mlops_portal.foundation.web import paging
from mlops_portal.foundation.web.paging import KeysetPage, Order

ENTRIES_AN_ACT = 10  # read ahead for each row of a page; a longer act goes on as a row of the next page
COLUMNS = ("pk", "act_id", "verb", "subject_label", "subject_id", paging.KEY)


def page_of_acts(
    entries: EntryQuerySet, order: Order, *, size: int, after: str = "", before: str = ""
) -> KeysetPage:
    """Return a page of acts, each as one of its entries with the number of the others and what they say.

    Three statements, however many entries an act has.

    Raises:
        Invalid: a token is malformed.
    """
    found, backwards = paging.following(entries, order, after=after, before=before)
    read = list(found.values_list(*COLUMNS, named=True)[: size * ENTRIES_AN_ACT + 1])
    acts: dict[UUID, list[Any]] = {}
    taken = 0
    for row in read[: size * ENTRIES_AN_ACT]:
        if row.act_id not in acts and len(acts) == size:
            break
        acts.setdefault(row.act_id, []).append(row)
        taken += 1
    if not taken:
        return KeysetPage([], before="", after="")
    shown, has_more = read[:taken], taken < len(read)
    rows = _told(entries, list(acts.values()))
    if backwards:
        shown.reverse()
        rows.reverse()
    earlier = has_more if backwards else bool(after or before)
    later = has_more if not backwards else True
    return KeysetPage(
        rows,
        before=paging.token_for(shown[0], order) if earlier else "",
        after=paging.token_for(shown[-1], order) if later else "",
    )


def _told(entries: EntryQuerySet, acts: Sequence[Sequence[Any]]) -> list[Any]:
    """Read the entry that stands for each act and count the others that the list would show."""
    known = {verb.name for verb in verbs()} - {BULK}
    leads = [_lead(rows, known) for rows in acts]
    read = {entry.pk: entry for entry in entries.filter(pk__in=[lead.pk for lead in leads])}
    counted = entries.filter(act_id__in=[lead.act_id for lead in leads]).order_by()
    counts = dict(counted.values_list("act_id").annotate(Count("pk")))
    told = []
    for lead, rows in zip(leads, acts, strict=True):
        entry = read[lead.pk]
        entry.others = counts[lead.act_id] - 1
        further = {row.verb: None for row in rows if row.verb in known and row.verb != lead.verb}
        entry.also = [verb_label(verb) for verb in further]
        if entry.verb == BULK:
            entry.summed = {
                (row.subject_label, row.subject_id)
                for row in rows
                if row.subject_label == entry.subject_label and row.subject_id
            }
        told.append(entry)
    return told


def _lead(rows: Sequence[Any], known: set[str]) -> Any:
    """Return the last thing that people would say was done, else the summary of what was written, else the last row."""
    newest = sorted(rows, key=lambda row: row.pk, reverse=True)
    said = [row for row in newest if row.verb in known]
    summed = [row for row in newest if row.verb == BULK]
    return (said or summed or newest)[0]
