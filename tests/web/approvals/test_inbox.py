"""The inbox: who owes, handing requests to a colleague, asking for evidence, the way through the queue."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from approvals import policies
from approvals.models import ChangeRequest, Comment, Stage, Waiver
from approvals.queries import inbox_page
from approvals.queries.inbox_page import open_lapses_of, questions_to, waiting_count, waivers_to_decide
from approvals.services import evidence_ask
from approvals.services.lapses import lapse_open
from approvals.services.waivers import waiver_request
from approvals.waiver_policies import authority_blockers
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, RoleGrant, User
from mlops_portal.foundation.people.rights import forget_rights
from mlops_portal.foundation.people.services.grants import grant_revoke, role_grant
from mlops_portal.foundation.web.models import Notification

SignIn = Callable[[User], Client]


def page_of(client: Client, url: str, **query: object) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_a_failing_gate_stops_the_clock_and_names_who_owes(
    blocked: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    page = page_of(as_person(ines), "/approvals/")
    assert "0 are yours to decide. On 1 the clock is stopped" in page
    assert "You owe the decision" not in page
    assert "Clock stopped, others owe" in page
    assert f"{blocked.requester.name} owes a fix, or a waiver." in page
    assert "Requesters owe 1, others 0" in page
    assert f'data-alone="{blocked.code} (tier 1)"' in page


def test_a_waiver_that_the_reader_decides_is_owed_by_them(
    blocked: ChangeRequest,
    ines: User,
    group: BusinessUnit,
    make_person: Callable[..., User],
    now: datetime,
    as_person: SignIn,
) -> None:
    head = make_person("Hedda Risk", "risk_officer", unit=group, signs=True)
    waiver_request(
        change=blocked,
        gate="PERF-01",
        reason="Thin files are new in this population; the limit was set on the files of older applicants.",
        compensating_control="A person reviews every decision.",
        valid_until=now + timedelta(days=20),
        by=blocked.requester,
        now=now,
    )
    page = page_of(as_person(head), "/approvals/")
    assert "You owe the decision on a waiver" in page
    assert "You owe a decision on a waiver." in page
    assert "Clock stopped, others owe" not in page
    assert "Nobody keeps you waiting" in page
    assert "1 is yours to decide" in page
    assert "Approvals (1 waiting)" in page
    assert "You owe a decision on a waiver." in page_of(as_person(head), "/")
    assert waiting_count(head) == 1
    stage = blocked.stages.get(state="current")
    stage.state = Stage.State.PENDING
    save_as(stage, by=None, now=now, reason="An earlier stage is open again")
    assert waiting_count(head) == 1, "it waits for them before the request reaches their stage"
    assert "Approvals (1 waiting)" in page_of(as_person(head), "/approvals/"), (
        "the inbox counts as the navigation"
    )
    assert waiting_count(ines) == 0
    stage.state = Stage.State.CURRENT
    save_as(stage, by=None, now=now, reason="It decides again")
    other = page_of(as_person(ines), "/approvals/")
    assert "The head of model risk owes a decision on a waiver." in other
    assert "Requesters owe 0, others 1" in other


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({}, "", id="tier 4 with complete evidence"),
        pytest.param({"gates_waived": 1}, "evidence not complete", id="evidence that rests on a waiver"),
        pytest.param({"gates_at": None}, "evidence not complete", id="gates that have not run"),
        pytest.param({"decided_tier": 3}, "tier 3", id="a higher tier"),
    ],
)
def test_the_queue_offers_joint_signing_where_the_service_accepts_it(
    at_risk: ChangeRequest, ines: User, now: datetime, as_person: SignIn, fields: dict[str, object], why: str
) -> None:
    for name, value in {"decided_tier": 4, **fields}.items():
        setattr(at_risk, name, value)
    save_as(at_risk, by=None, now=now)
    page = page_of(as_person(ines), "/approvals/")
    assert (f'data-alone="{at_risk.code} ({why})"' in page) is bool(why)
    assert ("data-alone" in page) is bool(policies.together_blockers(at_risk))


@pytest.mark.parametrize(
    ("authority", "waits"),
    [
        pytest.param("model_owner", True, id="the authority they hold on this model"),
        pytest.param("change_manager", False, id="an authority they do not hold"),
        pytest.param("head_of_model_risk", False, id="an authority over the whole group"),
    ],
)
def test_a_waiver_waits_for_who_holds_its_authority_on_one_model(
    blocked: ChangeRequest, make_person: Callable[..., User], now: datetime, authority: str, waits: bool
) -> None:
    mona = make_person("Mona Manager")
    role_grant(
        user=mona, role="model_owner", model_id=blocked.model_id, reason="Stands in.", by=None, now=now
    )
    waiver = Waiver(
        change=blocked, version=blocked.version, model=blocked.model, unit=blocked.unit, gate="OPS-02",
        authority=authority, reason="Rehearsed next week.", compensating_control="Manual review.",
        requested_by=blocked.requester, requested_at=now, valid_until=now + timedelta(days=10),
    )  # fmt: skip
    save_as(waiver, by=None, now=now)
    assert waivers_to_decide(mona).filter(pk=waiver.pk).exists() is waits
    lacks = authority_blockers(mona, authority, unit_id=waiver.unit_id, model_id=waiver.model_id)
    assert (not lacks) is waits


def test_a_request_is_handed_to_a_colleague_who_may_decide_it(
    at_risk: ChangeRequest, ines: User, rolf: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    page = page_of(client, "/approvals/assign/", change=at_risk.pk)
    assert f'<option value="{rolf.pk}">' in page
    assert f'<option value="{at_risk.model.owner_id}">' not in page
    answer = client.post("/approvals/assign/", {"change": at_risk.pk, "to": rolf.pk})
    assert answer.status_code == 303
    assert Stage.objects.get(change=at_risk, state="current").assigned_to == rolf
    mine = page_of(client, "/approvals/")
    assert "A colleague of yours takes it" in mine
    assert f"{rolf.name} takes it" in mine
    assert "You owe the decision" in page_of(as_person(rolf), "/approvals/")


def test_nobody_is_given_what_they_may_not_decide(
    at_risk: ChangeRequest, ines: User, vera: User, as_person: SignIn
) -> None:
    answer = as_person(ines).post("/approvals/assign/", {"change": at_risk.pk, "to": vera.pk})
    assert answer.status_code == 400
    assert Stage.objects.get(change=at_risk, state="current").assigned_to is None


def test_evidence_is_asked_of_the_owner_and_the_clock_goes_on(
    at_risk: ChangeRequest, ines: User, olga: User, as_person: SignIn
) -> None:
    before: datetime | None = at_risk.stages.get(state="current").clock_started_at
    client = as_person(ines)
    assert "your clock goes on" in page_of(client, "/approvals/ask/", change=at_risk.pk)
    answer = client.post("/approvals/ask/", {"change": at_risk.pk, "text": "Where is the drift report?"})
    assert answer.status_code == 303
    assert Comment.objects.get(change=at_risk).asks == olga
    assert at_risk.stages.get(state="current").clock_started_at == before
    assert "Where is the drift report?" in page_of(as_person(olga), "/")
    as_person(olga).post(f"/changes/{at_risk.pk}/comment/", {"text": "Attached as model card 3."})
    assert "Where is the drift report?" not in page_of(as_person(olga), "/")


@pytest.mark.parametrize("url", ["/approvals/assign/", "/approvals/ask/"])
@pytest.mark.parametrize("sends", [False, True], ids=["form", "act"])
def test_acts_on_several_requests_need_no_more_statements(
    at_risk: ChangeRequest,
    blocked: ChangeRequest,
    ines: User,
    rolf: User,
    as_person: SignIn,
    assert_flat_queries: Callable[..., None],
    url: str,
    sends: bool,
) -> None:
    client, keys, asked = as_person(ines), [at_risk.pk], count(1)

    def act() -> None:
        given = {"change": keys, "to": rolf.pk, "text": f"Where is drift report {next(asked)}?"}
        answer = client.post(url, given) if sends else client.get(url, given)
        assert answer.status_code == (303 if sends else 200)

    assert_flat_queries(act=act, add_rows=lambda: keys.append(blocked.pk), budget=90)


def test_several_requests_are_handed_over_together_and_told_once(
    at_risk: ChangeRequest, blocked: ChangeRequest, ines: User, rolf: User, as_person: SignIn
) -> None:
    keys = [at_risk.pk, blocked.pk]
    assert as_person(ines).post("/approvals/assign/", {"change": keys, "to": rolf.pk}).status_code == 303
    assert Stage.objects.filter(change__in=keys, state="current", assigned_to=rolf).count() == 2
    notice = Notification.objects.filter(person=rolf).latest("pk")
    assert (notice.subject, notice.link) == ("2 requests", "/approvals/")


@pytest.mark.parametrize("url", ["/approvals/assign/", "/approvals/ask/"])
@pytest.mark.parametrize("keys", [["x"], list(range(1, 202))], ids=["no number", "too many"])
def test_a_selection_that_is_none_is_refused_not_cut(
    ines: User, as_person: SignIn, in_force: object, url: str, keys: list[object]
) -> None:
    assert as_person(ines).get(url, {"change": keys}).status_code == 400


def test_what_is_asked_of_somebody_who_no_longer_sees_it_is_not_told(
    at_risk: ChangeRequest, ines: User, olga: User, adam: User
) -> None:
    now = timezone.now()
    evidence_ask(changes=[at_risk], text="Where is the drift report?", by=ines, now=now)
    lapse_open(change=at_risk, key="waiver:1", text="The waiver of FAIR-02 ended.", now=now)
    assert (questions_to(olga).count(), open_lapses_of(olga).count()) == (1, 1)
    for grant in RoleGrant.objects.filter(user=olga):
        grant_revoke(grant=grant, by=adam, now=now, reason="Moved to another bank")
    forget_rights(olga)
    assert (questions_to(olga).count(), open_lapses_of(olga).count()) == (0, 0)


def test_facets_say_how_many_requests_stand_behind_each_value(
    at_risk: ChangeRequest, blocked: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    assert 'id="n-tier-1">2</small>' in page_of(client, "/approvals/")
    swapped = client.get("/approvals/", {"evidence": "blocked"}, headers={"HX-Request": "true"})
    assert 'id="n-tier-1" hx-swap-oob="true">1</small>' in swapped.content.decode()


def test_a_manager_sees_what_is_late_and_an_auditor_what_was_executed(
    at_risk: ChangeRequest, mona: User, cleo: User, as_person: SignIn
) -> None:
    stage = Stage.objects.get(change=at_risk, state="current")
    stage.due_at = at_risk.submitted_at
    save_as(stage, by=None, now=timezone.now(), reason="Late")
    late = page_of(as_person(mona), "/")
    assert "Overdue in your units" in late
    assert at_risk.title in late
    audited = page_of(as_person(cleo), "/")
    assert "Executed in the last 30 days" in audited
    assert "No change took effect." in audited


@pytest.mark.parametrize("url", ["/approvals/assign/", "/approvals/ask/"])
def test_nothing_selected_is_said(ines: User, as_person: SignIn, url: str, in_force: object) -> None:
    client = as_person(ines)
    assert "Select requests in the inbox first." in page_of(client, url)
    assert client.post(url, {"text": "What?"}).status_code == 400


def test_the_queue_is_walked_from_request_to_request(
    at_risk: ChangeRequest, blocked: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    first = page_of(client, at_risk.get_absolute_url())
    assert f'href="{blocked.get_absolute_url()}" data-key="]"' in first
    assert f'href="{at_risk.get_absolute_url()}" data-key="["' in page_of(client, blocked.get_absolute_url())


def test_the_facets_of_a_long_queue_are_counted_when_they_are_opened(
    at_risk: ChangeRequest, ines: User, as_person: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_person(ines)

    def counts(answer: Any) -> set[int | None]:
        facets = answer.context.get("facets") or answer.context["all_facets"]
        return {item.count for facet in facets if facet.name == "tier" for item in facet.items}

    assert counts(client.get("/approvals/")) == {0, 1}
    monkeypatch.setattr(inbox_page, "SHOWN", 1)
    assert counts(client.get("/approvals/")) == {None}
    opened = client.get("/approvals/", {"count_of": "tier"}, headers={"HX-Request": "true"})
    assert counts(opened) == {0, 1}
    assert "<html" not in opened.content.decode()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param([], "Nothing is selected", id="nothing was selected"),
        pytest.param([10**6], "they were decided, withdrawn or sent back", id="what was selected is gone"),
    ],
)
def test_signing_together_says_why_nothing_is_listed(
    keys: list[int], words: str, at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    page = as_person(ines).get("/approvals/together/", {"change": keys}).content.decode()
    assert words in page
