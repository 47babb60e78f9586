"""Waivers: who grants one, over what, for how long, how many at once, and what a renewal asks for (RULES 3.3, 5.1)."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest
from approvals.services import DossierChanged
from mlops_portal.foundation import canonical
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from tests.factories import approvals as make
from tests.kept import kept


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


@pytest.fixture
@kept
def head(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return the head of model risk: a risk officer of the whole group."""
    return make_person("Hedda Risk", "risk_officer", unit=group, signs=True)


def ask_waiver(
    change: ChangeRequest, by: User, now: datetime, gate: str = "PERF-01", days: int = 20
) -> object:
    return services.waiver_request(
        change=change, gate=gate, reason="The thin files are new; the limit was set on old ones only.",
        compensating_control="Manual review of every decision.", valid_until=now + timedelta(days=days), by=by, now=now,
    )  # fmt: skip


def grant(waiver: object, by: User, now: datetime, **given: object) -> object:
    decision = {
        "grant": True,
        "rationale": make.RATIONALE,
        "read_digest": ChangeRequest.objects.get(pk=waiver.change_id).dossier_digest,
        **given,
    }
    return services.waiver_decide(
        waiver=waiver, password=make.PASSWORD, code=make.fresh_code(by), by=by, now=now, **decision
    )


def test_a_live_waiver_opens_its_gate_and_the_signature_accepts_the_risk(
    weak: ChangeRequest, release_cast: make.Cast, ada: User, head: User, now: datetime
) -> None:
    granted = grant(ask_waiver(weak, ada, now), head, now)
    assert granted.signature.meaning == "accept_risk"
    cast = release_cast
    with timezone.override(ZoneInfo("Pacific/Pago_Pago")):  # the day before goes on there
        preview = services.decision_preview(
            stage=weak.stages.get(key="risk"), verdict="approve", by=cast.risk_officer, now=now
        )
    assert preview.waivers == ("PERF-01 until 6 Dec 2026",)
    change = make.approve_by(
        weak, [cast.owner, cast.validator, cast.risk_officer, cast.change_manager], now=now
    )
    assert change.state == "approved"
    meanings = dict(change.decisions.filter(voided_at__isnull=True).values_list("stage__key", "meaning"))
    assert meanings == {
        "acceptance": "attest",
        "validation": "validate",
        "risk": "accept_risk",
        "change": "accept_risk",
    }
    assert change.decisions.get(stage__key="risk").signature.statement["waivers"] == [str(granted.pk)]


def test_the_signature_of_a_waiver_covers_dossier_gate_what_it_says_and_why(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    waiver = ask_waiver(weak, ada, now)
    read = weak.dossier_digest
    granted = grant(waiver, head, now)
    statement = granted.signature.statement
    assert statement["dossier"] == read
    assert (statement["gate"], statement["verdict"], statement["meaning"]) == (
        "PERF-01",
        "grant",
        "accept_risk",
    )
    assert statement["rationale"] == make.RATIONALE
    assert statement["says"] == ["AUC: 0.7, minimum 0.75"]
    assert granted.signature.digest == canonical.digest(statement)


def test_a_waiver_is_signed_over_what_its_gate_says_at_this_moment(
    weak: ChangeRequest, ada: User, vera: User, head: User, now: datetime
) -> None:
    waiver = ask_waiver(weak, ada, now, gate="VAL-02", days=5)
    validation = services.validation_open(version=weak.version, kind="periodic", by=vera, now=now)
    services.finding_raise(
        validation=validation, title="Leak", detail="The target leaks.", severity="critical", owner=ada,
        due_on=date(2026, 12, 1), by=vera, now=now,
    )  # fmt: skip
    assert not weak.gate_results.filter(gate="VAL-02", is_current=True, outcome="fail").exists()
    statement = grant(waiver, head, now).signature.statement
    assert "evaluated_at" not in statement
    assert statement["says"] == ["Critical validation findings that are open: 1."]


def test_a_waiver_after_review_says_when_its_gate_was_last_evaluated(
    filed: ChangeRequest, release_cast: make.Cast, ada: User, head: User, now: datetime
) -> None:
    cast = release_cast
    people = [cast.owner, cast.validator, cast.risk_officer, cast.change_manager]
    change = make.approve_by(filed, people, now=now)
    later = now + timedelta(hours=5)
    waiver = ask_waiver(change, ada, later)
    stored = change.gate_results.get(gate="PERF-01", is_current=True)
    preview = services.waiver_preview(waiver=waiver, grant=True, by=head, now=later)
    statement = grant(waiver, head, later).signature.statement
    assert preview.said.evaluated_at == stored.evaluated_at
    assert datetime.fromisoformat(statement["evaluated_at"]) == stored.evaluated_at


def test_declining_a_waiver_is_signed_as_a_review(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    declined = grant(ask_waiver(weak, ada, now), head, now, grant=False)
    assert (declined.state, declined.signature.meaning) == ("declined", "review")


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        pytest.param({"rationale": "ok"}, RuleViolation, "rationale", id="a waiver needs a reason as long as an approval"),
        pytest.param({"read_digest": "0" * 64}, DossierChanged, "dossier_changed", id="a waiver is signed over what was read"),
    ],
)  # fmt: skip
def test_a_waiver_is_as_binding_as_a_decision(
    weak: ChangeRequest,
    ada: User,
    head: User,
    given: dict[str, object],
    error: type[Exception],
    code: str,
    now: datetime,
) -> None:
    waiver = ask_waiver(weak, ada, now)
    with pytest.raises(error) as refusal:
        grant(waiver, head, now, **given)
    assert code in (codes(refusal) if error is RuleViolation else [refusal.value.code])
    waiver.refresh_from_db()
    assert (waiver.state, waiver.signature_id) == ("requested", None)


def test_a_waiver_of_a_draft_is_decided_once_the_draft_is_filed(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    waiver = ask_waiver(weak, ada, now)
    waiver.change.dossier_number = 0
    with pytest.raises(RuleViolation) as refusal:
        grant(waiver, head, now)
    assert codes(refusal) == ["not_filed"]


def test_a_waiver_ends_and_its_gate_stands_again(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    waiver = grant(ask_waiver(weak, ada, now, days=2), head, now)
    later = now + timedelta(days=3)
    assert services.waiver_end(waiver=waiver, now=later) is True
    weak.refresh_from_db()
    assert weak.gates_failed == 1


def test_only_the_authority_the_gate_names_waives(
    weak: ChangeRequest, ada: User, ines: User, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        grant(ask_waiver(weak, ada, now), ines, now)
    assert codes(refusal) == ["authority"]


def test_the_beneficiary_does_not_grant_the_waiver(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    weak.model.owner = head
    save_as(weak.model, by=None, now=now)
    with pytest.raises(RuleViolation) as refusal:
        grant(ask_waiver(weak, ada, now), head, now)
    assert codes(refusal) == ["beneficiary"]


@pytest.mark.parametrize(
    ("gate", "days", "code"),
    [
        pytest.param("ART-01", 5, "never_waived", id="the artifact digest is never waived"),
        pytest.param("SOD-01", 5, "never_waived", id="separation of duties is never waived"),
        pytest.param("PERF-01", 31, "too_long", id="a waiver is no longer than the tier allows"),
    ],
)
def test_waivers_have_bounds(
    weak: ChangeRequest, ada: User, gate: str, days: int, code: str, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        ask_waiver(weak, ada, now, gate=gate, days=days)
    assert code in codes(refusal)


def test_at_most_three_waivers_of_a_version_live_at_once(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    for gate in ("PERF-02", "FAIR-01", "DATA-03"):
        grant(ask_waiver(weak, ada, now, gate=gate, days=5), head, now)
    with pytest.raises(RuleViolation) as refusal:
        ask_waiver(weak, ada, now)
    assert codes(refusal) == ["too_many"]


def test_waivers_asked_for_while_none_was_live_are_granted_up_to_three(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    gates = ("PERF-02", "FAIR-01", "DATA-03", "PERF-01")
    *first, last = [ask_waiver(weak, ada, now, gate=gate, days=5) for gate in gates]
    for waiver in first:
        grant(waiver, head, now)
    with pytest.raises(RuleViolation) as refusal:
        grant(last, head, now)
    assert codes(refusal) == ["too_many"]
    last.refresh_from_db()
    preview = services.waiver_preview(waiver=last, grant=True, by=head, now=now)
    assert [blocker.code for blocker in preview.blockers] == ["too_many"]
    assert grant(last, head, now, grant=False).state == "declined"


def test_what_two_requests_ask_for_one_version_is_a_renewal_for_the_second_one(
    weak: ChangeRequest, retail: BusinessUnit, ada: User, head: User, ines: User, now: datetime
) -> None:
    elsewhere = make.production(retail, now=now, name="prod-us")
    described = [{"title": "Keep", "metrics": {"auc": 0.7}, "gates": "pass", "why_not": "Weaker."}]
    other = make.submitted(weak.version, elsewhere, by=ada, now=now, alternatives=described)
    first = ask_waiver(weak, ada, now, gate="MON-01", days=5)
    second = ask_waiver(other, ada, now, gate="MON-01", days=5)
    assert (second.authority, second.renewals) == (first.authority, 0) == ("risk_officer", 0)
    grant(first, ines, now)
    second.refresh_from_db()
    assert (second.authority, second.renewals) == ("head_of_model_risk", 1)
    with pytest.raises(RuleViolation) as refusal:
        grant(second, ines, now)
    assert codes(refusal) == ["authority"]
    assert grant(second, head, now).state == "granted"


def test_a_waiver_of_a_withdrawn_request_is_declined_at_most(
    weak: ChangeRequest, ada: User, head: User, now: datetime
) -> None:
    waiver = ask_waiver(weak, ada, now)
    services.change_withdraw(change=weak, reason="Filed again later.", by=ada, now=now)
    waiver.refresh_from_db()
    with pytest.raises(RuleViolation) as refused:
        grant(waiver, head, now)
    assert codes(refused) == ["closed"]
    assert grant(waiver, head, now, grant=False).state == "declined"


def test_a_waiver_waits_for_nobody_who_benefits_from_it(
    weak: ChangeRequest,
    ada: User,
    head: User,
    make_person: Callable[..., User],
    group: BusinessUnit,
    now: datetime,
) -> None:
    other = make_person("Olek Risk", "risk_officer", unit=group)
    weak.version.developer_ids = [other.pk]
    save_as(weak.version, by=None, now=now, reason="test", fields=["developer_ids"])
    Notification.objects.all().delete()
    ask_waiver(weak, ada, now)
    told = set(Notification.objects.values_list("person__name", flat=True))
    assert head.name in told
    assert other.name not in told
