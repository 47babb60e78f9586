"""Several requests signed at once: all of them or none, locked in one order, and a refusal leaves its evidence."""

from collections.abc import Callable
from datetime import datetime

import pytest

from approvals.models import ChangeRequest, Decision
from approvals.services import DossierChanged, together
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit
from registry.models import Environment, MetricValue
from tests.factories import approvals as make

Sign = Callable[[], list[Decision]]


@pytest.fixture
def changes(
    in_force: object, retail: BusinessUnit, prod: Environment, release_cast: make.Cast, now: datetime
) -> list[ChangeRequest]:
    """Return two requests of tier 4 that wait for the risk officer; the model of the first is the younger one."""
    cast = release_cast
    models = [
        make.complete_model(unit=retail, cast=cast, tier=4, now=now, name=name) for name in ("Notes", "Offer")
    ]
    found = []
    for model, letter in zip(reversed(models), "ab", strict=True):
        version = make.complete_version(model, cast=cast, now=now, artifact=letter)
        change = make.submitted(version, prod, by=cast.developer, now=now)
        make.decide(change, cast.owner, now=now)
        change.refresh_from_db()
        found.append(change)
    return found


@pytest.fixture
def sign(changes: list[ChangeRequest], release_cast: make.Cast, now: datetime) -> Sign:
    """Return a function that signs both as the risk officer, over what was filed."""
    officer = release_cast.risk_officer
    stages = [(change.stages.get(state="current"), change.dossier_digest) for change in changes]
    return lambda: together.decisions_sign_together(
        stages=stages, rationale=make.RATIONALE, password=make.PASSWORD, code=make.fresh_code(officer), by=officer, now=now
    )  # fmt: skip


def test_content_that_changed_is_refused_with_evidence_and_nothing_is_signed(
    changes: list[ChangeRequest], sign: Sign, release_cast: make.Cast, now: datetime
) -> None:
    moved = changes[1]
    metric = MetricValue.objects.get(version=moved.version, segment="", name="auc")
    metric.value = 0.9
    save_as(metric, by=None, now=now)
    with pytest.raises(DossierChanged, match=f"{moved.code}: Changed since filing") as refusal:
        sign()
    evidence = refusal.value.evidence
    assert evidence is not None
    assert (evidence.verb, evidence.data["reasons"]) == ("approvals.decision_refused", ["dossier_changed"])
    assert evidence.subject_id == str(moved.pk)
    assert not Decision.objects.filter(signer=release_cast.risk_officer).exists()
    moved.refresh_from_db()
    assert moved.dossier_number == 2
    assert not moved.decisions.filter(voided_at__isnull=True).exists(), "the owner accepted other content"


def test_every_model_and_request_is_locked_before_the_first_is_written(
    changes: list[ChangeRequest], sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    lock, write = together.lock_changes, together.decision_write

    def locks(rows: object) -> object:
        locked = lock(rows)
        done.append({change.pk for change in locked})
        return locked

    def writes(**given: object) -> object:
        done.append(given["change"].pk)
        return write(**given)

    monkeypatch.setattr(together, "lock_changes", locks)
    monkeypatch.setattr(together, "decision_write", writes)
    assert len(sign()) == 2
    first, second = sorted(change.pk for change in changes)
    assert done == [{first, second}, first, second]
