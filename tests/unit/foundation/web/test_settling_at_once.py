"""Two acts at once that end what one notice waits for, on the engine of production: the later one settles it."""

import threading
from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.utils import timezone

from mlops_portal.foundation.web import settling
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.notifications import notify
from tests import threads

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
TOGETHER_SECONDS = 2


def test_a_notice_whose_last_two_expectations_end_at_once_is_settled(nora):
    if connection.vendor != "postgresql":
        pytest.skip("races are tried on PostgreSQL")
    notify(people=[nora], subject="Two requests", text="Decide.", now=timezone.now(), asks=["a:1", "a:2"])
    both = threading.Barrier(2)

    def end(key):
        with transaction.atomic():
            outcome = settling.Outcome("Decided", timezone.now())
            settling.settle(dict.fromkeys(settling.waiting([key]), outcome))
            with suppress(threading.BrokenBarrierError):
                both.wait(TOGETHER_SECONDS)  # neither has committed, unless one waits for the other

    assert threads.at_once(lambda: end("a:1"), lambda: end("a:2")) == [None, None]
    notice = Notification.objects.get()
    assert (notice.expectations.count(), notice.outcome) == (0, "Decided")
