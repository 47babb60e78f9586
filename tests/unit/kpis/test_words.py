"""Numbers are written in one way, wherever they are shown."""

import pytest

from kpis.definitions import get
from kpis.words import entered, entry_unit, measure, value_text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("deployment_frequency", 2.0, "2 a week"),
        ("deployment_frequency", 2.25, "2.2 a week"),
        ("change_failure_rate", 0.125, "12.5 %"),
        ("documentation_completeness", 1, "100 %"),
        ("lead_time", 24, "1 day"),
        ("lead_time", 60, "2.5 days"),
        ("lead_time", 336.5, "14 days"),
        ("lead_time", 6, "6 h"),
        ("approval_cycle_time", 240, "240 h"),
        ("lead_time", None, "no data"),
    ],
)
def test_a_value_reads_the_same_on_every_page(name, value, text):
    kpi = get(name)
    assert value_text(kpi, value) == text
    assert value is None or " ".join(measure(kpi, value)) == text


@pytest.mark.parametrize(
    ("name", "typed", "unit", "kept"),
    [
        ("lead_time", 30, "days", 720),
        ("approval_cycle_time", 24, "hours", 24),
        ("change_failure_rate", 57, "%", 0.57),
    ],
)
def test_a_limit_is_typed_in_what_it_is_read_in(name, typed, unit, kept):
    kpi = get(name)
    assert (entry_unit(kpi), entered(kpi, typed)) == (unit, kept)
