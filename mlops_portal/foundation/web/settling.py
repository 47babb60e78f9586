"""How what a notice asks for ends: by which act, for whom, and in which words.

A rule of `notices` that expects something names its ask; the app declares beside it which verbs end that ask. At the end
of an act each notice that waits for what ended loses that expectation, and settles with its last one. The words say
what became of it and never name the record; who did it is told to whoever may still see it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef

from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.locks import lock_all
from mlops_portal.foundation.web.models import Expectation, Notification

NO_LONGER, ASKED_AGAIN = "No longer needed", "Asked again"
Keys = Callable[[Sequence[DomainEvent]], Iterable[tuple[Any, Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Something expected of people. ``right`` is what they need to learn who did it, on the unit of the record or
    ``anywhere``; ``key`` says of what it is expected, from the record of a rule and the happening.
    """

    name: str
    right: str
    key: Callable[[Any, Any], Any] = lambda record, happening: record.pk
    anywhere: bool = False

    def of(self, key: Any) -> str:
        """Name one expectation."""
        return f"{self.name}:{key}"


def subject_of(events: Sequence[DomainEvent]) -> Iterable[tuple[Any, Any]]:
    """Lead from events to what they are about, which is what was expected."""
    return ((event.subject_id, event.subject_id) for event in events)


def by_actor(event: DomainEvent, person_id: int) -> bool:
    """Tell whether somebody did it themselves."""
    return str(person_id) == event.actor_id


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ending:
    """A row of a table: after this verb the ask has ended for those whom it concerns, and these words say how.

    ``keys`` leads from events to what had been expected, as pairs of the event's subject and the key of the ask.
    """

    verb: str
    ask: Ask
    outcome: str
    keys: Keys = subject_of
    when: Callable[[DomainEvent], bool] = lambda event: True
    concerns: Callable[[DomainEvent, int], bool] = lambda event, person_id: True


class End(NamedTuple):
    """An ending that took place."""

    ending: Ending
    event: DomainEvent


class Waiting(NamedTuple):
    """A notice and one thing that it waits for."""

    pk: int
    key: str
    notice_id: int
    person_id: int
    since: datetime


class Outcome(NamedTuple):
    """What became of an expectation."""

    words: str
    at: datetime
    by_id: int | None = None


_endings: dict[str, list[Ending]] = defaultdict(list)


def register(endings: Iterable[Ending]) -> None:
    """Make the table of an app known. Of two endings for one notice the first counts."""
    for ending in endings:
        if ending not in _endings[ending.verb]:
            _endings[ending.verb].append(ending)


def endings() -> list[Ending]:
    """All endings by verb; those of one verb in the order in which they count."""
    return [ending for verb in sorted(_endings) for ending in _endings[verb]]


def speaks_of(event: DomainEvent) -> bool:
    """Tell whether something may end by this."""
    return any(ending.when(event) for ending in _endings.get(event.verb, ()))


def ends_of(events: Sequence[DomainEvent]) -> Mapping[str, list[End]]:
    """Return what ended in an act, by the key of the expectation; each way to keys is read once."""
    found: dict[str, list[End]] = defaultdict(list)
    read: dict[tuple[Keys, frozenset[str]], list[tuple[Any, Any]]] = {}
    verbs = dict.fromkeys(event.verb for event in events)
    for ending in (one for verb in verbs for one in _endings.get(verb, ())):
        heard = {
            event.subject_id: event for event in events if event.verb == ending.verb and ending.when(event)
        }
        if not heard:
            continue
        way = (ending.keys, frozenset(heard))
        if way not in read:
            read[way] = list(ending.keys(list(heard.values())))
        for subject, key in read[way]:
            found[ending.ask.of(key)].append(End(ending, heard[str(subject)]))
    return found


def waiting(keys: Collection[str]) -> list[Waiting]:
    """Return the notices that wait for one of these; what nobody waits for costs nothing more."""
    if not keys:
        return []
    rows = Expectation.objects.filter(key__in=keys).order_by("pk")
    columns = ("pk", "key", "notice_id", "notice__person_id", "notice__created_at")
    return [Waiting(*row) for row in rows.values_list(*columns)]


def end_for(row: Waiting, ends: Mapping[str, list[End]]) -> End | None:
    """Return how it ended for this notice. What was asked only after the act stays, however late the act is heard of."""
    for end in ends.get(row.key, ()):
        if row.since <= end.event.occurred_at and end.ending.concerns(end.event, row.person_id):
            return end
    return None


def settle(outcomes: Mapping[Waiting, Outcome]) -> None:
    """Take expectations from their notices, and settle the notices that wait for nothing more."""
    if not outcomes:
        return
    # Of two acts that end what one notice waits for, each would see the other's expectation still there.
    lock_all(Notification.objects.all(), {row.notice_id for row in outcomes})
    Expectation.objects.filter(pk__in=[row.pk for row in outcomes]).delete()
    notices: dict[Outcome, set[int]] = defaultdict(set)
    for row, outcome in outcomes.items():
        notices[outcome].add(row.notice_id)
    more = Expectation.objects.filter(notice=OuterRef("pk"))
    for outcome, keys in notices.items():
        rows = Notification.objects.filter(pk__in=keys, settled_at__isnull=True)
        rows.exclude(Exists(more)).update(
            settled_at=outcome.at, settled_by_id=outcome.by_id, outcome=outcome.words
        )
