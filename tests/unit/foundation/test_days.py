"""The portal's own days: neither the reader nor the worker decides when a date has passed."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from mlops_portal.foundation.days import portal_day

MOMENT = datetime(2026, 10, 6, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", date(2026, 10, 5)),
        ("UTC", date(2026, 10, 6)),
        ("Pacific/Kiritimati", date(2026, 10, 6)),
    ],
)
@pytest.mark.parametrize("reader", ["Asia/Tokyo", "America/Los_Angeles"])
def test_a_moment_falls_on_the_day_of_the_portals_zone_for_every_reader(zone, day, reader, settings):
    settings.PORTAL_TIME_ZONE = zone
    with timezone.override(ZoneInfo(reader)):
        assert portal_day(MOMENT) == day


def test_a_time_without_zone_falls_on_no_day():
    with pytest.raises(ValueError, match="no time zone"):
        portal_day(datetime(2026, 10, 6, 1, 30))  # noqa: DTZ001
