"""Notices to people: written, counted, read and, when they are old, forgotten.

Most are written at the end of an act from the tables of `notices`. A service that can say it better calls `notify` inside
its own transaction; whoever it told is told nothing else by that act.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.core.cache import cache
from django.db.models import Model, Q
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from mlops_portal.foundation.days import zone_named
from mlops_portal.foundation.operations import current_act
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web import settling
from mlops_portal.foundation.web.models import Expectation, Notification
from mlops_portal.foundation.web.words import zoned_text

SECONDS = 15
KEPT = timedelta(days=90)  # what was read is kept for so long
TOLD = "foundation.told"  # of an act: the keys of people whom a service told by itself
MADE = "foundation.made"  # of an act: the keys of the notices that services wrote in it
ACTOR = "\x00"  # in the text of a letter: whoever did it
MOMENT = re.compile("\x01([0-9]{1,11})\x01")  # likewise: seconds since 1970
SUBJECT, TEXT = 160, 300


def moment(at: datetime) -> str:
    """Put a moment into the text of a letter: each reader finds it in their own zone."""
    return f"\x01{int(at.timestamp())}\x01"


def _key(person_id: int) -> str:
    return f"unread-notices:{person_id}"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a notice says, before it is somebody's."""

    subject: str
    text: str
    at: datetime
    link: str = ""
    tone: str = "info"
    about: str = ""  # the key of the record that it belongs to; without one it stands under its subject
    asks: tuple[str, ...] = ()  # the keys of what it expects

    def signed(self, by: str) -> Self:
        """Name whoever did it."""
        return replace(self, text=self.text.replace(ACTOR, by))

    def in_zone(self, name: str) -> Self:
        """Write its moments as they are in the zone of this name."""
        if "\x01" not in self.text:
            return self
        with timezone.override(zone_named(name)):
            return replace(self, text=MOMENT.sub(_written, self.text))

    def with_end(self, end: str) -> Self:
        """Say one thing more; what stands before it gives way."""
        return replace(self, text=f"{clipped(self.text, TEXT - len(end))}{end}")


def _written(found: re.Match[str]) -> str:
    return zoned_text(datetime.fromtimestamp(int(found[1]), UTC))


def clipped(text: str, most: int) -> str:
    """Shorten a text to what fits, at the end of a word, and show that it goes on."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 2].rsplit(' ', 1)[0]} …"


def deliver(letters: Iterable[tuple[int, Letter]]) -> list[Notification]:
    """Write one row for each letter to a person, by key, all in one statement, and what they wait for in another.

    Raises:
        ValueError: a link leaves the portal.
    """
    rows, expected = [], []
    for person_id, letter in letters:
        if letter.link and not url_has_allowed_host_and_scheme(letter.link, allowed_hosts=None):
            raise ValueError(f"A notice may only link into the portal, not to {letter.link}")
        subject = clipped(letter.subject, SUBJECT)
        row = Notification(
            person_id=person_id,
            about=letter.about or subject,
            subject=subject,
            text=clipped(letter.text, TEXT),
            link=letter.link,
            tone=letter.tone,
            is_asking=bool(letter.asks),
            created_at=letter.at,
        )
        rows.append(row)
        expected += [Expectation(notice=row, key=key) for key in letter.asks]
    if rows:
        Notification.objects.bulk_create(rows)
        Expectation.objects.bulk_create(expected)
        forget_counts(row.person_id for row in rows)
    return rows


def notify(
    *,
    people: Iterable[User],
    subject: str,
    text: str,
    now: datetime,
    link: str = "",
    tone: str = "info",
    about: Model | None = None,
    asks: Iterable[str] = (),
) -> list[Notification]:
    """Tell people that something changed: `text` says what happened and what is expected of them.

    ``about`` is the record it belongs to, ``asks`` names what it waits for (`settling.Ask.of`).

    Raises:
        ValueError: the link leaves the portal.
    """
    receivers = {person.pk: person for person in people if person.is_active and person.is_person}
    keys = tuple(asks)
    record = f"{about._meta.label_lower}:{about.pk}" if about is not None else ""
    letter = Letter(subject=subject, text=text, link=link, tone=tone, at=now, about=record, asks=keys)
    act = current_act()
    if act is not None:
        act.buffer(TOLD).extend(receivers)
    again = [row for row in settling.waiting(keys) if row.person_id in receivers]
    settling.settle({row: settling.Outcome(settling.ASKED_AGAIN, now) for row in again})
    rows = deliver((pk, letter.in_zone(person.time_zone)) for pk, person in receivers.items())
    if act is not None:
        act.buffer(MADE).extend(row.pk for row in rows)
    return rows


def forget_counts(people: Iterable[int]) -> None:
    """Let the bell of these people be counted anew."""
    cache.delete_many([_key(pk) for pk in people])


def unread_count(person: Any) -> int:
    """Count the notices this person has not read and that still stand, at most a quarter of a minute old."""
    if not getattr(person, "is_authenticated", False):
        return 0
    found = cache.get(_key(person.pk))
    if found is None:
        found = Notification.objects.unread().filter(person=person).count()
        cache.set(_key(person.pk), found, SECONDS)
    return found


def mark_read(*, person: User, now: datetime, pk: int | None = None, before: datetime | None = None) -> int:
    """Note that the person read one notice, all of them, or those of ``before``; return how many were new."""
    rows = Notification.objects.unread().filter(person=person)
    if pk is not None:
        rows = rows.filter(pk=pk)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    changed = rows.update(read_at=now)
    cache.delete(_key(person.pk))
    return changed


def purge(*, now: datetime) -> int:
    """Forget notices that are old and were read or are settled; what nobody read stays. Return how many went."""
    done = Q(read_at__isnull=False) | Q(settled_at__isnull=False)
    _, gone = Notification.objects.filter(done, created_at__lt=now - KEPT).delete()
    return gone.get(Notification._meta.label, 0)
