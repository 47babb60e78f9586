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
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from mlops_portal.foundation.days import zone_named
from mlops_portal.foundation.operations import current_act
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.words import zoned_text

SECONDS = 15
KEPT = timedelta(days=90)  # what was read is kept for so long
TOLD = "foundation.told"  # of an act: the keys of people whom a service told by itself
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
    """Write one row for each letter to a person, by key, all in one statement.

    Raises:
        ValueError: a link leaves the portal.
    """
    rows = []
    for person_id, letter in letters:
        if letter.link and not url_has_allowed_host_and_scheme(letter.link, allowed_hosts=None):
            raise ValueError(f"A notice may only link into the portal, not to {letter.link}")
        rows.append(
            Notification(
                person_id=person_id,
                subject=clipped(letter.subject, SUBJECT),
                text=clipped(letter.text, TEXT),
                link=letter.link,
                tone=letter.tone,
                created_at=letter.at,
            )
        )
    if rows:
        Notification.objects.bulk_create(rows)
        cache.delete_many([_key(row.person_id) for row in rows])
    return rows


def notify(
    *, people: Iterable[User], subject: str, text: str, now: datetime, link: str = "", tone: str = "info"
) -> list[Notification]:
    """Tell people that something changed: `text` says what happened and what is expected of them.

    Raises:
        ValueError: the link leaves the portal.
    """
    receivers = {person.pk: person for person in people if person.is_active and person.is_person}
    letter = Letter(subject=subject, text=text, link=link, tone=tone, at=now)
    act = current_act()
    if act is not None:
        act.buffer(TOLD).extend(receivers)
    return deliver((pk, letter.in_zone(person.time_zone)) for pk, person in receivers.items())


def unread_count(person: Any) -> int:
    """Count the notices this person has not read, at most a quarter of a minute old."""
    if not getattr(person, "is_authenticated", False):
        return 0
    found = cache.get(_key(person.pk))
    if found is None:
        found = Notification.objects.filter(person=person, read_at__isnull=True).count()
        cache.set(_key(person.pk), found, SECONDS)
    return found


def mark_read(*, person: User, now: datetime, pk: int | None = None, before: datetime | None = None) -> int:
    """Note that the person read one notice, all of them, or those of ``before``; return how many were new."""
    rows = Notification.objects.filter(person=person, read_at__isnull=True)
    if pk is not None:
        rows = rows.filter(pk=pk)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    changed = rows.update(read_at=now)
    cache.delete(_key(person.pk))
    return changed


def purge(*, now: datetime) -> int:
    """Forget notices that are old and were read; what nobody read stays. Return how many went."""
    gone, _ = Notification.objects.filter(read_at__isnull=False, created_at__lt=now - KEPT).delete()
    return gone
