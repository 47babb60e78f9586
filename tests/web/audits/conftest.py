"""A ledger with a key, and people who audit."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest
from audits import keys
from audits.checkpoints import Signer
from audits.services import sequencing
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.work.worker import run_pending
from tests.factories import approvals as make
from tests.kept import kept


@pytest.fixture
def signer(db: None, tmp_path: Path, settings) -> Signer:
    """Return the key of the ledger."""
    path = tmp_path / "ledger.key"
    keys.create_key_file(path)
    settings.PORTAL_LEDGER_KEY_FILE = str(path)
    return sequencing.signer_from_settings()


@pytest.fixture
def sequence(signer: Signer) -> Callable[[], int]:
    """Number everything, as the sequencer's process would."""

    def run() -> int:
        key = sequencing.key_admit(signer=signer, now=timezone.now())
        return sequencing.sequence_all(signer=signer, key=key)

    return run


@pytest.fixture
@kept
def rita(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Rita audits Retail Lending only."""
    return make_person("Rita Sand", "auditor", unit=retail)


@pytest.fixture
@kept
def release_cast(
    ada: User, olga: User, vera: User, ines: User, rolf: User, carl: User, omar: User
) -> make.Cast:
    """Return the people around the model."""
    return make.Cast(ada, olga, vera, ines, rolf, carl, omar)


@pytest.fixture
@kept
def released(
    make_person: Callable[..., User],
    group: BusinessUnit,
    retail: BusinessUnit,
    release_cast: make.Cast,
    now: datetime,
) -> ChangeRequest:
    """Return a request that was filed, approved by four people and executed."""
    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))
    model = make.complete_model(unit=retail, cast=release_cast, tier=1, now=now)
    version = make.complete_version(model, cast=release_cast, now=now)
    change = make.submitted(version, make.production(retail, now=now), by=release_cast.developer, now=now)
    people = [
        release_cast.owner,
        release_cast.validator,
        release_cast.risk_officer,
        release_cast.change_manager,
    ]
    change = make.approve_by(change, people, now=now + timedelta(hours=1))
    later = now + timedelta(hours=3)
    services.change_execute_now(change=change, by=release_cast.operator, now=later)
    run_pending(clock=lambda: later)
    change.refresh_from_db()
    return change


@pytest.fixture
def run_jobs(sequence: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that runs every queued job; what a job waits for gets its number at once."""

    def number_now(timeout: float) -> bool:
        sequence()
        return True

    monkeypatch.setattr("audits.tasks.sequence_now", number_now)

    def run() -> None:
        sequence()
        while run_pending(clock=timezone.now, limit=1):
            sequence()

    return run
