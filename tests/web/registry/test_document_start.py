"""A document may start from its sections: neither a file nor a link is needed."""

import pytest
from django.urls import reverse

from registry import gates, policies
from registry.models import Document
from tests.factories.registry import ModelFactory

pytestmark = pytest.mark.django_db
WANTED = [("general", "General description", "model_card"), ("logic", "Logic", "technical_documentation")]


@pytest.fixture
def churn(retail, now):
    """A model without documents."""
    return ModelFactory(unit=retail, name="churn", now=now)


def add(client, model, kind):
    url = reverse("registry:document-add", args=[model.pk])
    return client.post(url, {"kind": kind, "title": "Model documentation"})


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        pytest.param("model_card", ["general"], id="the sections of its kind"),
        pytest.param("other", ["general", "logic"], id="all, when its kind has none"),
    ],
)
def test_a_document_starts_from_the_sections_that_the_policy_wants(
    churn, ada, as_person, monkeypatch, kind, keys
):
    monkeypatch.setattr(gates, "wanted_sections", [lambda model, at: WANTED])
    answer = add(as_person(ada), churn, kind)
    document = Document.objects.get(model=churn)
    assert answer.status_code == 303
    assert answer.url == reverse("registry:section-add", args=[churn.pk, document.pk])
    found = document.sections.order_by("pk").values_list("key", "status")
    assert list(found) == [(key, "absent") for key in keys]


def test_nothing_is_approved_before_something_is_written(churn, ada, olga, as_person, monkeypatch):
    monkeypatch.setattr(gates, "wanted_sections", [lambda model, at: WANTED])
    client, approver = as_person(ada), as_person(olga)
    add(client, churn, "model_card")
    document = Document.objects.get(model=churn)
    approve = reverse("registry:document-approve", args=[churn.pk, document.pk])
    assert [one.code for one in policies.document_approval_blockers(document, by=olga)] == ["empty"]
    assert "no section with a text yet" in approver.post(approve, follow=True).content.decode()
    assert Document.objects.get(pk=document.pk).approved_by is None
    write = reverse("registry:section-add", args=[churn.pk, document.pk])
    assert client.post(write, {"section-general": "What the model does."}).status_code == 303
    assert approver.post(approve).status_code == 303
    assert Document.objects.get(pk=document.pk).approved_by == olga


def test_without_a_policy_a_file_or_a_link_is_asked_for(churn, ada, as_person, monkeypatch):
    monkeypatch.setattr(gates, "wanted_sections", [])
    answer = add(as_person(ada), churn, "model_card")
    assert answer.status_code == 400
    assert "Attach a file, or give a link to it." in answer.content.decode()
    assert not Document.objects.exists()


def test_the_form_of_sections_says_that_another_one_does_not_count(churn, ada, as_person, monkeypatch):
    monkeypatch.setattr(gates, "wanted_sections", [lambda model, at: WANTED])
    client = as_person(ada)
    add(client, churn, "other")
    page = client.get(
        reverse("registry:section-add", args=[churn.pk, Document.objects.get().pk])
    ).content.decode()
    assert "Optional: one that the policy does not ask for, so completeness does not count it." in page
    assert page.count("optional</small>") == 0
