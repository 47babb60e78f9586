"""What the ledger tells operators: its process, its readiness, its figures."""

from datetime import datetime
from pathlib import Path

from django.conf import settings

from audits import keys, triggers
from audits.models import LedgerPending
from mlops_portal.foundation import readiness
from mlops_portal.foundation.web import metrics
from mlops_portal.foundation.work import processes


def declare() -> None:
    """Register them; called once when the app is ready."""
    processes.register("sequencer", "sequencer", prepare_demonstration=make_demonstration_key)
    readiness.register("sequencer", readiness.process_check("sequencer"))
    readiness.register("ledger triggers", triggers_check)
    metrics.register_gauge("portal_ledger_pending", "Entries that have no number yet", pending)


def make_demonstration_key() -> None:
    """Make the key that an operator provides in production; an existing one stays, and one that is to replace it."""
    path = Path(settings.PORTAL_LEDGER_KEY_FILE)
    if not path.exists() and not keys.replacement_of(path).exists():
        keys.create_key_file(path)


def triggers_check(now: datetime) -> str:
    """Whether every trigger that keeps the ledger append-only is there and as it was made."""
    return "; ".join(triggers.problems())


def pending(now: datetime) -> float:
    """Count the entries that wait for their number."""
    return LedgerPending.objects.count()
