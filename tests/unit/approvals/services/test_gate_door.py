"""The gate door refuses a version whose lapse is overdue, and says which."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from approvals.models import ChangeRequest
from approvals.queries.gate_door import gate_answer
from approvals.services.lapses import lapse_open
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.history import save_as
from registry.models import Environment, ModelVersion
from tests.factories import approvals as make


def test_an_overdue_lapse_is_refused_with_its_reason_and_owner(
    filed: ChangeRequest,
    version: ModelVersion,
    prod: Environment,
    release_cast: make.Cast,
    now: datetime,
) -> None:
    due = now + timedelta(days=2)
    lapse = lapse_open(change=filed, key="waiver:1", text="The waiver of FAIR-02 ended.", due_at=due, now=now)

    def reasons(at: datetime) -> list[str]:
        return [one.code for one in gate_answer(version, prod, now=at).unmet]

    assert "lapse_overdue" not in reasons(due - timedelta(minutes=1))
    with timezone.override(ZoneInfo("Europe/Berlin")):
        answer = gate_answer(version, prod, now=due)
    overdue = next(one for one in answer.unmet if one.code == "lapse_overdue")
    assert not answer.is_allowed
    assert "is overdue since 19 Nov 2026 09:40 UTC: The waiver of FAIR-02 ended." in overdue.message
    assert overdue.owner == release_cast.owner.name
    other = make.complete_version(version.model, cast=release_cast, now=now, artifact="c")
    assert "lapse_overdue" not in [one.code for one in gate_answer(other, prod, now=due).unmet]
    lapse.closed_at, lapse.closed_by, lapse.outcome = due, release_cast.owner, "fixed"
    save_as(lapse, by=release_cast.owner, now=due, reason="Settled")
    assert "lapse_overdue" not in reasons(due)


def test_a_lapse_never_blocks_the_way_back(
    filed: ChangeRequest, version: ModelVersion, prod: Environment, now: datetime
) -> None:
    due = now + timedelta(days=2)
    lapse_open(change=filed, key="waiver:1", text="The waiver of FAIR-02 ended.", due_at=due, now=now)
    filed.kind = ChangeKind.ROLLBACK
    save_as(filed, by=None, now=now, reason="Turned into a rollback for this test", fields=["kind"])
    answer = gate_answer(version, prod, now=due)
    assert answer.change == filed
    assert "lapse_overdue" not in [one.code for one in answer.unmet]


def test_a_lapse_in_production_leaves_the_way_into_other_environments_open(
    filed: ChangeRequest, version: ModelVersion, prod: Environment, now: datetime
) -> None:
    due = now + timedelta(days=2)
    lapse_open(change=filed, key="waiver:1", text="The waiver of FAIR-02 ended.", due_at=due, now=now)
    staging = make.production(prod.unit, now=now, name="staging-eu")
    asked = make.draft(version, staging, by=filed.requester, now=now)
    asked.state = ChangeState.IN_REVIEW
    save_as(asked, by=None, now=now, reason="Filed", fields=["state"])

    def is_refused(place: Environment) -> bool:
        return "lapse_overdue" in [one.code for one in gate_answer(version, place, now=due).unmet]

    assert gate_answer(version, staging, now=due).change is not None
    assert (is_refused(prod), is_refused(staging)) == (True, False)
    filed.environment = None
    save_as(filed, by=None, now=now, reason="Names no environment in this test", fields=["environment"])
    assert is_refused(staging)
