"""The page of a model on a past day: what stood there then, no action, nothing of later."""

from datetime import timedelta

import pytest
from django.utils.html import strip_tags

from mlops_portal.foundation.history import save_as
from registry.models import RiskAssessment
from registry.services.aliases import alias_set
from registry.services.evidence import document_save, monitoring_plan_save
from registry.services.limits import threshold_set_propose
from registry.services.models import model_register, model_update
from registry.services.surroundings import component_add, consumer_add, use_request
from registry.services.versions import version_register

pytestmark = pytest.mark.django_db
TEXT = "Twelve months of default for consumer loans, in words that are long enough."
MEASURE = {
    "measure": "psi",
    "dimension": "drift",
    "cadence_hours": 24,
    "watch": 0.1,
    "act": 0.2,
    "route": "owner",
}


@pytest.fixture
def aged(retail, plant, olga, ada, now, no_gates):
    """A model that got everything a day after it was registered: its first day knows nothing of it."""
    model = model_register(name="pd", title="Early title", unit=retail, owner=ada, by=None, now=now)
    first = version_register(model=model, label="1.0.0", source="s3://a", by=None, now=now)
    alias_set(model=model, name="champion", version=first, by=None, now=now)
    later = now + timedelta(days=1)
    model_update(model=model, title="Later title", owner=olga, by=None, now=later, reason="moved")
    second = version_register(model=model, label="2.0.0", source="s3://b", by=None, now=later)
    alias_set(model=model, name="champion", version=second, by=None, now=later)
    component_add(model=model, name="Letters", by=None, now=later)
    consumer_add(model=model, name="Loan origination", by=olga, now=later)
    use_request(model=model, using_unit=plant, purpose="Rating", by=olga, now=later)
    sections = [{"key": "purpose", "title": "Purpose", "text": TEXT}]
    document_save(model=model, kind="model_card", title="Late card", sections=sections, by=olga, now=later)
    monitoring_plan_save(model=model, measures=[MEASURE], by=olga, now=later)
    row = {"code": "P", "metric": "auc", "direction": "min", "release": 0.7}
    threshold_set_propose(model=model, limits=[row], rationale="floor", by=olga, now=later)
    return model


def test_a_past_day_shows_what_stood_there_then(aged, as_person, olga, now):
    client, url = as_person(olga), aged.get_absolute_url()
    past = client.get(f"{url}?as_of={now:%Y-%m-%d}")
    text = past.content.decode()
    assert "Early title" in text
    assert "Ada Brandt" in text
    assert "1 version registered" in text
    assert "@champion" in text
    for late in (
        "Later title",
        "2.0.0",
        "Letters",
        "Loan origination",
        "Plant Operations",
        "Late card",
        "Set 1",
    ):
        assert late not in text, late
    assert "No monitoring plan" in text
    assert "You see the state as of" in text
    for act in ("/edit/", "/attest/", "versions/register/", "Request a change"):
        assert act not in text, act
    today = client.get(url).content.decode()
    for late in (
        "Later title",
        "2.0.0",
        "Letters",
        "Loan origination",
        "Plant Operations",
        "Late card",
        "Set 1",
    ):
        assert late in today, late


def test_what_was_removed_is_still_there_on_its_day(aged, as_person, olga, now):
    consumer = aged.consumers.get()
    consumer.name = "Renamed since"
    save_as(consumer, by=None, now=now + timedelta(days=3), reason="renamed")
    day = now + timedelta(days=1)
    text = as_person(olga).get(f"{aged.get_absolute_url()}?as_of={day:%Y-%m-%d}").content.decode()
    assert "Loan origination" in text
    assert "Renamed since" not in text
    assert "Late card" in text


@pytest.fixture
def rated_twice(retail, olga, ines, rolf, now):
    """A model rated by Ines, whose rating a later one of Rolf took the place of a month after."""
    model = model_register(name="pd", title="PD", unit=retail, owner=olga, by=None, now=now)
    later = now + timedelta(days=5)
    scope = {"model": model, "unit": retail, "questionnaire": "inherent-risk", "questionnaire_revision": 1}
    first = RiskAssessment(
        **scope, score=2.0, tier=2, state="approved", proposed_by=olga, proposed_at=now, decided_by=ines, decided_at=now
    )  # fmt: skip
    save_as(first, by=ines, now=now)
    first.state = "superseded"
    save_as(first, by=rolf, now=later)
    second = RiskAssessment(
        **scope, score=3.0, tier=1, state="approved", proposed_by=olga, proposed_at=later, decided_by=rolf, decided_at=later
    )  # fmt: skip
    save_as(second, by=rolf, now=later)
    return model


@pytest.mark.parametrize("tab", ["", "risk/"])
def test_a_superseded_rating_keeps_who_approved_it_and_when(rated_twice, as_person, olga, now, tab):
    text = as_person(olga).get(f"{rated_twice.get_absolute_url()}{tab}").content.decode()
    plain = " ".join(strip_tags(text).split())
    assert "Approved by Ines Halvorsen, 17 Nov 2026 10:40" in plain
    assert "Superseded 22 Nov 2026 10:40, when Rolf Iversen approved the next" in plain
    assert "Superseded by Ines" not in plain
    past = as_person(olga).get(f"{rated_twice.get_absolute_url()}{tab}?as_of={now:%Y-%m-%d}").content.decode()
    assert "Approved by Ines Halvorsen" in strip_tags(past)
    assert "when Rolf" not in strip_tags(past)
