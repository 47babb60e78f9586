"""LIKE patterns in SQLite's words."""

import pytest

from integrations.mlflow.lookups import glob


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a%", "a*"), ("_e%", "?e*"), ("50*%", "50[*]*"), ("a?[b]", "a[?][[]b]"), ("a\\b", "a\\b")],
)
def test_glob(pattern, expected):
    assert glob(pattern) == expected
