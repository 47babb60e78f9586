"""Who decides, over what, and what a decision does: RULES 1, 3.3 and 4, one test a rule."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals import policies, services
from approvals.duties import duty_of, duty_records, eligible
from approvals.models import ChangeRequest, Condition, DossierReading, Signature
from approvals.queries.inbox_page import conditions_owed
from approvals.queries.my_duties import duties_of
from approvals.services import DossierChanged
from approvals.services.validations import validation_open_blockers
from audits.models import LedgerEntry
from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, RoleGrant, User
from mlops_portal.foundation.people.services.grants import grant_revoke
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from registry.models import Environment, MetricValue, ModelVersion, RegisteredModel
from registry.policies import claimable_grades
from registry.services.models import model_update
from tests.factories import approvals as make


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


def duties(change: ChangeRequest, person: User, key: str, now: datetime) -> list[str]:
    change = ChangeRequest.objects.get(pk=change.pk)
    records = duty_records(change, now=now)
    return [row.code for row in duty_of(person, change.stages.get(key=key), records, now=now)]


def condition(owner: User, verifier: User, due_on: date = date(2026, 12, 1)) -> dict[str, object]:
    return {
        "text": "Report drift of stated income weekly.",
        "evidence": "Weekly drift report",
        "owner": owner.pk,
        "verifier": verifier.pk,
        "due_on": due_on,
    }


def test_the_requester_fills_no_deciding_step(
    version: ModelVersion,
    prod: Environment,
    make_person: Callable[..., User],
    retail: BusinessUnit,
    now: datetime,
) -> None:
    both = make_person("Bela Both", "developer", "change_manager", unit=retail, signs=True)
    change = make.submitted(version, prod, by=both, now=now)
    assert "is_requester" in duties(change, both, "change", now)


def test_the_owner_is_not_independent(filed: ChangeRequest, olga: User, now: datetime) -> None:
    assert "is_owner" in duties(filed, olga, "validation", now)
    assert duties(filed, olga, "acceptance", now) == []


def test_a_role_past_its_last_day_fills_no_stage_though_nobody_ended_it(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    vera, stage = release_cast.validator, filed.stages.get(key="validation")
    assert vera in eligible(stage, duty_records(filed, now=now), now=now)
    assert duties_of(vera, [stage], now=now)[stage.pk] == []
    for grant in RoleGrant.objects.filter(user=vera):
        grant.valid_until = timezone.now() - timedelta(seconds=1)
        save_as(grant, by=None, now=now, reason="Its last day")
    assert vera not in eligible(stage, duty_records(filed, now=now), now=now)
    assert duties_of(vera, [stage], now=now)[stage.pk] != []


def test_a_developer_decides_nothing_independent(
    filed: ChangeRequest, make_person: Callable[..., User], retail: BusinessUnit, now: datetime
) -> None:
    helper = make_person("Hana Helper", "validator", unit=retail)
    filed.version.developer_ids = [*filed.version.developer_ids, helper.pk]
    save_as(filed.version, by=None, now=now)
    assert "is_developer" in duties(filed, helper, "validation", now)


def test_who_held_an_office_since_the_version_exists_does_not_step_aside_for_one_decision(
    model: RegisteredModel,
    prod: Environment,
    release_cast: make.Cast,
    make_person: Callable[..., User],
    retail: BusinessUnit,
    now: datetime,
) -> None:
    """Whoever may edit the record could name somebody else, decide, and name themselves again."""
    owner, developer = (
        make_person(name, "model_owner", "validator", unit=retail) for name in ("Olaf Own", "Dirk Dev")
    )
    ada, olga = release_cast.developer, release_cast.owner
    before = now - timedelta(days=30)
    model_update(model=model, owner=owner, developer=developer, reason="New desk", by=None, now=before)
    version = make.complete_version(model, cast=release_cast, now=now)  # registered ten days later
    change = make.submitted(version, prod, by=ada, now=now)
    later = now + timedelta(hours=1)
    model_update(model=model, owner=olga, developer=ada, reason="For a day", by=owner, now=later)
    assert "is_owner" in duties(change, owner, "validation", later)
    assert "is_developer" in duties(change, developer, "validation", later)
    assert "is_developer" not in duties(change, owner, "validation", later)
    stage = change.stages.select_related("change__model", "change__version").get(key="validation")
    for person, code in ((owner, "is_owner"), (developer, "is_developer")):
        assert code in [row.code for row in duties_of(person, [stage], now=later)[stage.pk]]
        assert claimable_grades(person, version=ModelVersion.objects.get(pk=version.pk)) == {"declared"}
    refused = validation_open_blockers(ModelVersion.objects.get(pk=version.pk), by=owner)
    assert [row.code for row in refused] == ["is_owner"]


def test_who_owned_the_model_before_the_version_existed_is_independent(
    model: RegisteredModel,
    prod: Environment,
    release_cast: make.Cast,
    make_person: Callable[..., User],
    retail: BusinessUnit,
    now: datetime,
) -> None:
    heir = make_person("Hugo Heir", "model_owner", unit=retail)
    before = now - timedelta(days=30)
    model_update(model=model, owner=heir, reason="Handed over", by=None, now=before)
    version = make.complete_version(model, cast=release_cast, now=now)
    change = make.submitted(version, prod, by=release_cast.developer, now=now)
    assert "is_owner" not in duties(change, release_cast.owner, "validation", now)
    assert "is_owner" in duties(change, heir, "validation", now)


def test_the_validator_does_not_approve_the_risk(
    filed: ChangeRequest, make_person: Callable[..., User], retail: BusinessUnit, vera: User, now: datetime
) -> None:
    assert "is_validator" in duties(filed, vera, "risk", now)


def test_who_decided_an_earlier_stage_decides_no_later_one(
    filed: ChangeRequest, make_person: Callable[..., User], retail: BusinessUnit, olga: User, now: datetime
) -> None:
    second = make_person("Sana Second", "validator", "change_manager", unit=retail, signs=True)
    make.decide(filed, olga, now=now)
    make.decide(filed, second, now=now)
    assert duties(filed, second, "change", now) == ["earlier_stage"]


def test_a_role_granted_after_filing_does_not_count(
    filed: ChangeRequest, make_person: Callable[..., User], retail: BusinessUnit, now: datetime
) -> None:
    late = make_person("Lars Late", "change_manager", unit=retail)
    grant = late.grants.get()
    grant.granted_at = grant.confirmed_at = grant.valid_from = now + timedelta(hours=1)
    save_as(grant, by=None, now=now + timedelta(hours=1))
    assert duties(filed, late, "change", now) == ["grant_too_young"]


def test_a_stranger_has_no_right(filed: ChangeRequest, dora: User, now: datetime) -> None:
    assert duties(filed, dora, "risk", now) == ["no_right"]


def test_the_service_refuses_with_the_reason_the_page_shows_and_leaves_evidence(
    filed: ChangeRequest, ada: User, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        make.decide(filed, ada, now=now)
    assert codes(refusal) == ["is_requester", "no_right"]
    assert refusal.value.evidence.verb == "approvals.decision_refused"
    assert refusal.value.evidence.data["reasons"] == ["is_requester", "no_right"]


def test_a_wrong_password_signs_nothing_and_is_evidence(
    filed: ChangeRequest, olga: User, now: datetime
) -> None:
    with pytest.raises(Invalid, match="Nothing was signed") as refusal:
        make.decide(filed, olga, now=now, password="wrong")
    assert refusal.value.evidence.verb == "approvals.signing_failed"
    assert not Signature.objects.filter(subject_label="approvals.ChangeRequest").exists()


def test_the_rationale_is_as_long_as_the_tier_asks(filed: ChangeRequest, olga: User, now: datetime) -> None:
    with pytest.raises(RuleViolation, match="at least 120"):
        make.decide(filed, olga, now=now, rationale="Fine.")


def test_nobody_signs_another_revision_than_they_read(
    filed: ChangeRequest, olga: User, now: datetime
) -> None:
    with pytest.raises(DossierChanged, match="You read another revision"):
        make.decide(filed, olga, now=now, read_digest="0" * 64)


def test_content_changed_under_the_signer_is_refused_and_says_what(
    filed: ChangeRequest, olga: User, now: datetime
) -> None:
    metric = MetricValue.objects.get(version=filed.version, segment="", name="auc")
    metric.value = 0.81
    save_as(metric, by=None, now=now)
    with pytest.raises(DossierChanged, match="Metrics and test data"):
        make.decide(filed, olga, now=now)
    filed.refresh_from_db()
    assert (filed.dossier_number, filed.decisions.count()) == (2, 0)


def test_any_rejection_ends_the_round(filed: ChangeRequest, olga: User, vera: User, now: datetime) -> None:
    make.decide(filed, olga, now=now)
    make.decide(filed, vera, now=now, verdict="reject")
    filed.refresh_from_db()
    assert filed.state == "rejected"
    assert filed.decisions.get(signer=vera).meaning == "review"


def test_an_unchanged_dossier_is_not_filed_again(
    filed: ChangeRequest, olga: User, vera: User, ada: User, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    make.decide(filed, vera, now=now, verdict="reject")
    with pytest.raises(RuleViolation) as refusal:
        make.submitted(filed.version, filed.environment, by=ada, now=now + timedelta(days=1))
    assert codes(refusal) == ["what_changed", "unchanged"]


def test_the_next_round_goes_to_the_same_approver_or_above(
    filed: ChangeRequest,
    olga: User,
    vera: User,
    ada: User,
    make_person: Callable[..., User],
    retail: BusinessUnit,
    group: BusinessUnit,
    now: datetime,
) -> None:
    colleague = make_person("Cora Colleague", "validator", unit=retail)
    above = make_person("Abe Above", "validator", unit=group)
    make.decide(filed, olga, now=now)
    make.decide(filed, vera, now=now, verdict="reject")
    again = make.submitted(
        filed.version,
        filed.environment,
        by=ada,
        now=now + timedelta(days=1),
        scope="Only new customers",
        what_changed="Narrower scope.",
    )
    assert again.predecessor_id == filed.pk
    assert duties(again, colleague, "validation", now) == ["returns_to"]
    assert duties(again, vera, "validation", now) == []
    assert duties(again, above, "validation", now) == []


def test_asking_for_changes_stops_the_approvers_clock(
    filed: ChangeRequest, olga: User, vera: User, ada: User, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    make.decide(
        filed, vera, now=now + timedelta(hours=6), verdict="request_changes", items=["Explain the segment."]
    )
    filed.refresh_from_db()
    stage = filed.stages.get(key="validation")
    assert (filed.state, stage.clock_started_at, stage.used_seconds) == ("changes_requested", None, 6 * 3600)
    services.change_update(change=filed, row_revision=filed.row_revision, by=ada, now=now, scope="Explained.")
    later = now + timedelta(days=2)
    filed = make.answered(filed, by=ada, now=later)
    services.change_resubmit(change=filed, by=ada, now=later)
    filed.refresh_from_db()
    assert filed.state == "in_review"
    assert filed.decisions.filter(voided_at__isnull=True).count() == 0
    assert filed.stages.get(key="acceptance").state == "current"


def test_a_recusal_is_replaced_never_subtracted(
    filed: ChangeRequest, olga: User, vera: User, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    make.decide(filed, vera, now=now, verdict="recuse", rationale="I know the vendor.")
    filed.refresh_from_db()
    stage = filed.stages.get(key="validation")
    assert (filed.state, stage.state, stage.quorum) == ("in_review", "current", 1)
    assert "can fill" in stage.blocked_reason
    assert duties(filed, vera, "validation", now) == ["recused"]


def test_a_condition_adds_duties_and_its_verifier_is_not_its_owner(
    filed: ChangeRequest, olga: User, vera: User, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    with pytest.raises(RuleViolation) as refusal:
        make.decide(
            filed, vera, now=now, verdict="approve_with_conditions", conditions=[condition(olga, olga)]
        )
    assert codes(refusal) == ["condition_verifier"]
    decision = make.decide(
        filed, vera, now=now, verdict="approve_with_conditions", conditions=[condition(olga, vera)]
    )
    row = Condition.objects.get(change=filed)
    assert (row.owner, row.verifier, row.state) == (olga, vera, "open")
    assert decision.signature.statement["conditions"][0]["owner"] == olga.pk
    with pytest.raises(RuleViolation):
        services.condition_verify(condition=row, verification="I looked at it.", by=olga, now=now)
    refused = services.condition_verify(
        condition=row, verification="Report 3 is missing.", is_met=False, by=vera, now=now
    )
    assert (refused.state, refused.verified_at) == ("open", None)
    assert LedgerEntry.objects.filter(verb="approvals.condition_not_met").count() == 1
    assert [one.verification for one in conditions_owed(olga)] == ["Report 3 is missing."]
    told = Notification.objects.filter(person=olga).latest("pk").text
    assert told.startswith("Vera Osei found a condition not met: Report 3 is missing. It is due on ")
    after = now + timedelta(days=400)
    services.condition_verify(
        condition=row, verification="Report 3 is still missing.", is_met=False, by=vera, now=after
    )
    assert "It was due on" in Notification.objects.filter(person=olga).latest("pk").text
    assert (
        services.condition_verify(condition=row, verification="Reports 1 to 4 seen.", by=vera, now=now).state
        == "met"
    )


def test_a_condition_may_be_due_on_the_day_itself_and_on_no_earlier_one(now: datetime, settings: Any) -> None:
    settings.PORTAL_TIME_ZONE = "America/New_York"
    evening = now.replace(hour=2)

    def blockers(due_on: date) -> list[str]:
        row = {"text": "Report", "evidence": "Report", "owner": 1, "verifier": 2, "due_on": due_on}
        found = policies.condition_blockers(
            [row], go_with="Approve", are_asked=True, owners={1}, verifiers={2}, now=evening
        )
        return [blocker.message for blocker in found]

    assert blockers(date(2026, 11, 16)) == []
    assert blockers(date(2026, 11, 15)) == ["Condition 1 is due on 15 Nov 2026, which is past."]


@pytest.mark.parametrize("verdict", ["approve", "approve_with_conditions"])
def test_a_failing_blocking_gate_stops_approval_with_and_without_conditions(
    weak: ChangeRequest, olga: User, vera: User, ines: User, verdict: str, now: datetime
) -> None:
    make.approve_by(weak, [olga, vera], now=now)  # an owner attests and a validator validates what is there
    conditions = [condition(olga, vera)] if verdict == "approve_with_conditions" else []
    with pytest.raises(RuleViolation) as refusal:
        make.decide(weak, ines, now=now, verdict=verdict, conditions=conditions)
    assert codes(refusal) == ["gate_fails"]
    assert "head of model risk" in refusal.value.blockers[0].owner


@pytest.mark.parametrize(
    ("verdict", "state", "stages"),
    [
        pytest.param("request_changes", "changes_requested", {"pending"}, id="it goes back to the requester"),
        pytest.param("reject", "rejected", {"closed"}, id="its round ends"),
    ],
)
def test_a_failing_gate_leaves_refusals_open(
    weak: ChangeRequest, olga: User, verdict: str, state: str, stages: set[str], now: datetime
) -> None:
    decision = make.decide(weak, olga, now=now, verdict=verdict, items=["Raise the AUC."])
    weak.refresh_from_db()
    assert (weak.gates_failed, weak.state) == (1, state)
    assert (decision.verdict, decision.voided_at, decision.items) == (verdict, None, ["Raise the AUC."])
    assert set(weak.stages.values_list("state", flat=True)) == stages


def test_a_stand_in_decides_within_their_own_rights_and_both_peoples_duties(
    filed: ChangeRequest, olga: User, vera: User, ines: User, rolf: User, ada: User, now: datetime
) -> None:
    span = {"starts_at": now, "ends_at": now + timedelta(days=5), "reason": "On leave this week."}
    make.decide(filed, olga, now=now)
    make.decide(filed, vera, now=now)
    with pytest.raises(RuleViolation) as refusal:
        make.decide(filed, rolf, now=now, on_behalf_of=ines)
    assert codes(refusal) == ["no_delegation"]
    services.delegation_create(absentee=ines, stand_in=ada, by=ines, now=now, **span)
    with pytest.raises(RuleViolation) as refusal:
        make.decide(filed, ada, now=now, on_behalf_of=ines)
    assert "no_right" in codes(refusal)
    services.delegation_create(absentee=ines, stand_in=rolf, by=ines, now=now, **span)
    decision = make.decide(filed, rolf, now=now, on_behalf_of=ines)
    assert decision.signature.statement["on_behalf_of"] == str(ines.pk)


def test_the_preview_lists_the_parts_and_what_changed_since_the_signer_read_them(
    filed: ChangeRequest, olga: User, now: datetime
) -> None:
    services.dossier_read(change=filed, by=olga, now=now)
    metric = MetricValue.objects.get(version=filed.version, segment="", name="auc")
    metric.value = 0.83
    save_as(metric, by=None, now=now)
    services.change_refresh(change=filed, now=now)
    preview = services.decision_preview(
        stage=filed.stages.get(key="acceptance"), verdict="approve", by=olga, now=now
    )
    changed = {part.name: part.changes for part in preview.parts if part.is_changed}
    assert set(changed) == {"metrics", "gates"}
    assert any("0.82 to 0.83" in line for line in changed["metrics"])
    assert (preview.meaning, preview.is_current, preview.blockers) == ("attest", True, ())


def test_who_signs_has_read_what_they_signed(filed: ChangeRequest, olga: User, now: datetime) -> None:
    make.decide(filed, olga, now=now)
    reading = filed.readings.get(reader=olga)
    assert (reading.dossier_number, reading.read_at) == (filed.dossier_number, now)


def test_neither_the_signature_nor_the_reading_stands_without_the_other(
    filed: ChangeRequest, olga: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**fields: object) -> None:
        raise OSError("the disk is full")

    before = Signature.objects.count()
    monkeypatch.setattr(DossierReading.objects, "update_or_create", fail)
    with pytest.raises(OSError, match="disk"):
        make.decide(filed, olga, now=now)
    assert not filed.decisions.exists()
    assert Signature.objects.count() == before


def test_materiality_is_confirmed_by_the_second_line_only(
    filed: ChangeRequest, carl: User, ines: User, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        services.materiality_confirm(change=filed, materiality="material", reason="", by=carl, now=now)
    assert codes(refusal) == ["second_line"]
    confirmed = services.materiality_confirm(
        change=filed, materiality="material", reason="", by=ines, now=now
    )
    assert confirmed.materiality_confirmed_by == ines


def test_a_revoked_approval_opens_its_stage_again(
    filed: ChangeRequest, olga: User, vera: User, now: datetime
) -> None:
    make.approve_by(filed, [olga, vera], now=now)
    decision = filed.decisions.get(signer=vera)
    make.revoke(decision, by=vera, now=now + timedelta(hours=1))
    states = dict(filed.stages.values_list("key", "state"))
    assert states == {"acceptance": "done", "validation": "current", "risk": "pending", "change": "pending"}
    decision.refresh_from_db()
    assert decision.voided_at is not None
    make.decide(filed, vera, now=now + timedelta(hours=2))


def test_a_decision_of_somebody_deactivated_since_stays(
    filed: ChangeRequest, olga: User, now: datetime
) -> None:
    decision = make.decide(filed, olga, now=now)
    olga.is_active = False
    save_as(olga, by=None, now=now + timedelta(hours=1))
    decision.refresh_from_db()
    assert (decision.voided_at, decision.signature.printed_name) == (None, "Olga Moller")


def test_a_departure_blocks_the_stage_until_somebody_else_is_granted(
    filed: ChangeRequest, olga: User, vera: User, adam: User, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    grant_revoke(grant=vera.grants.get(), reason="Left the second line", by=adam, now=now)
    services.change_refresh(change=filed, now=now + timedelta(hours=1))
    filed.refresh_from_db()
    stage = filed.stages.get(state="current")
    assert stage.key == "validation"
    assert (stage.clock_started_at, filed.state) == (None, "in_review")
    assert "Nobody can fill" in stage.blocked_reason
