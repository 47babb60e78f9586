"""Which acts tell whom. Each app declares a table of rules; here the events of an act become notices at its end.

What an act ends that was asked for before, settles first (`settling`). Receivers are resolved from the records as the act leaves them. Left out are whoever did it, whoever may not open the
page a notice leads to, and whoever the service told by itself in the same act. Everybody else gets one notice for one
act: what is expected of them comes before what they should know. An act that no rule speaks of costs nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Model

from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.operations import Act, current_act
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import held_where, holders_of_any
from mlops_portal.foundation.web import settling
from mlops_portal.foundation.web.notifications import (
    ACTOR,
    MADE,
    TOLD,
    Letter,
    clipped,
    deliver,
    forget_counts,
)
from mlops_portal.foundation.web.settling import Ask, End, Ending, Outcome, Waiting
from mlops_portal.foundation.web.words import number, sentence

EVENTS = "foundation.notices"
HUSHED = "foundation.hushed"
MOST = 20  # more people than this could do it: nobody reads what goes to everybody
NAMED, OTHER = 3, 40  # further subjects of one act that a notice names, and how much of each
THE_PORTAL = "The portal"


@dataclass(frozen=True, slots=True)
class Place:
    """A page, and the right that opens it: on a unit or model, anywhere (neither given), or for everybody (no right)."""

    link: str
    right: str = ""
    unit_id: int | None = None
    model_id: int | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and the act it was part of."""

    event: DomainEvent
    act: Act

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event says."""
        return self.event.data


Who = Callable[[Any, Happening], Iterable[int | None]]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One kind of record: how events lead to it, what notices of it are grouped under, where it is read, and what a text
    may say of it.

    ``find`` reads the records of several events in one statement; ``of`` says to which subject's key a record belongs;
    ``about`` is the object people know it by, such as the request of a stage, and ``subject`` names that.
    """

    find: Callable[[Sequence[DomainEvent]], Iterable[Any]]
    place: Callable[[Any], Place]
    about: Callable[[Any], Model] = lambda record: record
    subject: Callable[[Any], str] = str
    words: Callable[[Any, Happening], Mapping[str, str]] = lambda record, happening: {}
    of: Callable[[Any], Any] = lambda record: record.pk


def ids(events: Iterable[DomainEvent]) -> set[int]:
    """Return the keys of what events are about; an event about many rows has none."""
    return {int(event.subject_id) for event in events if event.subject_id.isdecimal()}


@dataclass(frozen=True, slots=True, eq=False)
class Receivers:
    """People in relation to a record: what the reference calls them, and who that is at this moment, by key."""

    name: str
    who: Who


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A row of a table: after this verb these people read this text. It ``asks`` for what is expected of them."""

    verb: str
    about: Record
    to: tuple[Receivers, ...]
    text: str  # {by} and the record's words
    asks: Ask | None = None
    tone: str = "info"
    when: Callable[[DomainEvent], bool] = lambda event: True  # asked at once, of the event alone
    place: Callable[[Any], Place] | None = None  # where it is done, if not where the record is read
    tells_actor: bool = False  # of work that somebody started and a worker finished


_rules: dict[str, list[tuple[int, Rule]]] = defaultdict(list)
_known: list[Rule] = []


def register(rules: Iterable[Rule], endings: Iterable[Ending] = ()) -> None:
    """Make the tables of an app known; called once by its `ready()`. Of two rules for one person the first counts."""
    settling.register(endings)
    for rule in rules:
        if rule not in _known:
            _rules[rule.verb].append((len(_known), rule))
            _known.append(rule)


def rules() -> list[Rule]:
    """All rules by verb; those of one verb in the order in which they count."""
    return sorted(_known, key=lambda rule: rule.verb)


def on_event(event: DomainEvent, **kwargs: Any) -> None:
    """Keep an event that a rule or an ending speaks of until the end of its act."""
    act = current_act()
    if act is None:
        return
    if any(rule.when(event) for _, rule in _rules.get(event.verb, ())) or settling.speaks_of(event):
        act.buffer(EVENTS).append(event)


def hush() -> None:
    """Let the act under way tell nobody: it is a part of a larger work that tells once, at its end. It still settles."""
    act = current_act()
    if act is not None:
        act.buffer(HUSHED).append(True)


@dataclass(frozen=True, slots=True)
class _Told:
    """A notice before it is known who may read it."""

    rank: tuple[bool, int]
    heard: int  # which of the act's events it is about, counted from the first
    people: Collection[int]
    letter: Letter
    place: Place
    actor_id: str | None


@dataclass(slots=True)
class _Reading:
    """What the end of one act reads: each kind of record once, however many there are."""

    act: Act
    events: Sequence[DomainEvent]
    records: dict[Record, dict[str, list[Any]]] = field(default_factory=dict)

    def find(self, rule: Rule, event: DomainEvent) -> list[Any]:
        if rule.about not in self.records:
            verbs = {row.verb for row in _known if row.about is rule.about}
            found: dict[str, list[Any]] = defaultdict(list)
            for record in rule.about.find([one for one in self.events if one.verb in verbs]):
                found[str(rule.about.of(record))].append(record)
            self.records[rule.about] = found
        return self.records[rule.about].get(event.subject_id, [])

    def told(self) -> Iterable[_Told]:
        for heard, event in enumerate(self.events):
            happening = Happening(event, self.act)
            for position, rule in _rules[event.verb]:
                for record in self.find(rule, event) if rule.when(event) else ():
                    who = {pk for row in rule.to for pk in row.who(record, happening) if pk is not None}
                    if not rule.tells_actor:
                        who = {pk for pk in who if str(pk) != event.actor_id}
                    if who:
                        yield _told(rule, (position, heard), record, who, happening)


def _told(
    rule: Rule, order: tuple[int, int], record: Any, who: Collection[int], happening: Happening
) -> _Told:
    position, heard = order
    place = (rule.place or rule.about.place)(record)
    words = {"by": ACTOR, **rule.about.words(record, happening)}
    about = rule.about.about(record)
    return _Told(
        rank=(rule.asks is None, position),
        heard=heard,
        people=who,
        letter=Letter(
            about=f"{about._meta.label_lower}:{about.pk}",
            subject=rule.about.subject(about),
            text=rule.text.format_map(words),
            link=place.link,
            tone=rule.tone,
            at=happening.event.occurred_at,
            asks=(rule.asks.of(rule.asks.key(record, happening)),) if rule.asks else (),
        ),
        place=place,
        actor_id=happening.event.actor_id,
    )


def _stands(
    told: Iterable[_Told], events: Sequence[DomainEvent], ends: Mapping[str, Sequence[End]]
) -> Iterable[_Told]:
    """Leave out what was asked and ended in one act: nobody had known of it, and nothing later would settle it."""
    order = {id(event): at for at, event in enumerate(events)}
    for one in told:
        over = [
            end for key in one.letter.asks for end in ends.get(key, ()) if order[id(end.event)] > one.heard
        ]
        people = [pk for pk in one.people if not any(end.ending.concerns(end.event, pk) for end in over)]
        if people:
            yield replace(one, people=people)


def at_end_of_act(act: Act) -> None:
    """Settle what the act ended, and write its notices."""
    events = act.buffer(EVENTS)
    if not events:
        return
    ends = settling.ends_of(events)
    told = (
        []
        if act.buffer(HUSHED)
        else sorted(_stands(_Reading(act, events).told(), events, ends), key=lambda one: one.rank)
    )
    receivers = {pk for one in told for pk in one.people} - set(act.buffer(TOLD))
    told = told if receivers else []
    keys = {*ends, *(key for one in told for key in one.letter.asks)}
    waiting = [row for row in settling.waiting(keys) if row.notice_id not in act.buffer(MADE)]
    ended = {row: end for row in waiting if (end := settling.end_for(row, ends))}
    if not told and not ended:
        return
    places = [*(one.place for one in told), *map(_place_of, ended.values())]
    may_open = _readers(places, receivers | {row.person_id for row in ended})
    letters = list(_letters(told, receivers, may_open))
    outcomes = {row: _outcome(row, end, may_open) for row, end in ended.items()}
    asked = {(pk, key): letter.at for pk, letter in letters for key in letter.asks}
    for row in waiting:
        if row not in outcomes and (at := asked.get((row.person_id, row.key))):
            outcomes[row] = Outcome(settling.ASKED_AGAIN, at)
    settling.settle(outcomes)
    forget_counts(row.person_id for row in outcomes)
    deliver(letters)


def _letters(
    told: Collection[_Told], receivers: Collection[int], may_open: Callable[[int, Place], bool]
) -> Iterable[tuple[int, Letter]]:
    """Yield the letter of each person who may open what it is about."""
    if not told:
        return
    actors = {int(one.actor_id) for one in told if one.actor_id}
    found = User.objects.filter(pk__in={*receivers, *actors}).values_list(
        "pk", "name", "time_zone", "kind", "is_active"
    )
    names = {pk: name for pk, name, *_ in found}
    zones = {pk: zone for pk, _, zone, kind, is_active in found if is_active and kind == User.Kind.PERSON}
    letters: dict[int, list[Letter]] = defaultdict(list)
    for one in told:
        by = names.get(int(one.actor_id), THE_PORTAL) if one.actor_id else THE_PORTAL
        for pk in zones.keys() & set(receivers) & set(one.people):
            if may_open(pk, one.place):
                letters[pk].append(one.letter.signed(by).in_zone(zones[pk]))
    for pk, rows in sorted(letters.items()):
        yield pk, _one_of(rows)


def _place_of(end: End) -> Place:
    """Return where what ended is seen: the record stands in this unit now, wherever it stood when it was asked for."""
    ask, event = end.ending.ask, end.event
    return Place("", ask.right) if ask.anywhere else Place("", ask.right, event.unit_id, event.model_id)


def _outcome(row: Waiting, end: End, may_open: Callable[[int, Place], bool]) -> Outcome:
    """Say what became of it; whoever lost sight of the record learns no more than that nothing is expected of them."""
    ending, event = end
    if settling.by_actor(event, row.person_id) or may_open(row.person_id, _place_of(end)):
        return Outcome(ending.outcome, event.occurred_at, int(event.actor_id) if event.actor_id else None)
    return Outcome(settling.NO_LONGER, event.occurred_at)


def _readers(places: Collection[Place], people: Collection[int]) -> Callable[[int, Place], bool]:
    """Return who may open what, read in two statements for a right, whatever the number of people and pages."""
    held = {}
    for right in {place.right for place in places} - {""}:
        units = {place.unit_id for place in places if place.right == right and place.unit_id is not None}
        held[right] = held_where(right, by=people, units=units)

    def may_open(pk: int, place: Place) -> bool:
        if not place.right:
            return True
        where = held[place.right].get(pk, ())
        if place.unit_id is None and place.model_id is None:
            return bool(where)
        on_model = place.model_id is not None and (None, place.model_id) in where
        return on_model or (place.unit_id, None) in where

    return may_open


def _one_of(letters: list[Letter]) -> Letter:
    """Make one notice of all that an act has for one person; what else it is about is named at its end, and it waits for
    all that it asks.
    """
    asks = tuple(dict.fromkeys(key for one in letters for key in one.asks))
    first, *others = letters
    first = replace(first, asks=asks)
    further = list(dict.fromkeys(one.subject for one in others if one.subject != first.subject))
    if not further:
        return first
    named = ", ".join(clipped(subject, OTHER) for subject in further[:NAMED])
    more = f" and {number(len(further) - NAMED)} more" if len(further) > NAMED else ""
    return first.with_end(f" Also: {sentence(named + more)}")


def few(people: Collection[int], *, assigned: int | None = None) -> Collection[int]:
    """Return who of those that could do it is told: who took it, everybody while they are few, else nobody.

    What waits for many stands in the list of each of them; a notice to all would be read by none.
    """
    if assigned is not None:
        return [assigned]
    return people if len(people) <= MOST else []


def holders_told(right: str, *, unit_id: int | None, other_than: Collection[int | None] = ()) -> list[int]:
    """Return the keys of the people who hold a right on a unit, without some, if they are few."""
    rows = holders_of_any({right}, unit_id=unit_id).values_list("pk", "name")
    return list(few([pk for pk, _ in rows if pk not in other_than]))
