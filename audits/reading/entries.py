"""Ledger entries as pages show them: numbers, names and words are read once for a whole page."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Max, Min, Q
from django.urls import NoReverseMatch, reverse

from approvals.models import Dossier
from approvals.states import Meaning, Verdict, act_word
from audits.events import ACCESSES, BULK
from audits.models import EntryQuerySet, LedgerEntry, LedgerLeaf
from audits.queries import FieldChange, in_words, names_of, numbers_of, payloads_of
from audits.reading.accesses import batches_of
from audits.reading.records import ToldChange, changes_in_words
from audits.reading.requests import CHANGE, SIGNATURE, page_of, requests_of, rows_about
from audits.row_formats import PAST_TENSE
from mlops_portal.foundation.events import verb_label, verbs
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.web.ledger_numbers import ActKey
from mlops_portal.foundation.web.words import plural, spaced, uncapped
from mlops_portal.foundation.work.models import Job
from registry.models import RegisteredModel

SYSTEM = "The portal"
JOB = Job._meta.label
DOSSIER = Dossier._meta.label
TELLING = ("gate", "verdict", "step", "meaning", "kind", "number")
SHORT_ID = re.compile(r"[0-9a-f]{12}")
LONGEST_ID = 24
SAID = (
    "verdict",
    "outcome",
    "gate",
    "alias",
    "state",
    "stage",
    "role",
)  # words of acts, none of them personal
NUMBER = re.compile(r"#?(\d{1,18})")
REQUEST = re.compile(r"cr-(\d{1,18})")


def told_verb(entry: LedgerEntry, payload: Mapping[str, Any] | None = None) -> str:
    """Say what somebody did, so that it reads on after their name; row changes name the kind of record."""
    word = entry.verb.rpartition("_")[2]
    kind = kind_of(entry.subject_label)
    if entry.verb == BULK:
        data = (payload or {}).get("data") or {}
        done = str(data.get("verb", "")).rpartition("_")[2] or "wrote"
        count = data.get("count")
        return (
            f"{done} {plural(count, f'{kind},{kind}s')} in one act"
            if count
            else f"{done} several {kind}s in one act"
        )
    if entry.verb in {verb.name for verb in verbs()} or word not in PAST_TENSE.values():
        return verb_label(entry.verb) + _said_more((payload or {}).get("data") or {})
    return f"{word} the {kind}"


def _said_more(data: Mapping[str, Any]) -> str:
    """Add the word that tells one act of a kind from another: the verdict, the outcome, the gate, the state."""
    if decided := _act_said(data):
        return f" ({uncapped(decided)})"
    for name in SAID:
        value = data.get(name)
        if isinstance(value, str) and value:
            return f" ({value.replace('_', ' ')})"
    return ""


def _act_said(data: Mapping[str, Any]) -> str:
    """Name a decision as its receipt does, where both its verdict and its meaning are known."""
    verdict, meaning = data.get("verdict"), data.get("meaning")
    return act_word(meaning, verdict) if verdict in Verdict.values and meaning in Meaning.values else ""


def kind_of(label: str) -> str:
    """Name a kind of record in words."""
    try:
        return in_words(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label


def tell(entries: Sequence[Any], user: Any) -> None:
    """Put number, names and words on the entries of one page.

    An entry about reads is told by whose they were (`who`): `actor` stays the portal, which made the entry.
    """
    numbers, payloads = numbers_of(entries), payloads_of(entries)
    people = names_of(entry.actor_id for entry in entries)
    units = dict(
        BusinessUnit.objects.filter(pk__in={entry.unit_id for entry in entries}).values_list("pk", "name")
    )
    models = dict(
        RegisteredModel.objects.filter(pk__in={entry.model_id for entry in entries}).values_list("pk", "name")
    )
    subjects = {
        entry: getattr(entry, "summed", {(entry.subject_label, entry.subject_id)}) for entry in entries
    }
    changes = requests_of(subject for several in subjects.values() for subject in several)
    batches = batches_of((entry.subject_id for entry in entries if entry.verb == ACCESSES), user)
    exports = _exports_named(entries)
    for entry in entries:
        payload = payloads.get(entry.entry_id)
        entry.number = numbers.get(entry.entry_id)
        entry.is_removed = payload is None
        entry.actor = people.get(entry.actor_id, "") or (
            f"no. {entry.actor_id}" if entry.actor_id else SYSTEM
        )
        entry.who, entry.who_id = entry.actor, entry.actor_id
        entry.unit_name = units.get(entry.unit_id, "")
        entry.model_name = models.get(entry.model_id, "")
        entry.what = told_verb(entry, payload)
        entry.subject = exports.get(entry.subject_id) if entry.subject_label == JOB else None
        entry.subject = entry.subject or subject_of(entry, payload or {})
        entry.record = record_of(entry)
        about = {changes.get(subject) for subject in subjects[entry]}
        entry.change_id = (about.pop() if len(about) == 1 else None) or _change_of(payload or {})
        entry.url = _url_of(entry, set(models))
        entry.reason = reason_of(payload or {})
        if entry.verb == ACCESSES and (batch := batches.get(entry.subject_id)):
            entry.what, entry.subject = batch.text, ""
            if batch.people == 1:
                entry.who, entry.who_id = batch.actor, batch.actor_id


def _exports_named(entries: Sequence[LedgerEntry]) -> dict[str, str]:
    """Return what was exported, by the ids of the jobs that made it: their numbers say nothing."""
    keys = [
        entry.subject_id for entry in entries if entry.subject_label == JOB and entry.subject_id.isdecimal()
    ]
    if not keys:
        return {}
    return {str(pk): label for pk, label in Job.objects.filter(pk__in=keys).values_list("pk", "label")}


def _change_of(payload: Mapping[str, Any]) -> int | None:
    """Return the request that a recorded row names, for rows that are no part of one or are gone."""
    found = (payload.get("row") or {}).get("change_id")
    return found if isinstance(found, int) else None


def _url_of(entry: Any, models: set[int]) -> str:
    """Lead to the request, else to the model; records without a page of their own lead to what they belong to."""
    if entry.change_id:
        return reverse("approvals:change-detail", args=[entry.change_id])
    return reverse("registry:model-detail", args=[entry.model_id]) if entry.model_id in models else ""


def subject_of(entry: LedgerEntry, payload: Mapping[str, Any]) -> str:
    """Name the record an entry is about as people do; the number of its row says nothing to them."""
    if entry.subject_label == CHANGE:
        return f"CR-{entry.subject_id}"
    row, called = payload.get("row") or {}, str(payload.get("subject") or "")
    if called:
        return spaced(called) if called == row.get("key") else called
    return _told_apart(entry.subject_label, row)


def _told_apart(label: str, row: Mapping[str, Any]) -> str:
    """Say what tells a record without a name from others of its kind: gate, verdict, step, meaning, kind or number."""
    if decided := _act_said(row):
        return uncapped(decided)
    told = (name for name in TELLING if isinstance(row.get(name), str | int) and row[name] != "")
    name = next(told, "")
    if not name:
        return ""
    if name == "number":
        return f"{'revision' if label == DOSSIER else 'number'} {row[name]}"
    try:
        choices = dict(apps.get_model(label)._meta.get_field(name).flatchoices)
    except (
        LookupError,
        ValueError,
        FieldDoesNotExist,
    ):  # the ledger outlives kinds of records and their fields
        choices = {}
    return uncapped(str(choices.get(row[name], spaced(row[name]))))


def record_of(entry: LedgerEntry) -> str:
    """Name the row itself, for those who look it up: kind and key as the ledger holds them."""
    key = entry.subject_id if len(entry.subject_id) <= LONGEST_ID else f"{entry.subject_id[:12]}…"
    return f"{entry.subject_label} {key}".strip()


def reason_of(payload: Mapping[str, Any]) -> str:
    """Return the reason that was given."""
    return (payload.get("history") or {}).get("history_change_reason") or ""


def find(entries: EntryQuerySet, text: str) -> EntryQuerySet:
    """Narrow to what a person typed: a number, an id, CR-12, a person's name, or a model's name or title."""
    text = text.strip()
    if not text:
        return entries
    lowered = text.lower()
    if match := NUMBER.fullmatch(text):
        return entries.filter(entry_id__in=LedgerLeaf.objects.filter(index=int(match[1])).values("entry_id"))
    if match := REQUEST.fullmatch(lowered):
        return entries.filter(pk__in=rows_about(int(match[1])))
    if SHORT_ID.fullmatch(lowered):
        return entries.filter(entry_id__endswith=lowered)
    try:
        return entries.filter(entry_id=UUID(lowered))
    except ValueError:
        pass
    people = User.objects.filter(name__icontains=text).values_list("pk", flat=True)[:100]
    named = Q(name__icontains=text) | Q(title__icontains=text)
    models = RegisteredModel.objects.filter(named).values_list("pk", flat=True)[:100]
    return entries.filter(Q(actor_id__in=[str(pk) for pk in people]) | Q(model_id__in=list(models)))


def record_url(entry: LedgerEntry, user: Any) -> str:
    """Return the address of the record, when it still exists and ``user`` may see it."""
    if url := page_of(entry.subject_label, entry.subject_id, user)[1]:
        return url
    try:
        model = apps.get_model(entry.subject_label)
    except (LookupError, ValueError):
        return ""
    rows = model._default_manager.all()
    if not hasattr(model, "get_absolute_url") or not hasattr(rows, "visible_to"):
        return ""
    try:
        found = rows.visible_to(user).filter(pk=entry.subject_id).first()
        return found.get_absolute_url() if found else ""
    except (ValueError, NoReverseMatch):
        return ""


def receipt_of(entry: LedgerEntry, user: Any) -> tuple[str, str]:
    """Return name and address of what a signature led to; empty for other entries."""
    return page_of(SIGNATURE, entry.subject_id, user) if entry.subject_label == SIGNATURE else ("", "")


def content_of(entry: LedgerEntry) -> dict[str, Any] | None:
    """Return the payload, or None when it was removed."""
    payload = getattr(entry, "payload", None)
    return None if payload is None else json.loads(payload.payload)


def row_changes(entry: LedgerEntry, content: Mapping[str, Any], *, user: Any) -> list[ToldChange]:
    """Compare the row in an entry with the row in the entry before it about the same record."""
    row = content.get("row")
    if row is None:
        return []
    label, key = entry.subject_label, entry.subject_id
    earlier = LedgerEntry.objects.visible_to(user).filter(
        subject_label=label, subject_id=key, id__lt=entry.pk, verb__startswith=entry.verb.rpartition("_")[0]
    )
    older = earlier.filter(payload__isnull=False).select_related("payload").order_by("-id").first()
    before = (content_of(older) or {}).get("row") or {} if older else {}
    return _with_subject(_differences(label, before, row, user=user), row, user=user)


def _with_subject(changes: list[ToldChange], row: Mapping[str, Any], *, user: Any) -> list[ToldChange]:
    """Put what a row points at into words, with a link: it holds the kind and the key of a record as bare text."""
    label, key = row.get("subject_label"), row.get("subject_id")
    if not label or not key:
        return changes
    name, url = page_of(str(label), str(key), user)
    words = {"subject_label": (kind_of(str(label)), ""), "subject_id": (name or str(key), url)}
    return [
        replace(one, after=words[one.name][0], url=words[one.name][1]) if one.name in words else one
        for one in changes
    ]


def _differences(
    label: str, before: Mapping[str, Any], after: Mapping[str, Any], *, user: Any
) -> list[ToldChange]:
    try:
        model = apps.get_model(label)
        columns = {column.attname: column for column in model._meta.concrete_fields}
    except (LookupError, ValueError):
        return []
    changed = [
        (columns[name], before.get(name), value)
        for name, value in after.items()
        if name in columns and before.get(name) != value and not (not before and value in (None, "", [], {}))
    ]
    steps = [
        FieldChange(column.name, in_words(column.verbose_name), old, new) for column, old, new in changed
    ]
    return changes_in_words(model, [_parsed(model, step) for step in steps], user=user)


def _parsed(model: Any, step: FieldChange) -> FieldChange:
    """Turn JSON back into what the column holds, so that times and people read as everywhere."""
    column = model._meta.get_field(step.name)

    def parse(value: Any) -> Any:
        return value if value is None or isinstance(value, dict | list) else column.to_python(value)

    return FieldChange(step.name, step.label, parse(step.before), parse(step.after))


def first_numbers(subjects: Iterable[tuple[str, str]], *, verb: str = "") -> dict[tuple[str, str], int]:
    """Return the number of the first entry about each record, in two statements; of a verb, of its last entry."""
    wanted = {subject for subject in subjects if all(subject)}
    about = Q(pk__in=[])
    for label in {label for label, _ in wanted}:
        about |= Q(subject_label=label, subject_id__in=[key for one, key in wanted if one == label])
    entries = LedgerEntry.objects.filter(about, verb=verb) if verb else LedgerEntry.objects.filter(about)
    chosen = Max("id") if verb else Min("id")
    first = entries.order_by().values("subject_label", "subject_id").annotate(row=chosen)
    rows = {found["row"]: (found["subject_label"], found["subject_id"]) for found in first}
    leaves = LedgerLeaf.objects.filter(
        entry_id__in=LedgerEntry.objects.filter(pk__in=rows).values("entry_id")
    )
    return {rows[row]: index for row, index in leaves.values_list("entry_row", "index") if row in rows}


def act_numbers(acts: Iterable[ActKey]) -> dict[ActKey, int]:
    """Return the number of the entry of each act, in two statements; acts that have none yet are left out."""
    wanted = set(acts)
    about = Q(pk__in=[])
    for label in {act.subject_label for act in wanted}:
        keys = {act.subject_id for act in wanted if act.subject_label == label}
        about |= Q(subject_label=label, subject_id__in=keys)
    entries = LedgerEntry.objects.filter(about, verb__in={verb for act in wanted for verb in act.verbs})
    columns = ("pk", "verb", "subject_label", "subject_id", "occurred_at")
    rows = {
        (verb, label, key, at): pk
        for pk, verb, label, key, at in entries.order_by("-pk").values_list(*columns)
    }
    found = {
        act: row
        for act in wanted
        for verb in act.verbs
        if (row := rows.get((verb, act.subject_label, act.subject_id, act.at)))
    }
    entry_ids = LedgerEntry.objects.filter(pk__in=found.values()).values("entry_id")
    leaves = LedgerLeaf.objects.filter(entry_id__in=entry_ids)
    numbers = dict(leaves.values_list("entry_row", "index"))
    return {act: numbers[row] for act, row in found.items() if row in numbers}


class Told:
    """Entries for a file: each chunk is put into words before it is written."""

    def __init__(self, entries: Any, user: Any) -> None:
        self.entries, self.user = entries, user

    def iterator(self, chunk_size: int) -> Iterator[Any]:
        """Yield entries chunk by chunk."""
        rows = self.entries.iterator(chunk_size=chunk_size)
        while chunk := list(islice(rows, chunk_size)):
            tell(chunk, self.user)
            yield from chunk
