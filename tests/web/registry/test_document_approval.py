"""Approving a document: the button says beside itself why it is blocked."""

import re

import pytest

from registry import policies
from registry.models import DocumentSection, RiskAssessment, ThresholdSet
from tests.factories.evidence import DocumentFactory
from tests.factories.registry import ModelFactory

pytestmark = pytest.mark.django_db
WHY = "Somebody other than its author approves a document."


@pytest.fixture
def card(retail, ada, now):
    """A document that Ada wrote."""
    return DocumentFactory(model=ModelFactory(unit=retail, name="churn"), by=ada, now=now)


def page_of(client, *parts) -> str:
    return client.get("/".join(["", "models", *map(str, parts), ""])).content.decode()


def test_its_author_sees_the_button_blocked_and_why(card, ada, as_person):
    page = page_of(as_person(ada), card.model_id, "documents", card.pk)
    assert re.search(r'aria-disabled="true" aria-describedby="why-not">.*?Approve</button>', page)
    why = page[page.index('id="why-not"') :].split("</p>")[0]
    assert WHY in why
    assert f"/documents/{card.pk}/approve/" not in page


def test_the_form_says_so_before_it_is_sent(card, ada, as_person):
    page = page_of(as_person(ada), card.model_id, "documents", card.pk, "approve")
    assert WHY in page
    assert re.search(r'aria-disabled="true"[^>]*>Approve this edition', page)


def test_another_person_may_approve(card, olga, as_person):
    page = page_of(as_person(olga), card.model_id, "documents", card.pk)
    assert f"/documents/{card.pk}/approve/" in page
    assert 'id="why-not"' not in page


def test_who_can_instead_is_said_for_each_rule(card, ada, vera, now):
    (document,) = policies.document_approval_blockers(card, by=ada)
    (section,) = policies.section_approval_blockers(DocumentSection(document=card), by=ada)
    assert {document.owner, section.owner} == {"another model owner or developer"}
    limits = ThresholdSet(model=card.model, proposed_by=vera, proposed_at=now, state="proposed")
    (lock,) = policies.limits_decision_blockers(limits, by=vera)
    assert lock.owner == "another validator or risk officer"
    rating = RiskAssessment(model=card.model, proposed_by=vera, proposed_at=now, state="proposed")
    (decide,) = policies.rating_decision_blockers(rating, by=vera)
    assert decide.owner == "another risk officer"
