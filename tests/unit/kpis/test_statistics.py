import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.statistics import mean, median, percentile, wilson

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


def test_median_and_p90_interpolate_linearly():
    assert median([2, 4, 10, 30]) == 7.0
    assert percentile([2, 4, 10, 30], 0.9) == pytest.approx(24.0)


def test_nothing_has_no_median_no_mean_and_no_interval():
    assert median([]) is None
    assert mean([]) is None
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        pytest.param(1, 8, 0.0224, 0.4709, id="one of eight"),
        pytest.param(2, 40, 0.0138, 0.1650, id="two of forty"),
        pytest.param(0, 5, 0.0, 0.4345, id="none of five still leaves room"),
    ],
)
def test_wilson_interval(hits, n, low, high):
    assert wilson(hits, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="between 0 and n"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile([1.0], 90)


@given(numbers)
def test_a_percentile_lies_within_the_values_and_ignores_their_order(values):
    assert min(values) <= percentile(values, 0.9) <= max(values)
    assert median(values) == median(list(reversed(values)))


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_holds_the_share(hits, n):
    hits = min(hits, n)
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1
