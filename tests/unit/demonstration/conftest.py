"""A portfolio, played once for all tests of a module and rolled back after them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from mlops_portal.demonstration.build import build
from mlops_portal.demonstration.world import World
from mlops_portal.foundation.people import rights
from tests.unit.demonstration.listening import Listener

MODELS = 12  # the catalogue begins with a story of every kind; tests/browser looks at the whole


def played(blocker: Any, models: int, now: datetime | None = None) -> Iterator[World]:
    """Play a portfolio and forget it afterwards."""
    with blocker.unblock(), transaction.atomic():
        rights._tree.revision = -1
        told = Listener()
        with told.listening():
            world = build(models=models, seed=7, now=now or timezone.now(), say=lambda text: None)
        world.told = told
        with connection.cursor() as cursor:
            cursor.execute(
                "ANALYZE"
            )  # nobody else sees these rows and could tell PostgreSQL that they are there
        yield world
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(nothing_kept: Callable[[], None], django_db_blocker: Any) -> Iterator[World]:
    """Return the world of the catalogue."""
    nothing_kept()
    for played_world in played(django_db_blocker, MODELS):
        yield played_world
        nothing_kept()
