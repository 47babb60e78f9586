"""Limits as pages show them: blocking ones first, then by measure; with the figures of other pages, zero among them."""

import pytest

from mlops_portal.foundation.history import save_as
from registry.services import threshold_set_lock, threshold_set_propose
from tests.factories.registry import ModelFactory

pytestmark = pytest.mark.django_db


def test_limits_are_sorted_and_a_limit_of_zero_is_shown(retail, olga, vera, as_person, now):
    model = ModelFactory(unit=retail)
    rows = [
        {"code": "b", "metric": "drift", "direction": "max", "release": 0.1 + 0.2, "watch": 0},
        {"code": "c", "metric": "age", "direction": "max", "release": 5, "blocking": False},
        {"code": "a", "metric": "auc", "direction": "min", "release": 0.7},
    ]
    limits = threshold_set_propose(model=model, limits=rows, rationale="", by=olga, now=now)
    threshold_set_lock(limits=limits, by=vera, now=now)
    page = as_person(olga).get(model.get_absolute_url()).content.decode()
    table = page[page.index('id="limits"') :]
    assert (
        table.index("auc")
        < table.index("drift")
        < table.index("age")
        < table.index("<small>advisory</small>")
    )
    assert table.count("<small>advisory</small>") == 1
    drift = table[table.index("drift") :].replace("\n", "")
    assert '<td class="n">0.3</td><td class="n muted">0</td><td class="n muted">none</td>' in drift


@pytest.mark.parametrize(
    ("its_class", "words"),
    [
        ("prohibited", "none but the EU AI Act"),
        ("high_risk", "none but the EU AI Act"),
        ("transparency_only", "none but the EU AI Act"),
        ("minimal", "none in scope"),
        ("", "none in scope"),
    ],
)
def test_a_class_with_duties_is_not_out_of_scope_of_the_ai_act(
    its_class, words, retail, olga, as_person, now
):
    model = ModelFactory(unit=retail, no_regime_in_scope=True)
    model.eu_ai_class = its_class
    save_as(model, by=None, now=now, reason="rated", fields=["eu_ai_class"])
    page = as_person(olga).get(model.get_absolute_url()).content.decode()
    assert f"<dt>Regimes</dt><dd>{words}" in page
