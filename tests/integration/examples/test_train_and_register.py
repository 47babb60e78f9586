"""The example runs as people run it: training, the real mlflow client, REST, and people who rate and decide."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest
from mlops_portal.foundation.people import credentials, principals
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create
from registry.models import Document, MetricValue, RegisteredModel
from registry.services import environment_create, rating_decide, rating_propose
from tests.mlflow_client import interpreter_with_mlflow, needs_mlflow

SCRIPT = Path(__file__).resolve().parents[3] / "examples" / "train_and_register.py"
SCOPES = [
    "registry.view", "registry.register", "registry.edit", "approvals.view", "approvals.request", "people.view",
]  # fmt: skip
PASSWORD = "correct horse battery staple"
LOW = {
    "financial_exposure": "negligible", "reach": "few", "business_purpose": "exploration", "regulated": "none",
    "method": "ensemble", "change_rate": "fixed", "data_known": "documented", "personal_data": "none",
    "human_in_loop": "decides", "acts": "answers_only", "affects_people": "nobody", "explainable": "roughly",
}  # fmt: skip


pytestmark = [pytest.mark.slow, needs_mlflow]


@pytest.fixture
def run(live_server, ada, make_person, group, retail):
    """Return a function that runs the example as the service account of Ada's pipeline."""
    principals.forget_principals()
    at = timezone.now()
    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    services.install_default_policy(by=None, second=paula, now=at)
    account = account_create(name="retail-ci", unit=retail, owner=ada, by=None, now=at)
    role_grant(user=account.user, role="developer", unit=retail, reason="test", by=None, now=at)
    made = token_create(account=account, label="ci", scopes=SCOPES, days=1, by=None, now=at)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))},
        "PORTAL_URL": live_server.url,
        "PORTAL_TOKEN": made.secret,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }

    def example(*arguments: str) -> subprocess.CompletedProcess:
        command = [interpreter_with_mlflow(), str(SCRIPT), "--minutes", "0", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return example


@pytest.mark.django_db(transaction=True)
def test_a_trained_model_is_registered_filed_and_approved(run, retail, ada, olga, vera, ines):
    at = timezone.now()
    environment_create(unit=retail, name="staging-eu", provider="aws", by=None, now=at)
    made = run("--data", "wine", "--owner", olga.email)
    assert made.returncode == 2, made.stderr + made.stdout
    assert "approved risk tier" in made.stdout
    told = json.loads(next(line for line in made.stdout.splitlines() if line.startswith("{")))
    model = RegisteredModel.objects.get(name="wine-cultivar")
    assert (told["model"], model.owner, model.unit) == (model.pk, olga, retail)
    version = model.versions.get(number=1)
    assert len(version.artifact_sha256) == 64
    assert version.developer_ids == [ada.pk]
    assert {row.segment for row in MetricValue.objects.filter(version=version)} == {
        "", "light wines", "strong wines",
    }  # fmt: skip
    kinds = set(Document.objects.filter(version=version).values_list("kind", flat=True))
    assert kinds == {"model_card", "data_sheet", "runbook"}

    rating = rating_propose(
        model=model,
        answers=LOW,
        eu_ai_class="minimal",
        eu_ai_class_rationale="A toy.",
        by=vera,
        now=timezone.now(),
    )
    rating_decide(rating=rating, approve=True, by=ines, now=timezone.now())
    change = ChangeRequest.objects.get(pk=told["change"])
    filed = run("--follow", change.code)
    assert filed.returncode == 2, filed.stderr + filed.stdout
    assert "Filed as CR-" in filed.stdout

    change.refresh_from_db()
    stage = change.stages.get(state="current")
    cache.clear()
    services.decision_sign(
        stage=stage,
        verdict="approve",
        rationale="A trial outside production on public data; nobody acts on the results.",
        read_digest=change.dossier_digest,
        password=PASSWORD,
        code=credentials.present_code(ines),
        by=ines,
        now=timezone.now(),
    )
    decided = run("--follow", change.code)
    assert decided.returncode == 0, decided.stderr + decided.stdout


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_told_in_the_portals_words(run):
    refused = run("--data", "wine", "--environment", "")
    assert refused.returncode == 3
    assert "no environment" in refused.stderr
