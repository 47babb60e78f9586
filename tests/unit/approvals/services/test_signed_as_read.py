"""What is signed is what was read, though the records that it is about move while it is being signed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from approvals import services
from approvals.models import ChangeRequest, Signature
from approvals.services import conclusions, revocations
from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.services.grants import grant_revoke
from registry.models import MetricValue, RegisteredModel
from tests.factories import approvals as make

IN_THE_ACT = 3  # records are read for the page, before the proof, and again under the lock


def moving(module: Any, monkeypatch: pytest.MonkeyPatch, move: Callable[[], object]) -> None:
    """Let records move right after they were compared under the lock with what was read."""
    read, times = module.record_parts, iter(range(1, 99))

    def reading(subject: Any) -> Any:
        parts = read(subject)
        if next(times) == IN_THE_ACT:
            move()
        return parts

    monkeypatch.setattr(module, "record_parts", reading)


def test_a_metric_recorded_during_the_signature_is_neither_signed_nor_validated(
    model: RegisteredModel,
    release_cast: make.Cast,
    vera: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = make.complete_version(model, cast=release_cast, now=now, validated=False)
    validation = services.validation_open(version=version, kind="initial", by=vera, now=now)
    read = services.conclusion_preview(validation=validation, by=vera, now=now)
    measured = MetricValue.objects.get(version=version, segment="")
    measured.value = 0.11
    moving(conclusions, monkeypatch, lambda: save_as(measured, by=None, now=now))
    found = make.conclude(validation, by=vera, now=now, read_digest=read.digest)
    signed = found.signature.statement["parts"]
    assert {part.name: part.digest for part in read.recorded}.items() <= signed.items()
    assert found.baseline == {"auc": 0.82}


def test_a_version_that_starts_during_the_revocation_is_not_signed_as_read(
    filed: ChangeRequest, olga: User, vera: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.approve_by(filed, [olga, vera], now=now)
    decision = filed.decisions.get(signer=vera)
    read = services.revocation_preview(decision=decision, by=vera, now=now)
    moving(revocations, monkeypatch, lambda: make.serve(filed, now=now))
    make.revoke(decision, by=vera, now=now)
    signature = Signature.objects.filter(meaning="close", signer=vera).latest("pk")
    assert signature.statement["parts"] == {part.name: part.digest for part in read.recorded}


def test_who_may_not_see_the_request_any_more_revokes_nothing_of_it(
    filed: ChangeRequest, olga: User, vera: User, adam: User, now: datetime
) -> None:
    make.approve_by(filed, [olga, vera], now=now)
    decision = filed.decisions.get(signer=vera)
    for grant in vera.grants.filter(revoked_at__isnull=True):
        grant_revoke(grant=grant, reason="Left the unit.", by=adam, now=now)
    with pytest.raises(NotAllowed):
        make.revoke(decision, by=User.objects.get(pk=vera.pk), now=now)
