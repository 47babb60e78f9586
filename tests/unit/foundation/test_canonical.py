"""Canonical JSON is total, and equal content gives equal bytes."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mlops_portal.foundation.canonical import canonical_bytes, digest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        (2**53, '"9007199254740992"'),
        (2**53 - 1, "9007199254740991"),
        (float("nan"), '"nan"'),
        (float("-inf"), '"-inf"'),
        (0.1, "0.1"),
        (1.0, "1"),
        (Decimal("1.50"), '"1.50"'),
        (
            datetime(2026, 11, 17, 10, 40, tzinfo=timezone(timedelta(hours=1))),
            '"2026-11-17T09:40:00.000000Z"',
        ),
        (date(2026, 11, 17), '"2026-11-17"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (b"\x00\xff", '"00ff"'),
        ({3: "x"}, '{"3":"x"}'),
        ("lone \ud800 surrogate", '"lone ? surrogate"'),
    ],
)
def test_each_kind_of_value_has_one_form(value, text):
    assert canonical_bytes(value).decode() == text


def test_one_instant_in_two_zones_is_equal():
    berlin = datetime(2026, 11, 17, 10, 40, tzinfo=timezone(timedelta(hours=1)))
    assert digest(berlin) == digest(berlin.astimezone(UTC))


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="without zone"):
        canonical_bytes(datetime(2026, 1, 1))  # noqa: DTZ001  (the case under test)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_it_never_fails_and_never_varies(value):
    assert canonical_bytes(value) == canonical_bytes(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_fractions_are_written_as_the_standard_says_however_they_are_encoded(value):
    assert canonical_bytes({"x": [value]}) == rfc8785.dumps({"x": [value]})
