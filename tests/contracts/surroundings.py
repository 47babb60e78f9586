"""What the access matrix asks about beside the records of the registry and of approvals: jobs, grants, accounts, entries."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from audits import keys
from audits.exports.scopes import Scope, What
from audits.models import LedgerEntry
from audits.services import exports, sequencing
from kpis.services.targets import target_propose
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files import uploads
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, RoleGrant, User
from mlops_portal.foundation.people.services.access import access_ask
from mlops_portal.foundation.people.services.tokens import account_create, token_create
from mlops_portal.foundation.web.notifications import notify
from mlops_portal.foundation.web.saved_views import view_save
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.worker import run_pending
from registry.models import Deployment

Arguments = dict[str, dict[str, Any]]


def number(folder: Path, settings: Any) -> None:
    """Number and sign every entry, as the sequencer's process would."""
    path = folder / "ledger.key"
    keys.create_key_file(path)
    settings.PORTAL_LEDGER_KEY_FILE = str(path)
    signer = sequencing.signer_from_settings()
    sequencing.sequence_all(signer=signer, key=sequencing.key_admit(signer=signer, now=timezone.now()))


def governed(world: Arguments, unit: BusinessUnit, *, make_person: Any, now: Any) -> Arguments:
    """Return grants, accounts, targets, entries and a deployment that a request caused, all of ``unit``."""
    mona = make_person("Mona Keller", "manager", unit=unit)
    adam = make_person("Adam Fischer", "administrator", unit=unit)
    nils = make_person("Nils Held", "viewer", unit=unit)
    account = account_create(name="retail-ci", unit=unit, owner=mona, by=None, now=now)
    token = token_create(
        account=account, label="ci", scopes=["registry.view"], days=9, by=None, now=now
    ).token
    target = target_propose(
        kpi="lead_time", unit=unit, tier=None, value=20.0, green_limit=20.0, amber_limit=30.0,
        valid_from=(now + timedelta(days=30)).date(), reason="What the board asked for.", by=mona, now=now,
    )  # fmt: skip
    asked = access_ask(right="registry.edit", unit=unit, reason="To keep the record.", by=nils, now=now)
    deployment = Deployment.objects.get(pk=world["deployment"]["pk"])
    deployment.change_id = world["change"]["pk"]
    save_as(deployment, by=None, now=now, reason="caused by the request")
    assert adam.pk
    return {
        "person": {"pk": nils.pk},
        "grant": {"pk": RoleGrant.objects.get(user=nils).pk},
        "unit-by-id": {"pk": unit.pk},
        "account": {"pk": account.pk},
        "token": {"pk": token.pk},
        "target": {"pk": target.pk},
        "access-request": {"pk": asked.pk},
        "deployment-of-change": {"pk": deployment.pk},
        "entry": {"pk": LedgerEntry.objects.filter(unit_id=unit.pk).latest("id").pk},
    }


def personal(owner: User, unit: BusinessUnit) -> Arguments:
    """Return what belongs to ``owner`` alone: an export, its job, a notice, a saved view, an upload on its way."""
    now = timezone.now()
    export = exports.export_start(
        scope=Scope(What.INVENTORY, "csv", unit_id=unit.pk, at=(now - timedelta(hours=1)).isoformat()),
        by=owner, now=now,
    )  # fmt: skip
    run_pending(clock=timezone.now)
    export = Job.objects.get(pk=export.pk)
    assert export.state == "succeeded", export.error
    view = view_save(by=owner, page="registry:model-list", name="Mine", query="tier=1", now=now)
    (notice,) = notify(people=[owner], subject="Yours", text="Read it.", now=now)
    stored = files.store(b"Name\nchurn\n", name="mine.csv", by=owner, now=now)
    sent = uploads.token(stored, name="mine.csv", by=owner)
    return {
        "job": {"pk": export.pk},
        "notice": {"pk": notice.pk},
        "export": {"pk": export.pk},
        "view": {"pk": view.pk},
        "upload": {"pk": stored.pk, "?": f"unit={unit.pk}&mapping=suggest&upload={sent}"},
    }
