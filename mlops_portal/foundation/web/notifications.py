"""Notices to people. Services of the applications call `notify` inside their own transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.utils.http import url_has_allowed_host_and_scheme

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.models import Notification

SECONDS = 15


def _key(person_id: int) -> str:
    return f"unread-notices:{person_id}"


def notify(
    *, people: Iterable[User], subject: str, text: str, now: datetime, link: str = "", tone: str = "info"
) -> list[Notification]:
    """Tell people that something changed: `text` says what happened and what is expected of them.

    Raises:
        ValueError: the link leaves the portal.
    """
    if link and not url_has_allowed_host_and_scheme(link, allowed_hosts=None):
        raise ValueError(f"A notice may only link into the portal, not to {link}")
    receivers = {person.pk: person for person in people if person.is_active and person.is_person}
    rows = Notification.objects.bulk_create(
        Notification(
            person=person, subject=subject[:160], text=text[:300], link=link, tone=tone, created_at=now
        )
        for person in receivers.values()
    )
    cache.delete_many([_key(pk) for pk in receivers])
    return rows


def unread_count(person: Any) -> int:
    """Count the notices this person has not read, at most a quarter of a minute old."""
    if not getattr(person, "is_authenticated", False):
        return 0
    found = cache.get(_key(person.pk))
    if found is None:
        found = Notification.objects.filter(person=person, read_at__isnull=True).count()
        cache.set(_key(person.pk), found, SECONDS)
    return found


def mark_read(*, person: User, now: datetime, pk: int | None = None) -> int:
    """Note that the person read one notice, or all of them; return how many were new."""
    rows = Notification.objects.filter(person=person, read_at__isnull=True)
    if pk is not None:
        rows = rows.filter(pk=pk)
    changed = rows.update(read_at=now)
    cache.delete(_key(person.pk))
    return changed
