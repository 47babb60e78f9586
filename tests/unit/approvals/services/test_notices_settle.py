"""What a notice asks for settles when somebody has done it or it no longer stands, in words, and never before."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import services
from approvals.models import ChangeRequest, Stage, Waiver
from approvals.services.decisions import ConditionInput
from approvals.services.submission import change_expire
from mlops_portal.foundation import operations
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import grant_revoke
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Expectation, Notification
from mlops_portal.foundation.web.notifications import unread_count
from registry.models import MetricValue
from tests.factories import approvals as make


def asked(person: User) -> list[Notification]:
    """Return what is still expected of somebody, the newest first."""
    return list(Notification.objects.asking().filter(person=person).order_by("-pk"))


def ends(person: User) -> list[str]:
    """Return what became of what a person was asked for, the newest first."""
    rows = Notification.objects.filter(person=person, settled_at__isnull=False).order_by("-pk")
    return [f"{row.outcome} by {row.settled_by or 'nobody'}" for row in rows.select_related("settled_by")]


def withdraw(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    services.change_withdraw(change=change, reason="Not wanted any more.", by=cast.developer, now=now)


def reject(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    make.decide(change, cast.risk_officer, now=now, verdict="reject")


def send_back(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    make.decide(change, cast.risk_officer, now=now, verdict="request_changes", items=["Show it."])


def change_content(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    change.purpose = "Something else."
    save_as(change, by=None, now=now)
    assert services.change_refresh(change=change, now=now)


def revoke_earlier(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    decision = change.decisions.get(stage__key="validation")
    make.revoke(decision, by=cast.validator, now=now)


def assign(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    services.stages_assign(changes=[change], to=cast.second_risk_officer, by=cast.risk_officer, now=now)


STAGE_ENDS = [
    pytest.param(withdraw, "No longer needed: the request was withdrawn by Ada Brandt", id="withdrawn"),
    pytest.param(reject, "Rejected by Ines Halvorsen", id="rejected"),
    pytest.param(send_back, "Sent back by Ines Halvorsen", id="sent-back"),
    pytest.param(change_content, "No longer needed: the content was changed by nobody", id="changed"),
    pytest.param(revoke_earlier, "No longer needed: a signature was revoked by Vera Osei", id="revoked"),
]


@pytest.fixture
def at_risk(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return the request at the risk officers, Ines and Rolf: two of them decide."""
    return make.approve_by(filed, [release_cast.owner, release_cast.validator], now=now)


@pytest.fixture
def later(now: datetime) -> datetime:
    """Return a moment after the risk officers were asked."""
    return now + timedelta(hours=1)


@pytest.mark.parametrize(("act", "outcome"), STAGE_ENDS)
def test_a_stage_that_decides_no_longer_asks_nobody(
    at_risk: ChangeRequest,
    release_cast: make.Cast,
    act: Callable[[ChangeRequest, make.Cast, datetime], None],
    outcome: str,
    later: datetime,
) -> None:
    rolf = release_cast.second_risk_officer
    (notice,) = asked(rolf)
    before = unread_count(rolf)
    act(at_risk, release_cast, later)
    notice.refresh_from_db()
    assert (notice.settled_at, f"{notice.outcome} by {notice.settled_by or 'nobody'}") == (later, outcome)
    assert notice.read_at is None
    new = Notification.objects.filter(person=rolf, pk__gt=notice.pk).count()
    assert unread_count(rolf) == before - 1 + new


def test_who_decided_is_asked_no_longer_and_the_others_are_until_the_quorum(
    at_risk: ChangeRequest, release_cast: make.Cast, later: datetime
) -> None:
    cast = release_cast
    stage = Stage.objects.get(change=at_risk, state="current")
    stage.quorum = 2
    save_as(stage, by=None, now=later, reason="Two decide", fields=["quorum"])
    at_risk = make.approve_by(at_risk, [cast.risk_officer], now=later)
    assert asked(cast.risk_officer) == []
    assert ends(cast.risk_officer) == ["Decided by Ines Halvorsen"]
    assert len(asked(cast.second_risk_officer)) == 1
    make.approve_by(at_risk, [cast.second_risk_officer], now=later)
    assert asked(cast.second_risk_officer) == []


def test_a_colleague_who_decides_for_the_stage_settles_it_for_all(
    at_risk: ChangeRequest, release_cast: make.Cast, later: datetime
) -> None:
    quorum = Stage.objects.get(change=at_risk, state="current").quorum
    people = [release_cast.risk_officer, release_cast.second_risk_officer][:quorum]
    make.approve_by(at_risk, people, now=later)
    assert asked(release_cast.second_risk_officer) == []
    assert ends(release_cast.second_risk_officer)[0].startswith("Decided by ")


def test_a_stage_that_somebody_takes_waits_for_them_alone_and_comes_back_when_they_cannot(
    at_risk: ChangeRequest, release_cast: make.Cast, later: datetime
) -> None:
    cast = release_cast
    assign(at_risk, cast, later)
    assert ends(cast.risk_officer) == ["Given to a colleague by Ines Halvorsen"]
    (taken,) = asked(cast.second_risk_officer)
    assert "to take" in taken.text
    assert ends(cast.second_risk_officer) == ["Asked again by nobody"]
    make.decide(
        at_risk, cast.second_risk_officer, now=later, verdict="recuse", rationale="I know the vendor."
    )
    assert asked(cast.second_risk_officer) == []
    (again,) = asked(cast.risk_officer)
    assert "waits for you again" in again.text


def test_the_same_ask_counts_once_however_often_it_is_repeated(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    olga = release_cast.owner
    change_content(filed, release_cast, now + timedelta(hours=1))
    (notice,) = asked(olga)
    assert notice.text.startswith("Its content changed")
    assert ends(olga) == ["Asked again by nobody"]


def test_what_is_settled_stays_as_it_is_whatever_is_heard_again_or_late(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    olga = release_cast.owner
    make.approve_by(filed, [olga], now=now)
    row = Notification.objects.get(person=olga, is_asking=True)
    later = now + timedelta(hours=3)
    with operations.act():
        emit(
            DomainEvent(
                verb="approvals.change_withdrawn", subject_label="approvals.ChangeRequest",
                subject_id=str(filed.pk), actor_id=None, occurred_at=later,
            )
        )  # fmt: skip
    row.refresh_from_db()
    assert (row.outcome, row.settled_at) == ("Decided", now)


def test_an_act_that_is_heard_of_late_settles_nothing_that_was_asked_since(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    before = now - timedelta(hours=1)
    with operations.act():
        emit(
            DomainEvent(
                verb="approvals.decision_signed", subject_label="approvals.ChangeRequest",
                subject_id=str(filed.pk), actor_id=str(release_cast.owner.pk), occurred_at=before,
                data={"stage": "owner", "verdict": "approve", "meaning": "attest", "digest": ""},
            )
        )  # fmt: skip
    assert len(asked(release_cast.owner)) == 1


def test_a_waiver_settles_by_its_decision_and_by_the_end_of_its_request(
    weak: ChangeRequest, release_cast: make.Cast, make_person: Callable[..., User], group: BusinessUnit,
    now: datetime,
) -> None:  # fmt: skip
    head = make_person("Hedda Risk", "risk_officer", unit=group, signs=True)
    other = make_person("Hugo Risk", "risk_officer", unit=group, signs=True)
    waiver = ask_waiver(weak, release_cast.developer, now)
    asking = [row for row in asked(other) if "waive" in row.text]
    assert len(asking) == 1
    services.waiver_decide(
        waiver=waiver, grant=False, rationale=make.RATIONALE, read_digest=weak.dossier_digest,
        password=make.PASSWORD, code=make.fresh_code(head), by=head, now=now,
    )  # fmt: skip
    assert [row for row in asked(other) if "waive" in row.text] == []
    assert "Declined by Hedda Risk" in ends(other)


def test_a_waiver_nobody_decided_falls_with_its_request(
    weak: ChangeRequest, release_cast: make.Cast, make_person: Callable[..., User], group: BusinessUnit,
    now: datetime,
) -> None:  # fmt: skip
    head = make_person("Hedda Risk", "risk_officer", unit=group, signs=True)
    ask_waiver(weak, release_cast.developer, now)
    assert [row for row in asked(head) if "waive" in row.text]
    withdraw(weak, release_cast, now)
    assert [row for row in asked(head) if "waive" in row.text] == []
    assert "No longer needed: the request was withdrawn by Ada Brandt" in ends(head)


def ask_waiver(change: ChangeRequest, by: User, now: datetime) -> Waiver:
    waiver: Waiver = services.waiver_request(
        change=change, gate="PERF-01", reason="The thin files are new; the limit was set on old ones only.",
        compensating_control="Manual review of every decision.", valid_until=now + timedelta(days=20),
        by=by, now=now,
    )  # fmt: skip
    return waiver


def condition(release_cast: make.Cast, day: date) -> ConditionInput:
    return {
        "text": "Watch the segments.",
        "evidence": "A report.",
        "owner": release_cast.developer.pk,
        "verifier": release_cast.validator.pk,
        "due_on": day + timedelta(days=30),
    }


def test_two_conditions_of_one_decision_settle_with_the_second(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    ada, vera = release_cast.developer, release_cast.validator
    rows = [condition(release_cast, now.date()), condition(release_cast, now.date())]
    rows[1]["text"] = "Name the thin files."
    make.decide(filed, release_cast.owner, now=now, verdict="approve_with_conditions", conditions=rows)
    (notice,) = asked(ada)
    first, second = filed.conditions.order_by("pk")
    seen = "The report of the segments is there."
    services.condition_verify(condition=first, verification=seen, by=vera, now=now)
    assert asked(ada) == [notice]
    assert notice.expectations.count() == 1
    services.condition_verify(condition=second, verification=seen, by=vera, now=now)
    assert asked(ada) == []
    assert ends(ada) == ["Met, as confirmed by Vera Osei"]


def test_an_answered_question_and_a_request_filed_again_are_settled(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    change = make.approve_by(filed, [release_cast.owner], now=now)
    services.evidence_ask(changes=[change], text="Which files?", by=release_cast.validator, now=now)
    olga = release_cast.owner
    (question,) = asked(olga)
    assert "asks you for evidence" in question.text
    services.comment_add(change=change, text="These.", by=release_cast.developer, now=now)
    assert asked(olga) == [question]
    services.comment_add(change=change, text="Those of 2025.", by=olga, now=now)
    assert asked(olga) == []
    assert ends(olga)[0] == "Answered by Olga Moller"
    make.decide(change, release_cast.validator, now=now, verdict="request_changes", items=["Show it."])
    ada = release_cast.developer
    assert len(asked(ada)) == 1
    change = make.answered(ChangeRequest.objects.get(pk=change.pk), by=ada, now=now)
    services.change_submit(change=change, by=ada, now=now)
    assert asked(ada) == []
    assert ends(ada) == ["Filed again by Ada Brandt"]


def test_an_approval_that_ends_unused_asks_no_operator(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    cast = release_cast
    people = [cast.owner, cast.validator, cast.risk_officer, cast.change_manager]
    change = make.approve_by(filed, people, now=now)
    assert change.state == "approved"
    assert len(asked(cast.operator)) == 1
    assert change.expires_at is not None
    assert change_expire(change=change, now=change.expires_at)
    assert asked(cast.operator) == []
    assert ends(cast.operator) == ["No longer needed: the approval ended unused by nobody"]


def test_whoever_lost_sight_of_the_request_learns_no_more_of_it(
    at_risk: ChangeRequest, release_cast: make.Cast, adam: User, later: datetime
) -> None:
    rolf = release_cast.second_risk_officer
    (notice,) = asked(rolf)
    for grant in rolf.grants.filter(is_effective=True):
        grant_revoke(grant=grant, reason="Moved", by=adam, now=later)
    withdraw(at_risk, release_cast, later)
    notice.refresh_from_db()
    assert (notice.outcome, notice.settled_by) == ("No longer needed", None)
    assert at_risk.code not in notice.outcome


def test_an_act_costs_no_more_for_many_old_notices(
    at_risk: ChangeRequest, release_cast: make.Cast, make_person: Callable[..., User], later: datetime
) -> None:
    stage = Stage.objects.get(change=at_risk, state="current")
    people = [make_person(f"Former{number} Reader") for number in range(30)]
    rows = Notification.objects.bulk_create(
        Notification(
            person=person, about="x", subject="x", text="x", is_asking=True, created_at=later, link="/x/"
        )
        for person in people
    )
    stage.state = "closed"
    save_as(stage, by=None, now=later, reason="Ended", fields=["state"])
    with CaptureQueriesContext(connection) as few, operations.act():
        _withdrawn(at_risk, later)
    Notification.objects.filter(settled_at__isnull=False).update(settled_at=None, settled_by=None, outcome="")
    Expectation.objects.bulk_create(
        Expectation(notice=row, key=f"approvals.decide:{stage.pk}")
        for row in Notification.objects.filter(is_asking=True)
    )
    with CaptureQueriesContext(connection) as many, operations.act():
        _withdrawn(at_risk, later)
    assert Notification.objects.filter(pk__in=[row.pk for row in rows], settled_at=later).count() == 30
    assert len(many) <= len(few) + 1  # whoever lost sight is told in words of their own


def _withdrawn(change: ChangeRequest, now: datetime) -> None:
    emit(
        DomainEvent(
            verb="approvals.change_withdrawn", subject_label="approvals.ChangeRequest",
            subject_id=str(change.pk), actor_id=None, occurred_at=now,
            unit_id=change.unit_id, model_id=change.model_id,
        )
    )  # fmt: skip


def test_a_declared_condition_waits_for_its_verifier_until_they_looked(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    ada, vera = release_cast.developer, release_cast.validator
    rows = [condition(release_cast, now.date())]
    make.decide(filed, release_cast.owner, now=now, verdict="approve_with_conditions", conditions=rows)
    one = filed.conditions.get()
    services.condition_declare(condition=one, declaration="The report is filed.", by=ada, now=now)
    assert asked(ada) == []
    assert ends(ada)[0] == "Declared met by Ada Brandt"
    newest = asked(vera)[0]
    assert newest.text.startswith("Ada Brandt declares a condition met: The report is filed. Look")
    assert newest.link == f"/conditions/{one.pk}/verify/"
    services.condition_verify(
        condition=one, verification="The thin files are missing.", is_met=False, by=vera, now=now
    )
    assert "Found not met by Vera Osei" in ends(vera)
    (again,) = asked(ada)
    assert "found a condition not met" in again.text
    assert again.link == f"/conditions/{one.pk}/declare/"
    services.condition_declare(condition=one, declaration="The thin files are named.", by=ada, now=now)
    services.condition_verify(condition=one, verification="The thin files are there.", by=vera, now=now)
    assert asked(ada) == []
    assert ends(vera)[0] == "Confirmed by Vera Osei"


@pytest.mark.parametrize(
    ("who", "code"), [("validator", "not_owner"), ("owner", "not_owner"), ("developer", "declared")]
)
def test_only_its_owner_declares_a_condition_met_and_once(
    filed: ChangeRequest, release_cast: make.Cast, who: str, code: str, now: datetime
) -> None:
    rows = [condition(release_cast, now.date())]
    make.decide(filed, release_cast.owner, now=now, verdict="approve_with_conditions", conditions=rows)
    one = filed.conditions.get()
    services.condition_declare(
        condition=one, declaration="The report is filed.", by=release_cast.developer, now=now
    )
    with pytest.raises(RuleViolation) as refusal:
        services.condition_declare(
            condition=one, declaration="The report is filed.", by=getattr(release_cast, who), now=now
        )
    assert [blocker.code for blocker in refusal.value.blockers] == [code]
    one.refresh_from_db()
    assert one.state == "open"


def test_gates_that_pass_again_are_told_to_the_requester_and_to_those_who_decide(
    weak: ChangeRequest, release_cast: make.Cast, make_person: Callable[..., User], group: BusinessUnit,
    now: datetime,
) -> None:  # fmt: skip
    """The gate that failed is waived: the stage's clock runs, and it waits for those who decide."""
    ada, olga = release_cast.developer, release_cast.owner
    head = make_person("Hedda Risk", "risk_officer", unit=group, signs=True)
    waiver = ask_waiver(weak, ada, now)
    assert weak.gates_failed
    services.waiver_decide(
        waiver=waiver, grant=True, rationale=make.RATIONALE, read_digest=weak.dossier_digest,
        password=make.PASSWORD, code=make.fresh_code(head), by=head, now=now,
    )  # fmt: skip
    weak.refresh_from_db()
    assert not weak.gates_failed
    said = {row.person: row.text for row in Notification.objects.order_by("pk")}
    assert "No blocking gate fails any more" in said[ada]
    assert "waits for you. Read it and decide by" in said[olga]
    assert [row.text for row in asked(olga)] == [said[olga]]


def test_evidence_that_makes_gates_pass_again_is_told_with_the_change_of_content(
    weak: ChangeRequest, release_cast: make.Cast, later: datetime
) -> None:
    metric = MetricValue.objects.get(version=weak.version, segment="", name="auc")
    metric.value = 0.80
    save_as(metric, by=None, now=later)
    assert services.change_refresh(change=weak, now=later)
    newest = Notification.objects.filter(person=release_cast.developer).latest("pk")
    assert "No blocking gate fails any more." in newest.text


def test_gates_that_passed_all_along_are_no_news(
    filed: ChangeRequest, release_cast: make.Cast, later: datetime
) -> None:
    services.change_refresh(change=filed, now=later)
    assert not Notification.objects.filter(text__contains="No blocking gate").exists()


def test_who_grants_roles_is_asked_until_people_are_found(
    at_risk: ChangeRequest, release_cast: make.Cast, adam: User, make_person: Callable[..., User],
    retail: BusinessUnit, later: datetime,
) -> None:  # fmt: skip
    cast = release_cast
    for person in (cast.risk_officer, cast.second_risk_officer):
        for grant in person.grants.filter(is_effective=True):
            grant_revoke(grant=grant, reason="Moved", by=adam, now=later)
    services.change_refresh(change=at_risk, now=later)
    blocked = [row for row in Notification.objects.filter(is_asking=True) if "can fill" in row.text]
    assert blocked
    assert all(row.settled_at is None for row in blocked)
    fresh = make_person("Rita Fresh", "risk_officer", unit=retail, signs=True)
    services.change_refresh(change=at_risk, now=later)
    for row in blocked:
        row.refresh_from_db()
        assert row.outcome == "No longer needed: people were found"
    assert any("Enough people can decide again" in row.text for row in asked(fresh))
