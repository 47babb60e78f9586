"""The unchanged mlflow client registers a real model: tracking on a local SQLite file, the portal as registry."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from audits.models import LedgerEntry
from mlops_portal.foundation.people import principals
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create
from registry.models import ModelVersion, RecordTask
from tests.mlflow_client import interpreter_with_mlflow, needs_mlflow

SCRIPT = Path(__file__).with_name("register_with_client.py")
SCOPES = ["registry.view", "registry.register", "registry.edit", "registry.set_alias"]


@needs_mlflow
@pytest.mark.slow
def test_a_real_model_is_registered_labelled_loaded_and_copied(live_server, ada, retail):
    principals.forget_principals()
    at = timezone.now()
    account = account_create(name="screening-ci", unit=retail, owner=ada, by=None, now=at)
    role_grant(user=account.user, role="developer", unit=retail, reason="test", by=None, now=at)
    made = token_create(account=account, label="ci", scopes=SCOPES, days=1, by=None, now=at)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))},
        "MLFLOW_TRACKING_TOKEN": made.secret,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }
    done = subprocess.run(
        [interpreter_with_mlflow(), str(SCRIPT), live_server.url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))

    assert result["versions"] == [1, 2]
    assert result["same_predictions"]
    assert result["copied_from"] == "models:/breast-cancer-screening/2"
    assert result["refused"] == "RESOURCE_DOES_NOT_EXIST: Registered Model with name=nothing not found"
    version = ModelVersion.objects.select_related("model__unit").get(
        model__name="breast-cancer-screening", number=1
    )
    assert (version.model.unit, version.registered_by) == (retail, account.user)
    assert (version.external_model_id, version.source) == (result["model_id"], result["source"])
    assert RecordTask.objects.filter(model=version.model, closed_at__isnull=True).exists()
    entries = LedgerEntry.objects.filter(actor_id=str(account.user_id), model_id=version.model_id)
    assert {"registry.model_registered", "registry.version_registered", "registry.alias_set"} <= set(
        entries.values_list("verb", flat=True)
    )
