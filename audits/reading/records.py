"""The history of one record in words: field by field before and after, with the number of each ledger entry."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import models

from audits.models import LedgerEntry
from audits.queries import FieldChange, HistoryStep, history_of, numbers_of
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import label_of
from mlops_portal.foundation.web.words import content, day_text, name_of, spaced, time_text

SIZE = 50
LONGEST = 400
NOTHING = "none"
MARKS_OF_WRITING = frozenset({"id", "updated_at", "row_revision"})
# Columns whose texts are codes of the portal or of a policy, where no choice names them.
CODED = frozenset(
    {
        "answers",
        "authority",
        "components",
        "connector",
        "key",
        "meaning",
        "measures",
        "role",
        "step",
        "waiver_authority",
    }
)
CODE = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
PEOPLE_LISTS = frozenset({"developer_ids"})  # columns of JSON that hold the keys of people
Moment = Callable[[datetime], str]


@dataclass(frozen=True, slots=True)
class ToldChange:
    """A field, what it was and what it became, as a reader knows it."""

    name: str
    label: str
    before: str
    after: str
    is_first: bool
    url: str = ""  # of the record that ``after`` names


@dataclass(frozen=True, slots=True)
class ToldStep:
    """One step of a record's history with its ledger entry (none when nobody entered it)."""

    step: HistoryStep
    changes: list[ToldChange]
    entry_pk: int | None
    short_id: str
    number: int | None

    @property
    def word(self) -> str:
        """Created, changed or deleted."""
        return self.step.verb.rpartition(" ")[2]

    @property
    def shown(self) -> list[ToldChange]:
        """What a reader asks about: without the marks that every write leaves."""
        return [change for change in self.changes if change.name not in MARKS_OF_WRITING]

    @property
    def is_beginning(self) -> bool:
        """Whether the record began with this step."""
        return self.word == "created"


def steps_of(
    subject: models.Model,
    *,
    user: Any,
    before: tuple[datetime, int] | None = None,
    size: int = SIZE,
    moment: Moment = time_text,
) -> tuple[list[ToldStep], tuple[datetime, int] | None]:
    """Return one page of a record's history, newest first, and where the next page begins; files write times exactly."""
    found = history_of(subject, before=before, size=size + 1)
    steps, has_more = found[:size], len(found) > size
    names = _names_of_changes(type(subject), [change for step in steps for change in step.changes], user=user)
    entries = _entries(subject, steps)
    numbers = numbers_of(entries.values())
    told = [_told(type(subject), step, names, entries.get(step.at), numbers, moment) for step in steps]
    return told, (steps[-1].at, steps[-1].history_id) if has_more else None


def changes_in_words(
    model: type[models.Model],
    changes: Sequence[FieldChange],
    *,
    user: Any,
    moment: Moment = time_text,
) -> list[ToldChange]:
    """Put raw values into words: choices by label, people and records by name, times in the reader's zone."""
    return _in_words(model, changes, _names_of_changes(model, changes, user=user), moment)


def _in_words(
    model: type[models.Model],
    changes: Sequence[FieldChange],
    known: dict[tuple[str, Any], str],
    moment: Moment,
) -> list[ToldChange]:
    return [
        ToldChange(
            one.name,
            one.label,
            text_of(model, one.name, one.before, known, moment),
            text_of(model, one.name, one.after, known, moment),
            is_first=one.before is None,
        )
        for one in changes
    ]


def text_of(
    model: type[models.Model],
    field_name: str,
    value: Any,
    names: dict[tuple[str, Any], str],
    moment: Moment = time_text,
) -> str:
    """Write one value."""
    if value is None or value in ("", [], {}):
        return NOTHING
    column: Any = model._meta.get_field(field_name)
    if column.is_relation:
        return names.get((field_name, value), f"no. {value}")
    if column.choices:
        return str(dict(column.flatchoices).get(value, value))
    if field_name in PEOPLE_LISTS:
        value = [names.get((field_name, key), f"no. {key}") for key in value]
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day_text(value)
    if field_name == "right":
        return label_of(value)
    text = content(value)
    if field_name in CODED:
        text = CODE.sub(lambda found: spaced(found[0]), text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _told(
    model: type[models.Model],
    step: HistoryStep,
    names: dict[tuple[str, Any], str],
    entry: LedgerEntry | None,
    numbers: dict[Any, int],
    moment: Moment,
) -> ToldStep:
    return ToldStep(
        step,
        _in_words(model, step.changes, names, moment),
        entry.pk if entry else None,
        entry.short_id if entry else "",
        numbers.get(entry.entry_id) if entry else None,
    )


def _entries(subject: models.Model, steps: Iterable[HistoryStep]) -> dict[datetime, LedgerEntry]:
    """Find the entries of history rows: of one record no two rows have the same time."""
    label = type(subject)._meta
    verbs = [f"{label.app_label}.{label.model_name}_{word}" for word in ("created", "changed", "deleted")]
    entries = LedgerEntry.objects.filter(
        subject_label=label.label,
        subject_id=str(subject.pk),
        verb__in=verbs,
        occurred_at__in=[step.at for step in steps],
    )
    return {entry.occurred_at: entry for entry in entries}


def _names_of_changes(
    model: type[models.Model], changes: Iterable[FieldChange], *, user: Any
) -> dict[tuple[str, Any], str]:
    """Read the names of what changes refer to, one statement per table; what ``user`` may not see keeps its number."""
    wanted: dict[type[models.Model], set[Any]] = defaultdict(set)
    fields: dict[str, type[models.Model]] = {}
    for change in changes:
        column = model._meta.get_field(change.name)
        if column.is_relation and column.related_model:
            fields[change.name] = column.related_model
            wanted[column.related_model] |= {
                value for value in (change.before, change.after) if value is not None
            }
        elif change.name in PEOPLE_LISTS:
            fields[change.name] = User
            wanted[User] |= {*(change.before or ()), *(change.after or ())}
    found = {
        target: {row.pk: name_of(row) for row in named_rows(target, user).filter(pk__in=keys)}
        for target, keys in wanted.items()
    }
    return {
        (name, key): text for name, target in fields.items() for key, text in found.get(target, {}).items()
    }


def named_rows(target: type[models.Model], user: Any) -> models.QuerySet:
    """Follow one step, because the name of a version contains that of its model."""
    rows = target._default_manager.all()
    if hasattr(rows, "visible_to"):
        rows = rows.visible_to(user)
    parents = {"registry.ModelVersion": "model", "approvals.PolicyRevision": "policy"}
    parent = parents.get(target._meta.label)
    return rows.select_related(parent) if parent else rows
