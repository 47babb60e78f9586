"""A deployment leads to its request, to who decided and to what they signed."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from approvals.queries.inbox_page import DECIDED_DAYS, executed_lately
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


def test_of_a_past_day_it_says_who_had_decided_and_not_how_far_the_request_is_today(
    released, deployment, cleo, now
):
    released.refresh_from_db()
    (today,) = requests_behind(cleo, [deployment]).values()
    assert (today.state, len(today.decided)) == (released.get_state_display(), 4)
    first = min(one.at for one in today.decided)
    (then,) = requests_behind(cleo, [deployment], first).values()
    assert (then.state, then.phase, then.until) == ("", "", None)
    assert {one.at for one in then.decided} == {first}


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


def test_the_list_behind_executed_lately_holds_exactly_those_counted(released, cleo, as_person, now):
    """The page counts what took effect in 30 days; its link opens these, whatever state they are in by now."""
    client = as_person(cleo)
    counted = executed_lately(cleo, timezone.now()).count()
    assert counted == 1
    page = text_of(client, "/audit/")
    assert f'href="/changes/?executed={DECIDED_DAYS}">All 1<' in page
    found = client.get(f"/changes/?executed={DECIDED_DAYS}").context
    assert [row.pk for row in found["rows_page"].rows] == [released.pk]
    execution = released.executions.get()
    execution.finished_at = timezone.now() - timedelta(days=DECIDED_DAYS + 1)
    save_as(execution, by=None, now=timezone.now())
    assert executed_lately(cleo, timezone.now()).count() == 0
    assert client.get(f"/changes/?executed={DECIDED_DAYS}").context["rows_page"].rows == []
