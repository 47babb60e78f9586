"""What a model reads, and who reads it, is named only to those who may see it; the others are told how many."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse

from approvals.model_facts import operation
from approvals.queries import review_page
from audits.models import LedgerEntry
from audits.queries import FieldChange
from audits.reading.records import changes_in_words
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.people.models import User
from registry.models import ModelDependency
from registry.services.lineage import dependency_add
from registry.services.models import model_delete, model_register
from tests.factories import approvals as make
from tests.factories.registry import VersionFactory

pytestmark = pytest.mark.django_db
HIDDEN = ("secret-feed", "secret-reader")


@pytest.fixture
def churn(retail, plant, now):
    """A model of Retail Lending among models of its own unit and of Plant Operations."""
    churn = model_register(name="churn", unit=retail, by=None, now=now)
    around = {
        name: model_register(name=name, unit=unit, by=None, now=now)
        for name, unit in (
            ("open-feed", retail), ("secret-feed", plant), ("open-reader", retail), ("secret-reader", plant),
        )
    }  # fmt: skip
    for name in ("open-feed", "secret-feed"):
        dependency_add(model=churn, upstream=around[name], note="for the ranking", by=None, now=now)
    for name in ("open-reader", "secret-reader"):
        dependency_add(model=around[name], upstream=churn, by=None, now=now)
    return churn


def moment(now):
    return (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")


PLACES = [
    pytest.param("registry:model-detail", "", id="the page of the model"),
    pytest.param("registry:lineage", "", id="its lineage"),
    pytest.param("registry:lineage", "as_of", id="its lineage in the past"),
]


@pytest.mark.parametrize(("name", "query"), PLACES)
def test_a_page_names_what_the_reader_sees_and_counts_the_others(
    name, query, churn, ada, cleo, as_person, now
):
    place = reverse(name, args=[churn.pk]) + (f"?as_of={moment(now)}" if query else "")
    page = as_person(ada).get(place).content.decode()
    assert "open-feed" in page
    assert "open-reader" in page
    assert page.count("1 more<small>in units you do not see") == 2
    assert not [hidden for hidden in HIDDEN if hidden in page]
    whole = as_person(cleo).get(place).content.decode()
    assert all(shown in whole for shown in HIDDEN)
    assert "you do not see" not in whole


def test_the_api_keeps_the_row_and_not_the_name(churn, ada, cleo, as_person):
    place = reverse("registry-api:dependencies", args=[churn.pk])

    def told(person):
        rows = as_person(person).get(place).json()["results"]
        return sorted((row["upstream_name"] or "", row["note"], row["upstream"] is None) for row in rows)

    open_feed, secret_feed = (
        ("open-feed", "for the ranking", False),
        ("secret-feed", "for the ranking", False),
    )
    assert told(ada) == [("", "", True), open_feed]
    assert told(cleo) == [open_feed, secret_feed]


def test_who_may_not_delete_a_model_is_told_of_readers_without_their_names(churn, retail, make_person, now):
    part = make_person("Pia Part", "administrator", unit=retail)
    with pytest.raises(DomainError) as refusal:
        model_delete(model=churn, reason="old", by=part, now=now)
    assert (
        "Other models read its output: open-reader, 1 more in units you do not see." in refusal.value.message
    )


def test_the_page_of_a_request_does_as_well(churn, ada, cleo, retail, now):
    version = VersionFactory(model=churn)
    change = make.draft(version, make.production(retail, now=now), by=ada, now=now)
    for person, unseen in ((ada, 1), (cleo, 0)):
        found = review_page.read(change, user=User.objects.get(pk=person.pk))
        assert (found["upstream"].unseen, found["downstream"].unseen) == (unseen, unseen)
        assert (len(found["upstream"]), len(found["downstream"])) == (2, 2)


def test_the_dossier_that_all_read_names_dependents_of_the_unit_itself(churn, monkeypatch):
    monkeypatch.setattr(operation, "serves_inputs_of", lambda new, old: False)
    links = ModelDependency.objects.filter(upstream=churn).select_related("model", "upstream").order_by("pk")
    records = SimpleNamespace(
        versions={1: object(), 2: object()},
        live={(churn.pk, 9): SimpleNamespace(version_id=2)},
        readers={churn.pk: list(links)},
        consumers={},
    )
    subject = SimpleNamespace(model_id=churn.pk, version_id=1, environment_id=9)
    assert operation._incompatible(subject, records) == ("open-reader", "1 model of other units")


def test_the_ledger_of_the_unit_does_not_spell_out_the_other_model(churn, now):
    for entry in LedgerEntry.objects.filter(subject_label="registry.ModelDependency", model_id=churn.pk):
        assert "secret-feed" not in str(entry.payload.payload)


def test_a_history_names_no_record_that_the_reader_may_not_see(churn, ada, cleo):
    secret = ModelDependency.objects.get(model=churn, upstream__name="secret-feed").upstream_id
    told = {
        person: changes_in_words(
            ModelDependency, [FieldChange("upstream", "upstream", None, secret)], user=person
        )[0].after
        for person in (ada, cleo)
    }
    assert told == {ada: f"no. {secret}", cleo: "secret-feed"}
