"""The access log in words: who read or exported what.

The ledger holds the number of reads of a batch and their digest, nothing of a person. Everything here is read from the
access log when a page is shown, with the names that people and records have then, as far as the reader may see them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Count, Min
from django.urls import NoReverseMatch

from audits.models import AccessLog
from audits.queries import names_of
from audits.reading.records import named_rows
from audits.reading.requests import PAGES
from mlops_portal.foundation.events import verb_label
from mlops_portal.foundation.web import paging
from mlops_portal.foundation.web.words import plural, uncapped

PAGE = 50
LISTED, FETCHED, ASKED = "web.list_exported", "document downloaded", "approvals.gate_read"
SAID = {FETCHED: "downloaded the file of", ASKED: "asked the gate about"}
ORDER = paging.Order("id", "id")
Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one entry of the ledger covers: by one person, or by several; of one kind, or of several."""

    count: int
    people: int
    actor_id: str
    actor: str
    said: str  # empty: not all of it was the same

    @property
    def text(self) -> str:
        """Say it, so that it reads on after the person's name or, of several people, after the portal's."""
        if self.people > 1:
            return f"recorded {plural(self.count, 'read')} by {self.people} people"
        if not self.said:
            return f"made {plural(self.count, 'read')}"
        return self.said if self.count == 1 else f"{self.said}, {self.count} times"


@dataclass(frozen=True, slots=True)
class ToldAccess:
    """One row of the access log in words."""

    row: AccessLog
    actor: str
    done: str
    name: str
    url: str


def batches_of(keys: Iterable[str], user: Any) -> dict[str, Batch]:
    """Return what each batch covers: the rows are counted in one statement, names are read once for all."""
    wanted = [UUID(key) for key in keys]
    if not wanted:
        return {}
    alike = ("actor_id", "what", "subject_label", "subject_id")
    counted = (
        AccessLog.objects.visible_to(user)
        .filter(batch_id__in=wanted)
        .order_by()
        .values("batch_id")
        .annotate(
            rows=Count("id"),
            **{f"all_{name}": Count(name, distinct=True) for name in alike},
            **{f"one_{name}": Min(name) for name in alike},
        )
    )
    found: list[Any] = list(counted)
    people = names_of(one["one_actor_id"] for one in found if one["all_actor_id"] == 1)
    same = [one for one in found if all(one[f"all_{name}"] == 1 for name in alike[1:])]
    names = _names({(one["one_subject_label"], one["one_subject_id"]) for one in same}, user)
    said = {
        one["batch_id"]: " ".join(
            filter(None, _told(one["one_what"], one["one_subject_label"], one["one_subject_id"], names)[:2])
        )
        for one in same
    }
    return {
        str(one["batch_id"]): Batch(
            one["rows"],
            one["all_actor_id"],
            one["one_actor_id"],
            people.get(one["one_actor_id"], "") or _nameless(one["one_actor_id"]),
            said.get(one["batch_id"], ""),
        )
        for one in found
    }


def page_of_batch(
    key: str, user: Any, *, after: str = "", before: str = ""
) -> tuple[Sequence[ToldAccess], paging.KeysetPage]:
    """Return one page of the rows of a batch that ``user`` may see, in words."""
    rows = AccessLog.objects.visible_to(user).filter(batch_id=UUID(key))
    page = paging.page_of(rows, ORDER, size=PAGE, after=after, before=before)
    people = names_of(row.actor_id for row in page.rows)
    names = _names({(row.subject_label, row.subject_id) for row in page.rows}, user)
    told = [
        ToldAccess(
            row,
            people.get(row.actor_id, "") or _nameless(row.actor_id),
            *_told(row.what, row.subject_label, row.subject_id, names),
        )
        for row in page.rows
    ]
    return told, page


def _nameless(actor_id: str) -> str:
    return f"no. {actor_id}" if actor_id else "somebody who was not signed in"


def _told(what: str, label: str, key: str, names: dict[Subject, Subject]) -> tuple[str, str, str]:
    """Return what was done, with what, and the address of that."""
    if what == LISTED:
        return f"exported the list of {_plural_of(label)} as {key.upper()}", "", ""
    name, url = names.get((label, key), ("", ""))
    return SAID.get(what) or uncapped(verb_label(what)), name or f"{_kind_of(label)} {key}", url


def _kind_of(label: str) -> str:
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label


def _plural_of(label: str) -> str:
    try:
        kinds = str(apps.get_model(label)._meta.verbose_name_plural)
    except (LookupError, ValueError):
        return label
    return f"{kinds[:-2]}ies" if kinds.endswith("ys") else kinds


def _names(subjects: Iterable[Subject], user: Any) -> dict[Subject, Subject]:
    """Return name and address of the records that ``user`` may see: one statement for each kind."""
    keys: dict[str, set[str]] = defaultdict(set)
    for label, key in subjects:
        if key.isdecimal():
            keys[label].add(key)
    found: dict[Subject, Subject] = {}
    for label, wanted in keys.items():
        try:
            kind = apps.get_model(label)
        except (LookupError, ValueError):
            continue
        for row in named_rows(kind, user).filter(pk__in=wanted):
            found[label, str(row.pk)] = (str(row), _address(label, row))
    return found


def _address(label: str, row: Any) -> str:
    try:
        return PAGES[label](row) if label in PAGES else row.get_absolute_url()
    except (AttributeError, NoReverseMatch):
        return ""
