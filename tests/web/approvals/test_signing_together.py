"""Signing together: each request shows its parts and what changed since the signer last read it (RULES 4.1, 4.9)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest, Decision
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.web.marks import short_hash
from registry.models import Environment, MetricValue
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
ADDRESS = "/approvals/together/"


@pytest.fixture
def change(
    in_force: object, retail: BusinessUnit, prod: Environment, release_cast: make.Cast, now: datetime
) -> ChangeRequest:
    """Return a request of tier 4 that waits for the risk officer, who noted reading its first revision."""
    cast = release_cast
    model = make.complete_model(unit=retail, cast=cast, tier=4, now=now, name="Notes")
    version = make.complete_version(model, cast=cast, now=now)
    filed = make.submitted(version, prod, by=cast.developer, now=now)
    make.decide(filed, cast.owner, now=now)
    filed.refresh_from_db()
    return filed


def move(change: ChangeRequest, cast: make.Cast, at: datetime) -> None:
    """File other evidence as the next revision."""
    metric = MetricValue.objects.get(version=change.version, segment="", name="auc")
    metric.value = 0.9
    save_as(metric, by=None, now=at)
    services.change_refresh(change=change, by=None, now=at)
    change.refresh_from_db()
    make.decide(change, cast.owner, now=at)
    change.refresh_from_db()


def test_each_request_lists_its_parts_with_digests(
    change: ChangeRequest, release_cast: make.Cast, as_person: SignIn
) -> None:
    page = as_person(release_cast.risk_officer).get(ADDRESS, {"change": change.pk}).content.decode()
    part = page[page.index(f'id="parts-{change.pk}"') :].split("</details>")[0]
    filed = change.dossiers.get(number=change.dossier_number)
    assert [one for one in map(short_hash, filed.parts.values()) if one not in part] == []
    assert "you have not noted reading it before" in part
    assert change.dossier_digest in part


def test_what_changed_since_the_signer_last_read_it_is_named(
    change: ChangeRequest, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    officer = release_cast.risk_officer
    services.dossier_read(change=change, by=officer, now=now)
    client = as_person(officer)
    page = client.get(ADDRESS, {"change": change.pk}).content.decode()
    assert "none changed since you last read it" in page
    move(change, release_cast, now + timedelta(minutes=5))
    part = client.get(ADDRESS, {"change": change.pk}).content.decode()
    part = part[part.index(f'id="parts-{change.pk}"') :].split("</details>")[0]
    assert " open>" in part
    assert "<b>changed" in part
    assert "changed since you last read it" in part


def test_nothing_is_signed_before_the_signer_says_that_they_read_it(
    change: ChangeRequest, release_cast: make.Cast, as_person: SignIn
) -> None:
    officer = release_cast.risk_officer
    answer = as_person(officer).post(
        ADDRESS,
        {
            "change": change.pk, f"read-{change.pk}": change.dossier_digest, "rationale": make.RATIONALE,
            "password": make.PASSWORD, "code": make.fresh_code(officer),
        },
    )  # fmt: skip
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Say that you have read what you sign." in page
    assert make.RATIONALE in page
    assert not Decision.objects.filter(signer=officer).exists()
