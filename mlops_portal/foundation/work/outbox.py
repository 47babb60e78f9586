"""Messages to the outside: written with their cause, delivered by a worker at least once, with growing pauses."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from mlops_portal.foundation.work.models import OutboxMessage
from mlops_portal.foundation.work.runs import WorkContext, current_work
from mlops_portal.foundation.work.tasks import RetryLater, pause_before, task

MAX_ATTEMPTS = 12
Dispatcher = Callable[[OutboxMessage, datetime], None]

_dispatchers: dict[str, Dispatcher] = {}


def register(topic: str, dispatcher: Dispatcher) -> None:
    """Say who delivers messages of a topic. ``dispatcher(message, now)`` raises when delivery failed.

    A message can arrive twice: receivers recognise it by ``message.pk``.

    Raises:
        ValueError: the topic is taken.
    """
    if _dispatchers.get(topic, dispatcher) is not dispatcher:
        raise ValueError(f"The topic {topic} is registered twice")
    _dispatchers[topic] = dispatcher


def send(
    *, topic: str, payload: dict[str, Any], now: datetime, available_at: datetime | None = None
) -> OutboxMessage:
    """Write a message in the caller's transaction; it is delivered after the commit.

    Raises:
        ValueError: nobody delivers this topic.
    """
    if topic not in _dispatchers:
        raise ValueError(f"Nobody delivers messages of the topic {topic}")
    with transaction.atomic():
        message = OutboxMessage.objects.create(
            topic=topic, payload=payload, created_at=now, available_at=available_at or now
        )
        deliver.using(run_after=available_at).enqueue(message_id=message.pk)
    return message


@task(idempotent=True, attempts=MAX_ATTEMPTS)
def deliver(message_id: int) -> None:
    """Deliver one message; outside of any transaction, because it may call other machines."""
    now = (current_work.get() or WorkContext()).clock()
    message = OutboxMessage.objects.filter(pk=message_id).first()
    if message is None or message.delivered_at or message.given_up_at:
        return
    waiting = OutboxMessage.objects.filter(pk=message_id)
    try:
        _dispatcher(message.topic)(message, now)
    except Exception as error:
        attempts = message.attempts + 1
        failure: dict[str, Any] = {
            "attempts": F("attempts") + 1,
            "last_error": f"{type(error).__name__}: {error}"[:4000],
        }
        if attempts >= MAX_ATTEMPTS:
            waiting.update(given_up_at=now, **failure)
            return
        again = now + pause_before(attempts)
        waiting.update(available_at=again, **failure)
        raise RetryLater(again) from error
    waiting.update(delivered_at=now, attempts=F("attempts") + 1, last_error="")


def _dispatcher(topic: str) -> Dispatcher:
    if topic not in _dispatchers:
        raise LookupError(f"nobody delivers messages of the topic {topic}")
    return _dispatchers[topic]
