"""A ledger with a key, and a sequencer that runs when a test says so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from audits import keys
from audits.checkpoints import Signer
from audits.models import SigningKey
from audits.services import sequencing


@pytest.fixture
def key_file(tmp_path: Path, settings) -> Path:
    path = tmp_path / "ledger.key"
    keys.create_key_file(path)
    settings.PORTAL_LEDGER_KEY_FILE = str(path)
    return path


@pytest.fixture
def signer(key_file: Path) -> Signer:
    return sequencing.signer_from_settings()


@pytest.fixture
def signing_key(db, signer: Signer) -> SigningKey:
    return sequencing.key_admit(signer=signer, now=timezone.now())


@pytest.fixture
def sequence(signer: Signer, signing_key: SigningKey) -> Callable[[], int]:
    """Number everything, as the sequencer's process would."""
    return lambda: sequencing.sequence_all(signer=signer, key=signing_key)
