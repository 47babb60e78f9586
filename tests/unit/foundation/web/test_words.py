"""Moments in words: the reader's zone on pages, a named zone wherever else a text may be read."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from mlops_portal.foundation.web.words import day_text, time_text, utc_text, zoned_text

MOMENT = datetime(2026, 10, 5, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", [MOMENT, MOMENT.astimezone(ZoneInfo("Asia/Tokyo"))])
def test_a_moment_is_written_in_the_readers_zone_or_names_its_own(value):
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert day_text(value) == "6 Oct 2026"
        assert time_text(value) == "6 Oct 2026 00:30"
        assert zoned_text(value) == "6 Oct 2026 00:30 CEST"
        assert utc_text(value) == "5 Oct 2026 22:30 UTC"


def test_a_date_is_a_date_everywhere():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert day_text(MOMENT.date()) == "5 Oct 2026"
