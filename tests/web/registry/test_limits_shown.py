"""Limits as pages show them: by measure, with the figures of every other page, and zero is a figure."""

import pytest

from mlops_portal.foundation.history import save_as
from registry.services import threshold_set_lock, threshold_set_propose
from tests.factories.registry import ModelFactory

pytestmark = pytest.mark.django_db


def test_limits_are_sorted_and_a_limit_of_zero_is_shown(retail, olga, vera, as_person, now):
    model = ModelFactory(unit=retail)
    rows = [
        {"code": "b", "metric": "drift", "direction": "max", "release": 0.1 + 0.2, "watch": 0},
        {"code": "a", "metric": "auc", "direction": "min", "release": 0.7},
    ]
    limits = threshold_set_propose(model=model, limits=rows, rationale="", by=olga, now=now)
    threshold_set_lock(limits=limits, by=vera, now=now)
    page = as_person(olga).get(model.get_absolute_url()).content.decode()
    table = page[page.index('id="limits"') :]
    assert table.index("auc") < table.index("drift")
    drift = table[table.index("drift") :].replace("\n", "")
    assert '<td class="n">0.3</td><td class="n muted">0</td><td class="n muted">none</td>' in drift


def test_a_model_with_duties_of_transparency_is_in_scope_of_the_ai_act(retail, olga, as_person, now):
    model, other = (ModelFactory(unit=retail, no_regime_in_scope=True) for _ in range(2))
    for one, its_class in ((model, "transparency_only"), (other, "minimal")):
        one.eu_ai_class = its_class
        save_as(one, by=None, now=now, reason="rated", fields=["eu_ai_class"])
    client = as_person(olga)
    assert "none but the EU AI Act" in client.get(model.get_absolute_url()).content.decode()
    assert "none in scope" in client.get(other.get_absolute_url()).content.decode()
