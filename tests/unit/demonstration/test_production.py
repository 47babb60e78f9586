"""In production there is no demonstration: no app, no address, no way to judge codes of the past."""

import os
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from mlops_portal.demonstration.apps import DemonstrationConfig
from mlops_portal.foundation.people import credentials

PROBE = """
import django
django.setup()
from django.apps import apps
from django.test import Client
from django.urls import NoReverseMatch, reverse
from mlops_portal.foundation.web import signin, signing_aids
assert not apps.is_installed("mlops_portal.demonstration")
assert signin.templates() == [] and signing_aids.templates() == []
try:
    reverse("demonstration:become", args=["ines"])
except NoReverseMatch:
    pass
else:
    raise SystemExit("the address exists")
from django.urls import resolve, Resolver404
try:
    resolve("/demonstration/sign-in/ines/")
except Resolver404:
    print("absent")
"""


def production_environment() -> dict[str, str]:
    """Return what production settings ask for."""
    return {
        **os.environ,
        "PORTAL_SECRETS_KEYS": Fernet.generate_key().decode(),
        "DJANGO_SETTINGS_MODULE": "mlops_portal.settings.prod",
        "PORTAL_MODE": "production",
        "SECRET_KEY": "x" * 60,
        "ALLOWED_HOSTS": "portal.example",
        "PORTAL_BASE_URL": "https://portal.example",
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/none",
        "PORTAL_LEDGER_KEY_FILE": "/nonexistent",
        "PYTHONPATH": str(settings.BASE_DIR),
    }


def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env={**production_environment(), **more},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_production_has_no_demonstration():
    answer = run("-c", PROBE)
    assert answer.stdout.strip() == "absent", answer.stderr


def test_production_does_not_know_the_command():
    answer = run("manage.py", "demo")
    assert answer.returncode
    assert "Unknown command" in answer.stderr


@pytest.mark.parametrize("place", ["file:folder", "file:/folder", "s3:bucket", "/folder"])
def test_a_place_for_files_that_nothing_reads_is_named_at_the_start(place):
    answer = run("-c", PROBE, PORTAL_FILES=place)
    assert f"PORTAL_FILES is db: or file:///folder, not {place}" in answer.stderr


def test_the_app_refuses_to_start_in_production(settings):
    settings.PORTAL_MODE = "production"
    app = DemonstrationConfig.create("mlops_portal.demonstration")
    with pytest.raises(ImproperlyConfigured, match="never installed in production"):
        app.ready()


def test_identity_is_never_proved_in_the_past_in_production(settings):
    settings.PORTAL_MODE = "production"
    with (
        pytest.raises(ImproperlyConfigured, match="proved now"),
        credentials.checked_by(lambda person, password, code: None),
    ):
        pass
