"""Production: refuses to start with a missing or unsafe setting, and names it."""

from ipaddress import ip_network

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from mlops_portal.settings.base import *  # noqa: F403  (settings are composed by star import)
from mlops_portal.settings.base import (
    PORTAL_SECRETS_KEYS,
    PORTAL_TRUSTED_PROXIES,
    database,
    env,
    mail,
    require,
)

PORTAL_MODE = "production"
DEBUG = False
SECRET_KEY = require("SECRET_KEY", "it signs sessions; use at least 50 random characters")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is too short: use at least 50 random characters")
ALLOWED_HOSTS = [host.strip() for host in require("ALLOWED_HOSTS", "the names people reach it by").split(",")]
if "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name hosts, not *")
PORTAL_BASE_URL = require("PORTAL_BASE_URL", "the address written into notices, with https://")
if not PORTAL_BASE_URL.startswith("https://"):
    raise ImproperlyConfigured("PORTAL_BASE_URL must begin with https://")
DATABASES = {"default": database(require("DATABASE_URL", "postgres://user:password@host/name"))}
if "postgresql" not in DATABASES["default"]["ENGINE"]:
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database in production")
PORTAL_LEDGER_KEY_FILE = require("PORTAL_LEDGER_KEY_FILE", "the sequencer signs checkpoints with it")
PORTAL_CLOCK_TOLERANCE_SECONDS = 5
require("PORTAL_SECRETS_KEYS", "it seals authenticator secrets; 32 random bytes in URL-safe base64")
for key in PORTAL_SECRETS_KEYS:
    try:
        Fernet(key)
    except ValueError as error:
        raise ImproperlyConfigured(
            "PORTAL_SECRETS_KEYS must hold Fernet keys: 32 bytes, URL-safe base64"
        ) from error
if env("EMAIL_URL"):
    globals().update(mail(env("EMAIL_URL")))
    DEFAULT_FROM_EMAIL = require("EMAIL_FROM", "the address the portal writes from")
else:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

if not PORTAL_TRUSTED_PROXIES:
    PORTAL_TRUSTED_PROXIES = ["127.0.0.1", "::1"]
for network in PORTAL_TRUSTED_PROXIES:
    try:
        trusted = ip_network(network)
    except ValueError as error:
        raise ImproperlyConfigured(f"PORTAL_TRUSTED_PROXIES: {error}") from error
    if trusted.prefixlen == 0:
        raise ImproperlyConfigured("PORTAL_TRUSTED_PROXIES must name the proxies, not everybody")

CSRF_TRUSTED_ORIGINS = [PORTAL_BASE_URL]
# Believed from a trusted proxy only: the first middleware drops it from everybody else.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
