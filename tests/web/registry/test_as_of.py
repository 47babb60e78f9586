"""The page of a model on a past day: what stood there then, no action, nothing of later."""

from datetime import timedelta

import pytest

from mlops_portal.foundation.history import save_as
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
