"""The schedules of the foundation itself."""

from datetime import datetime, timedelta

from django.contrib.sessions.backends.db import SessionStore

from mlops_portal.foundation.people.services.grants import grants_refresh
from mlops_portal.foundation.people.services.token_reminders import tokens_remind
from mlops_portal.foundation.web import notifications
from mlops_portal.foundation.work import queue, schedules


def every_minute(now: datetime) -> None:
    """Let roles begin and end by their dates."""
    grants_refresh(now=now)


def nightly(now: datetime) -> None:
    """Remove finished work, ended sessions and old notices that were read; tell of tokens that end soon."""
    queue.prune(now)
    SessionStore.clear_expired()
    notifications.purge(now=now)
    tokens_remind(now=now)


def declare() -> None:
    """Register them; called once when the foundation is ready."""
    schedules.register("foundation.roles", every_minute, every=timedelta(minutes=1))
    schedules.register("foundation.housekeeping", nightly, daily_at="03:10")
