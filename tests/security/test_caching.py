"""What one person was answered is kept by no cache on the way."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("place", "kept"),
    [("/", "private, no-cache"), ("/api/v1/me/", "private, no-cache"), ("/accounts/2fa/", "no-store"),
     ("/nowhere/", "private, no-cache")],
)  # fmt: skip
def test_answers_are_private(place, kept, ada, as_person):
    assert as_person(ada).get(place).headers["Cache-Control"] == kept
