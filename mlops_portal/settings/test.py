"""Tests: an in-memory SQLite database, or what DATABASE_URL names; nothing slow, nothing cached."""

from mlops_portal.settings.base import *  # noqa: F403  (settings are composed by star import)
from mlops_portal.settings.base import INSTALLED_APPS, database, env

SECRET_KEY = "test-only"  # noqa: S105  (not a secret)
DEBUG = False
ALLOWED_HOSTS = ["*"]
PORTAL_MODE = "demo"
INSTALLED_APPS = [*INSTALLED_APPS, "mlops_portal.demonstration"]
DATABASES = {"default": database(env("DATABASE_URL", "sqlite://:memory:"))}
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}  # for each worker of xdist, too
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
WHITENOISE_AUTOREFRESH = True
