"""A deployment leads to its request, to who decided and to what they signed."""

import pytest
from django.utils.html import strip_tags

from approvals.queries.panel_reads import requests_behind
from mlops_portal.foundation.history import save_as
from registry.behind import RequestBehind
from registry.models import Deployment
from tests.web.audits.test_pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(released) -> Deployment:
    return Deployment.objects.get(change_id=released.pk)


@pytest.mark.parametrize("page", ["/deployments/", "/deployments/{}/"])
def test_it_leads_to_the_request_and_to_each_receipt(released, deployment, cleo, as_person, page):
    text = text_of(as_person(cleo), page.format(deployment.pk))
    assert f'href="/changes/{released.pk}/"' in text
    assert released.decisions.count() == 4
    for decision in released.decisions.all():
        assert f'href="/decisions/{decision.pk}/"' in text
        assert str(decision.signer.name) in text


def test_a_decision_that_became_void_does_not_stand_there(released, deployment, cleo, as_person, now):
    decision = released.decisions.first()
    decision.voided_at, decision.void_reason = now, "content changed"
    save_as(decision, by=None, now=now)
    assert f"/decisions/{decision.pk}/" not in text_of(as_person(cleo), f"/deployments/{deployment.pk}/")


def test_who_may_not_see_the_request_gets_its_number_alone(released, deployment, dora):
    assert requests_behind(dora, [deployment]) == {released.pk: RequestBehind(code=f"CR-{released.pk}")}


@pytest.mark.parametrize(
    ("score", "needed", "words"),
    [
        pytest.param(1.0, 1.0, "complete, 100\u202f% needed", id="complete"),
        pytest.param(0.8, 0.5, "80\u202f% complete, 50\u202f% needed", id="enough"),
        pytest.param(0.4, 0.5, "40\u202f% complete, 50\u202f% needed below", id="too little"),
        pytest.param(None, None, "not counted", id="not counted"),
    ],
)
def test_completeness_of_documents_is_told_in_words(deployment, cleo, as_person, now, score, needed, words):
    deployment.document_score, deployment.document_threshold = score, needed
    save_as(deployment, by=None, now=now)
    text = text_of(as_person(cleo), f"/deployments/{deployment.pk}/")
    told = text[text.index("Documents then") :]
    assert words in strip_tags(told[: told.index("</dd>")])
