"""Pages call a date overdue when its day has ended where the portal is, whatever zone the reader chose."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import services
from mlops_portal.foundation.history import save_as
from registry.services.models import model_update
from tests.factories import approvals as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def tomorrow(settings, monkeypatch):
    """Return the portal's day at a moment at which UTC and its readers still have the day before."""
    settings.PORTAL_TIME_ZONE = "Pacific/Kiritimati"
    moment = timezone.now().replace(hour=11)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return moment.date() + timedelta(days=1)


def in_utc(as_person, person):
    person.time_zone = "UTC"
    return as_person(save_as(person, by=None, now=timezone.now(), fields=["time_zone"]))


def test_the_inbox(tomorrow, vera, as_person):
    assert in_utc(as_person, vera).get(reverse("approvals:inbox")).context["today"] == tomorrow


def test_a_validation(tomorrow, model, release_cast, vera, now, as_person):
    version = make.complete_version(model, cast=release_cast, now=now, validated=False)
    validation = services.validation_open(version=version, kind="initial", by=vera, now=now)
    assert (
        in_utc(as_person, vera).get(reverse("approvals:validation", args=[validation.pk])).context["today"]
        == tomorrow
    )


@pytest.mark.parametrize(("days", "is_overdue"), [(1, True), (0, False)])
def test_the_portfolio_and_the_page_of_a_model(tomorrow, model, olga, now, as_person, days, is_overdue):
    model_update(model=model, by=olga, now=now, next_review_on=tomorrow - timedelta(days=days))
    client = in_utc(as_person, olga)
    listed = client.get("/models/?review=overdue").content.decode()
    assert (model.get_absolute_url() in listed) is is_overdue
    assert (">Overdue<" in client.get("/models/").content.decode().split("<tbody")[1]) is is_overdue
    found = client.get("/api/v1/models/?is_review_overdue=true").json()
    assert bool(found["results"]) is is_overdue
    assert client.get(model.get_absolute_url()).context["today"] == tomorrow
