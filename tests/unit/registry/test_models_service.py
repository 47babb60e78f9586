"""Registering, changing, deleting and moving models."""

from datetime import timedelta

import pytest

from mlops_portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.rules import Blocker, RuleViolation
from registry import gates
from registry.models import Alias, ModelCounter, ModelTag, ModelVersion, RegisteredModel
from registry.queries.facts import facts_of, gaps_from
from registry.services.aliases import alias_set
from registry.services.governance import governance_evaluate
from registry.services.models import (
    ExternalIdExists,
    ModelExists,
    model_attest,
    model_delete,
    model_register,
    model_rename,
    model_set_lifecycle,
    model_transfer_unit,
    model_update,
)
from registry.services.owners import models_assign_owner
from registry.services.versions import version_register


def test_a_model_is_registered_with_counter_component_history_and_event(retail, olga, now, events):
    model = model_register(
        name="churn",
        unit=retail,
        owner=olga,
        objective="Keep customers",
        tags={"team": "crm"},
        by=olga,
        now=now,
    )
    assert ModelCounter.objects.get(model=model).unit == retail
    assert [(part.name, part.kind) for part in model.components.all()] == [("Model", "analytical")]
    assert ModelTag.objects.get(model=model).value == "crm"
    row = history_model(RegisteredModel).objects.get(id=model.pk)
    assert (row.history_user_id, row.history_date, row.history_type) == (str(olga.pk), now, "+")
    event = next(event for event in events if event.verb == "registry.model_registered")
    assert (event.subject_id, event.unit_id, event.model_id) == (str(model.pk), retail.pk, model.pk)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="an empty name"),
        pytest.param("   ", id="a name of spaces"),
        pytest.param("a/b", id="a slash"),
        pytest.param("a:b", id="a colon"),
        pytest.param("..", id="the folder above"),
        pytest.param(".", id="this folder"),
        pytest.param("x" * 257, id="257 characters"),
        pytest.param("a\x00b", id="a NUL character"),
        pytest.param("a\nb", id="a line break"),
    ],
)
def test_impossible_names_are_refused(name, retail, olga, now):
    with pytest.raises(Invalid) as refusal:
        model_register(name=name, unit=retail, by=olga, now=now)
    assert [error.where for error in refusal.value.errors] == ["name"]
    assert not RegisteredModel.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("tier", 1, id="the tier is rated, not written"),
        pytest.param("governance", "optional", id="governance is computed"),
        pytest.param("nonsense", 1, id="an unknown field"),
        pytest.param("kind", "oracle", id="an unknown kind"),
        pytest.param("vendor", "v" * 161, id="a text that is too long"),
        pytest.param("description", "d" * 100_001, id="a long text that is too long"),
        pytest.param("objective", "a\x00b", id="a NUL character"),
        pytest.param("title", 7, id="a number for a text"),
        pytest.param("regimes", {"a": 1}, id="an object for a list"),
        pytest.param("custom", {"x": "\x00"}, id="a NUL character inside JSON"),
        pytest.param("objective_target", float("nan"), id="a number that is none"),
        pytest.param("decisions_per_day", -1, id="a negative count"),
        pytest.param("owner", "Olga", id="a name for a person"),
    ],
)
def test_impossible_values_are_refused_by_field(field, value, retail, olga, now):
    with pytest.raises(Invalid) as refusal:
        model_register(name="churn", unit=retail, by=olga, now=now, **{field: value})
    assert [error.where for error in refusal.value.errors] == [field]


def test_that_no_regime_is_in_scope_is_stated_by_somebody_at_a_time(churn, olga, ada, now):
    stated = model_update(model=churn, by=ada, now=now, no_regime_in_scope=True)
    assert (stated.no_regime_stated_by, stated.no_regime_stated_at) == (ada, now)
    assert not [gap for gap in record_gaps(stated, now) if "regime" in gap]
    later = model_update(model=churn, by=olga, now=now, no_regime_in_scope=False)
    assert (later.no_regime_stated_by, later.no_regime_stated_at) == (None, None)
    assert [gap for gap in record_gaps(later, now) if "regime" in gap]


def test_a_record_that_names_regimes_cannot_say_that_none_is_in_scope(churn, retail, olga, now):
    model_update(model=churn, by=olga, now=now, regimes=["SR 26-2"])
    with pytest.raises(Invalid) as refusal:
        model_update(model=churn, by=olga, now=now, no_regime_in_scope=True)
    assert [error.where for error in refusal.value.errors] == ["no_regime_in_scope"]
    with pytest.raises(Invalid):
        model_register(name="both", unit=retail, by=olga, now=now, regimes=["GDPR"], no_regime_in_scope=True)
    moved = model_update(model=churn, by=olga, now=now, regimes=[], no_regime_in_scope=True)
    assert moved.no_regime_stated_by == olga


def test_that_no_regime_is_in_scope_is_refuted_by_a_high_risk_class(churn, olga, now):
    model_update(model=churn, by=olga, now=now, no_regime_in_scope=True)
    churn.refresh_from_db()
    churn.eu_ai_class = "high_risk"
    save_as(churn, by=None, now=now, reason="rated", fields=["eu_ai_class"])
    governance_evaluate(model=churn, now=now)
    task = churn.tasks.get(kind="facts_contradicted", closed_at__isnull=True)
    assert "no regime is in scope, and its class under the EU AI Act is high risk" in task.text


def test_nobody_owns_a_model_on_whose_risk_they_decide(churn, retail, olga, ines, now):
    with pytest.raises(Invalid, match="Ines Halvorsen decides there as risk officer"):
        model_update(model=churn, owner=ines, by=olga, now=now)
    with pytest.raises(Invalid) as refusal:
        model_register(name="own", unit=retail, owner=ines, by=olga, now=now)
    assert [error.where for error in refusal.value.errors] == ["owner"]
    (one,) = models_assign_owner(models=[churn], owner=ines, reason="New desk", by=olga, now=now)
    assert "risk officer" in one.refused


def record_gaps(model, now):
    return gaps_from(model, facts_of([model], now=now)[model.pk], now=now)


def test_every_error_is_told_at_once(retail, olga, now):
    with pytest.raises(Invalid) as refusal:
        model_register(name="a/b", unit=retail, by=olga, now=now, kind="oracle", vendor="v" * 200)
    assert {error.where for error in refusal.value.errors} == {"name", "kind", "vendor"}


def test_a_name_is_taken_while_its_model_lives_and_free_afterwards(churn, retail, olga, adam, now):
    with pytest.raises(ModelExists, match="churn"):
        model_register(name="churn", unit=retail, by=olga, now=now)
    model_delete(model=churn, reason="wrong", by=adam, now=now)
    again = model_register(name="churn", unit=retail, by=olga, now=now)
    assert again.pk != churn.pk
    assert version_register(model=again, by=olga, now=now).number == 1


def test_one_record_of_another_inventory_is_registered_once(retail, olga, now):
    origin = {"source_name": "federal", "external_id": "DOE-1"}
    model_register(name="first", unit=retail, by=olga, now=now, **origin)
    with pytest.raises(ExternalIdExists, match="DOE-1"):
        model_register(name="second", unit=retail, by=olga, now=now, **origin)


def test_a_stranger_registers_and_changes_nothing(churn, retail, dora, now):
    with pytest.raises(NotAllowed):
        model_register(name="spy", unit=retail, by=dora, now=now)
    for act in (
        lambda: model_update(model=churn, by=dora, now=now, title="Mine"),
        lambda: model_rename(model=churn, name="mine", by=dora, now=now),
        lambda: model_delete(model=churn, reason="gone", by=dora, now=now),
        lambda: model_transfer_unit(model=churn, unit=retail, reason="x", by=dora, now=now),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_an_update_writes_only_what_changed(churn, olga, now, events):
    before = history_model(RegisteredModel).objects.count()
    same = model_update(model=churn, by=olga, now=now, owner=olga)
    assert same.revision == 1
    changed = model_update(model=churn, by=olga, now=now, title="Churn", owner=olga, revision=1)
    assert (changed.title, changed.revision) == ("Churn", 2)
    assert history_model(RegisteredModel).objects.count() == before + 1
    told = [event for event in events if event.verb == "registry.model_updated"]
    assert [event.data["fields"] for event in told] == [["title"]]


def test_the_second_of_two_editors_learns_who_changed_what(churn, olga, ada, now):
    model_update(model=churn, by=ada, now=now + timedelta(hours=1), objective="Keep them", revision=1)
    with pytest.raises(Conflict) as refusal:
        model_update(model=churn, by=olga, now=now + timedelta(hours=2), title="Churn", revision=1)
    assert "Ada Brandt changed objective on" in refusal.value.message
    assert RegisteredModel.objects.get(pk=churn.pk).title == ""


def test_renaming_keeps_versions_and_refuses_taken_names(churn, churn_1, retail, olga, now):
    model_register(name="fraud", unit=retail, by=olga, now=now)
    with pytest.raises(ModelExists):
        model_rename(model=churn, name="fraud", by=olga, now=now)
    renamed = model_rename(model=churn, name="churn-retail", by=olga, now=now)
    assert ModelVersion.objects.get(model=renamed).number == 1


def test_deleting_leaves_tombstones_without_aliases(churn, churn_1, ada, adam, now):
    alias_set(model=churn, name="champion", version=churn_1, by=ada, now=now)
    model_delete(model=churn, reason="registered twice", by=adam, now=now)
    churn_1.refresh_from_db()
    assert churn_1.deleted_at == now
    assert not Alias.objects.exists()
    assert history_model(Alias).objects.filter(history_type="-").count() == 1
    with pytest.raises(NotFound):
        version_register(model=churn, by=ada, now=now)
    with pytest.raises(NotFound):
        model_update(model=churn, by=adam, now=now, title="x")


def test_apps_above_can_refuse_a_deletion(churn, adam, now, monkeypatch):
    monkeypatch.setattr(gates, "deletion_gates", [])
    from registry import policies

    monkeypatch.setattr(
        policies, "deletion_gates", [lambda asked: [Blocker("open", f"{asked.model} is decided.")]]
    )
    with pytest.raises(RuleViolation, match="is decided"):
        model_delete(model=churn, reason="x", by=adam, now=now)


def test_only_the_owner_attests(churn, olga, ada, now):
    with pytest.raises(RuleViolation) as refusal:
        model_attest(model=churn, by=ada, now=now)
    assert refusal.value.blockers[0].code == "not_the_owner"
    assert model_attest(model=churn, by=olga, now=now).last_attested_at == now


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        pytest.param(["in_validation", "approved", "in_production"], "in_production", id="the usual way"),
        pytest.param(
            ["in_production", "suspended", "in_production"], "in_production", id="suspended and back"
        ),
        pytest.param(["in_validation", "retired"], None, id="nothing retires out of validation"),
        pytest.param(["suspended"], None, id="only what runs is suspended"),
    ],
)
def test_lifecycle_follows_its_table(path, ends, churn, now):
    def walk():
        for state in path:
            model_set_lifecycle(model=churn, to=state, by=None, now=now)

    if ends is None:
        with pytest.raises(RuleViolation):
            walk()
    else:
        walk()
        churn.refresh_from_db()
        assert churn.lifecycle_state == ends


def test_a_transfer_moves_every_row_of_the_model(churn, churn_1, plant, adam, olga, dora, now):
    alias_set(model=churn, name="champion", version=churn_1, by=olga, now=now)
    model_transfer_unit(model=churn, unit=plant, reason="Reorganised", by=adam, now=now)
    assert set(ModelVersion.objects.values_list("unit_id", flat=True)) == {plant.pk}
    assert set(Alias.objects.values_list("unit_id", flat=True)) == {plant.pk}
    assert set(churn.components.values_list("unit_id", flat=True)) == {plant.pk}
    churn.refresh_from_db()
    assert version_register(model=churn, by=dora, now=now).unit_id == plant.pk
    assert history_model(Alias).objects.filter(history_type="~").count() == 1


def test_a_version_registered_from_a_stale_read_gets_the_new_unit(churn, plant, adam, olga, now):
    model_transfer_unit(model=churn, unit=plant, reason="Reorganised", by=adam, now=now)
    with pytest.raises(NotAllowed):
        version_register(model=churn, by=olga, now=now)
    assert version_register(model=churn, by=adam, now=now).unit_id == plant.pk
