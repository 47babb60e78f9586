"""The demonstration: everything generated under var/, persona sign-in on, never for production."""

import secrets

from mlops_portal.settings.base import *  # noqa: F403  (settings are composed by star import)
from mlops_portal.settings.base import INSTALLED_APPS, PORTAL_MODE, STORAGES, VAR_DIR, env

if PORTAL_MODE != "demo":
    from django.core.exceptions import ImproperlyConfigured

    raise ImproperlyConfigured(
        "PORTAL_MODE=production needs DJANGO_SETTINGS_MODULE=mlops_portal.settings.prod"
    )


def _demo_secret() -> str:
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    path = VAR_DIR / "secret.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()


SECRET_KEY = env("SECRET_KEY") or _demo_secret()
INSTALLED_APPS = [*INSTALLED_APPS, "mlops_portal.demonstration"]
DEBUG = env("DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]
# Whoever tries things out signs several times in half a minute: the demonstration's authenticator then runs ahead.
MFA_TOTP_TOLERANCE = 4
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
# Compressing takes longer than a demonstration on one machine ever gains by it.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
