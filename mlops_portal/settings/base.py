"""What every mode shares. Modes add to it: `dev` (demonstration), `test`, `prod`."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(os.environ.get("PORTAL_VAR", BASE_DIR / "var"))


def env(name: str, default: str = "") -> str:
    """Read one variable, stripped."""
    return os.environ.get(name, default).strip()


PORTAL_MODE = env("PORTAL_MODE", "demo")
PORTAL_ORGANISATION = env("PORTAL_ORGANISATION", "Aldermoor Group")
PORTAL_BASE_URL = env("PORTAL_BASE_URL", "http://127.0.0.1:" + env("PORT", "8000"))
PORTAL_TIME_ZONE = env("PORTAL_TIME_ZONE", "Europe/Berlin")
PORTAL_FILES = env("PORTAL_FILES", "db:")
if PORTAL_FILES != "db:" and not PORTAL_FILES.startswith("file:///"):
    raise ImproperlyConfigured(f"PORTAL_FILES is db: or file:///folder, not {PORTAL_FILES}")
PORTAL_LEDGER_KEY_FILE = env("PORTAL_LEDGER_KEY_FILE", str(VAR_DIR / "ledger.key"))
PORTAL_LEDGER_ORIGIN = env("PORTAL_LEDGER_ORIGIN", "mlops-portal.local/ledger")
PORTAL_METRICS_TOKEN = env(
    "PORTAL_METRICS_TOKEN"
)  # without it /metrics answers this machine, in production nobody
# Networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; prod trusts this machine's.
PORTAL_TRUSTED_PROXIES = [
    network.strip() for network in env("PORTAL_TRUSTED_PROXIES").split(",") if network.strip()
]
PORTAL_WEB_THREADS = int(env("PORTAL_WEB_THREADS", "8"))  # of each web process; `manage.py up` sets it
PORTAL_SECRETS_KEYS = [key for key in env("PORTAL_SECRETS_KEYS").split(",") if key]
PORTAL_CLOCK_TOLERANCE_SECONDS: float | None = None  # prod sets 5: a `now` further off is refused

INSTALLED_APPS = [
    "mlops_portal.foundation",
    "registry",
    "approvals",
    "audits",
    "kpis",
    "integrations",
    "mlops_portal.reference",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "guardian",
    "simple_history",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks",
    "django_tasks_db",
    "csp",
]

MIDDLEWARE = [
    "mlops_portal.foundation.web.client_address.ClientAddressMiddleware",
    "mlops_portal.foundation.web.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "mlops_portal.foundation.web.machine_doors.MachineDoorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "mlops_portal.foundation.web.middleware.PermissionsPolicyMiddleware",
    "mlops_portal.foundation.web.middleware.PrivateAnswersMiddleware",
    "mlops_portal.foundation.web.middleware.TimeZoneMiddleware",
    "mlops_portal.foundation.web.middleware.DomainErrorMiddleware",
]

# Doors whose callers send a token each time; they pass the pages' middleware by.
PORTAL_MACHINE_DOORS = ("/api/2.0/mlflow/",)

ROOT_URLCONF = "mlops_portal.urls"
WSGI_APPLICATION = "mlops_portal.wsgi.application"
AUTH_USER_MODEL = "foundation.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django.templatetags.static",
                "template_partials.templatetags.partials",
                "mlops_portal.foundation.templatetags.portal",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mlops_portal.foundation.web.context.portal",
            ],
        },
    }
]


def database(url: str) -> dict:
    """Turn DATABASE_URL into Django's settings for the engine it names."""
    parsed: dict = dict(dj_database_url.parse(url))
    if "sqlite" in parsed["ENGINE"]:
        parsed["ENGINE"] = "mlops_portal.foundation.db_backends.sqlite3"
        parsed["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    else:
        parsed["CONN_MAX_AGE"] = 600
        parsed["CONN_HEALTH_CHECKS"] = True
        # A page must answer or fail soon; a worker, a migration or a verification may take its time.
        limits = "-c lock_timeout=30000 -c idle_in_transaction_session_timeout=600000"
        if env("PORTAL_PROCESS") == "web":
            # Compiling a statement (jit) takes longer than any page's statement runs.
            limits = (
                "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000 "
                "-c jit=off"
            )
        parsed["OPTIONS"] = {**parsed.get("OPTIONS", {}), "options": env("PORTAL_PG_OPTIONS", limits)}
    return parsed


DATABASES = {"default": database(env("DATABASE_URL", f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"))}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        # Failed attempts and used codes are kept here: a full cache drops live rows, whoever filled it.
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    },
}

TASKS = {
    "default": {"BACKEND": "django_tasks_db.backend.DatabaseBackend", "QUEUES": []},
}

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody signs up, so there is nothing to invite a stranger to
ACCOUNT_FORMS = {
    "login": "mlops_portal.foundation.people.signin_form.SignIn",
    "reset_password_from_key": "mlops_portal.foundation.people.signin_form.NewPassword",
}
ACCOUNT_ADAPTER = "mlops_portal.foundation.people.accounts.ClosedAccounts"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ADAPTER = "mlops_portal.foundation.people.accounts.SealedAuthenticators"
MFA_TOTP_ISSUER = "MLOps Portal"
MFA_TOTP_TOLERANCE = 1  # the code before still counts: people read, type, and wait for the page
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
SIMPLE_HISTORY_HISTORY_ID_USE_UUID = False

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "mlops_portal.foundation.web.assets.PackageAssetFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# The hash of the empty string lets Plotly create its own empty <style> and fill it through the CSSOM.
EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, EMPTY_STYLE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "mlops_portal.foundation.web.error_views.csrf_failure"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mlops_portal.foundation.api.authentication.TokenAuthentication",
        "mlops_portal.foundation.api.authentication.PageSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "mlops_portal.foundation.api.parsers.JsonParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "mlops_portal.foundation.api.pagination.KeysetPagination",
    "EXCEPTION_HANDLER": "mlops_portal.foundation.api.problems.exception_handler",
    "DEFAULT_FILTER_BACKENDS": ["mlops_portal.foundation.api.filtering.StrictFilterBackend"],
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MLOps Portal API",
    "DESCRIPTION": "Governance of AI model deployment: inventory, evidence, change requests, decisions.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ModelKind": "registry.states.ModelKind",
        "InventoryKind": "registry.api.models.KINDS",
        "DocumentKind": "registry.states.DocumentKind",
        "DeploymentKind": "registry.states.DeploymentKind",
        "TaskKind": "registry.states.TaskKind",
        "ChangeKind": "approvals.states.ChangeKind",
        "ValidationKind": "approvals.models.Validation.Kind",
        "LifecycleState": "registry.states.LifecycleState",
        "DeploymentState": "registry.states.DeploymentState",
        "ReviewState": "registry.states.ReviewState",
        "UseState": "registry.states.UseState",
        "ImportState": "registry.states.ImportState",
        "ChangeState": "approvals.states.ChangeState",
        "StageState": "approvals.models.Stage.State",
        "ValidationState": "approvals.models.Validation.State",
        "ChallengeState": "approvals.models.Challenge.State",
        "ExecutionState": "approvals.models.Execution.State",
        "StepState": "approvals.models.ExecutionStep.State",
        "PolicyState": "approvals.models.PolicyRevision.State",
        "SectionStatus": "registry.states.SectionStatus",
        "RegistryStatus": "registry.states.RegistryStatus",
        "Grade": "registry.states.Grade",
        "Governance": "registry.states.Governance",
        "Tier": "registry.states.Tier",
        "EuAiClass": "registry.states.EuAiClass",
        "GateResult": "approvals.models.GateResult.Outcome",
        "ValidationOutcome": "approvals.models.Validation.Outcome",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mlops_portal.foundation.api.schema.tell_problems",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("PORTAL_LOG_LEVEL", "WARNING")},
}


def require(name: str, why: str) -> str:
    """Return a variable that production cannot do without, or refuse to start and name it."""
    value = env(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is missing: {why}")
    return value


def mail(url: str) -> dict[str, object]:
    """Turn EMAIL_URL (smtp:// or smtps://user:password@host:port) into Django's settings."""
    parsed = urlsplit(url)
    if parsed.scheme not in ("smtp", "smtps") or not parsed.hostname:
        raise ImproperlyConfigured("EMAIL_URL must look like smtps://user:password@host:465")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parsed.hostname,
        "EMAIL_PORT": parsed.port or (465 if parsed.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parsed.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parsed.password or ""),
        "EMAIL_USE_SSL": parsed.scheme == "smtps",
        "EMAIL_USE_TLS": parsed.scheme == "smtp" and bool(parsed.username),
    }


SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # guardian only stores rows; rights are asked through foundation.people.rights
]
