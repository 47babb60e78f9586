from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kpis import windows

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_an_instant_falls_on_its_local_day():
    assert windows.local_day(at("2026-03-29T22:30"), BERLIN) == date(2026, 3, 30)


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        windows.local_day(datetime(2026, 3, 29, 22, 30), BERLIN)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param(date(2026, 3, 29), 23, id="clocks go forward"),
        pytest.param(date(2026, 10, 25), 25, id="clocks go back"),
        pytest.param(date(2026, 6, 1), 24, id="an ordinary day"),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_of_the_zone(day, hours):
    window = windows.whole_days(day, day + timedelta(days=1), BERLIN)
    assert window.end - window.start == timedelta(hours=hours)
    assert window.days == 1


def test_a_midnight_that_does_not_exist_gives_the_first_instant_of_the_day():
    beirut = ZoneInfo("Asia/Beirut")
    start = windows.day_start(date(2022, 3, 27), beirut)
    assert windows.local_day(start, beirut) == date(2022, 3, 27)
    assert windows.local_day(start - timedelta(microseconds=1), beirut) == date(2022, 3, 26)


def test_a_window_holds_its_start_and_not_its_end():
    window = windows.whole_days(date(2026, 1, 1), date(2026, 2, 1), BERLIN)
    assert window.start in window
    assert window.end not in window
    assert window.end - timedelta(microseconds=1) in window


def test_the_default_window_ends_with_the_last_complete_local_day():
    window = windows.trailing(at("2026-05-10T23:30"), BERLIN)
    assert window.end == windows.day_start(date(2026, 5, 11), BERLIN)
    assert window.days == 90
    assert window.weeks == pytest.approx(90 / 7)


def test_the_previous_window_has_as_many_local_days_across_a_clock_change():
    window = windows.trailing(at("2026-05-10T12:00"), BERLIN, days=60)
    before = windows.previous(window)
    assert before.end == window.start
    assert before.days == window.days
    assert before.end - before.start == timedelta(days=60)
    assert window.end - window.start == timedelta(days=60, hours=-1)


def test_pages_show_three_complete_months_against_the_three_before():
    window = windows.complete_months(at("2026-01-15T12:00"), BERLIN)
    assert window == windows.whole_days(date(2025, 10, 1), date(2026, 1, 1), BERLIN)
    assert windows.previous(window) == windows.whole_days(date(2025, 7, 1), date(2025, 10, 1), BERLIN)
    first = windows.complete_months(at("2026-04-30T22:30"), BERLIN)  # already May in Berlin
    assert first == windows.whole_days(date(2026, 2, 1), date(2026, 5, 1), BERLIN)
    assert windows.previous(first) == windows.whole_days(date(2025, 11, 1), date(2026, 2, 1), BERLIN)


def test_a_single_month_is_compared_with_as_many_days():
    window = windows.month_of(date(2026, 3, 10), BERLIN)
    assert windows.previous(window).days == window.days == 31


def test_a_window_not_on_day_borders_is_preceded_by_one_of_equal_duration():
    window = windows.Window(at("2026-01-02T10:00"), at("2026-01-02T16:00"), BERLIN)
    assert windows.previous(window) == windows.Window(at("2026-01-02T04:00"), at("2026-01-02T10:00"), BERLIN)


def test_a_month_to_date_is_labelled_and_not_compared():
    window = windows.month_to_date(at("2026-03-15T12:00"), BERLIN)
    assert window.is_to_date
    assert window.days == 14
    assert windows.previous(window) is None


def test_months_back_end_with_the_open_one():
    months = windows.months_back(at("2026-01-15T12:00"), NEW_YORK, 3)
    assert [windows.local_day(month.start, NEW_YORK) for month in months] == [
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
    ]
    assert [month.is_to_date for month in months] == [False, False, True]
    assert months[0].end == months[1].start


def test_a_closed_month_is_not_to_date():
    assert not windows.month_of(date(2026, 2, 10), BERLIN, now=at("2026-03-01T12:00")).is_to_date
    assert windows.month_of(date(2026, 2, 10), BERLIN, now=at("2026-02-28T12:00")).is_to_date


def test_weeks_begin_on_monday_and_cut_ones_are_left_out():
    window = windows.whole_days(date(2026, 3, 18), date(2026, 4, 9), BERLIN)
    weeks = windows.iso_weeks(window)
    assert [windows.local_day(week.start, BERLIN) for week in weeks] == [date(2026, 3, 23), date(2026, 3, 30)]
    assert weeks[0].end - weeks[0].start == timedelta(days=7, hours=-1)


def test_a_window_shorter_than_a_week_keeps_its_cut_weeks():
    window = windows.whole_days(date(2026, 3, 27), date(2026, 3, 31), BERLIN)
    assert [week.days for week in windows.iso_weeks(window)] == [3, 1]


def test_an_empty_window_has_no_buckets():
    window = windows.whole_days(date(2026, 3, 1), date(2026, 3, 1), BERLIN)
    assert windows.iso_weeks(window) == []
    assert windows.calendar_months(window) == []


def test_a_window_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="cannot end before"):
        windows.Window(at("2026-01-02T00:00"), at("2026-01-01T00:00"), BERLIN)


@pytest.mark.parametrize(
    ("now", "number", "days", "is_to_date"),
    [
        pytest.param("2026-11-17T12:00", 3, (date(2026, 7, 1), date(2026, 10, 1)), False, id="complete"),
        pytest.param("2026-11-17T12:00", 4, (date(2026, 10, 1), date(2026, 11, 17)), True, id="so far"),
        pytest.param("2027-01-01T12:00", 4, (date(2026, 10, 1), date(2027, 1, 1)), False, id="just ended"),
    ],
)
def test_a_quarter_of_the_calendar_holds_its_complete_days(now, number, days, is_to_date):
    window = windows.calendar_quarter(2026, number, BERLIN, now=at(now))
    assert tuple(windows.local_day(one, BERLIN) for one in (window.start, window.end)) == days
    assert window.is_to_date is is_to_date


@pytest.mark.parametrize(
    ("now", "first"),
    [
        pytest.param("2026-11-17T12:00", date(2026, 7, 1), id="in the middle"),
        pytest.param("2026-12-31T22:00", date(2026, 7, 1), id="on the last day"),
        pytest.param("2026-12-31T23:30", date(2026, 10, 1), id="the next has begun where the portal reports"),
        pytest.param("2026-02-10T12:00", date(2025, 10, 1), id="of the year before"),
    ],
)
def test_the_last_quarter_is_the_last_complete_one(now, first):
    window = windows.last_quarter(at(now), BERLIN)
    assert windows.local_day(window.start, BERLIN) == first
    before = windows.previous(window)
    assert before is not None
    assert before.end == window.start
