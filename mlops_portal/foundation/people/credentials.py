"""Proving identity at signing: password and authenticator code, throttled, each code used once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.people.models import User

MAX_FAILURES = 5
LOCK_SECONDS = 900

IdentityCheck = Callable[[User, str, str], None]
_past: ContextVar[IdentityCheck | None] = ContextVar("identity_check_of_the_past", default=None)


@contextmanager
def checked_by(check: IdentityCheck) -> Iterator[None]:
    """Let ``check(person, password, code)`` judge codes of the past while the demonstration plays it.

    Raises:
        ImproperlyConfigured: in production, where only the clock on the wall counts.
    """
    if settings.PORTAL_MODE == "production":
        raise ImproperlyConfigured("In production identity is proved now, never in the past")
    token = _past.set(check)
    try:
        yield
    finally:
        _past.reset(token)


def _authenticator(user: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()


def has_authenticator(user: User) -> bool:
    """Tell whether this person set up an authenticator, without which nobody signs."""
    return _authenticator(user) is not None


def enrol(user: User, secret: str | None = None) -> str:
    """Set up an authenticator and return its secret (base 32)."""
    secret = secret or totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    return secret


def present_code(user: User) -> str:
    """Return a code that serves now: of this half minute, or of the next one when this one was used already.

    For the demonstration's authenticator only, whose clock runs ahead so that nobody waits to sign twice.
    """
    authenticator = _authenticator(user)
    if authenticator is None:
        return ""
    counters = list(totp.yield_hotp_counters_from_time())
    present, *ahead = counters[len(counters) // 2 :]
    codes = [_code(authenticator, counter) for counter in (present, *ahead)]
    return next((code for code in codes if not _is_used(authenticator, code)), codes[0])


def _is_used(authenticator: Authenticator, code: str) -> bool:
    return bool(cache.get(totp.TOTP(authenticator)._get_used_cache_key(code)))


def code_at(user: User, moment: datetime) -> str:
    """Return the code the person's authenticator showed at ``moment``. For the demonstration only."""
    authenticator = _authenticator(user)
    return _code(authenticator, int(moment.timestamp()) // mfa_settings.TOTP_PERIOD) if authenticator else ""


def _code(authenticator: Authenticator, counter: int) -> str:
    secret = totp.decrypt(authenticator.data["secret"])
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def _failure_key(user: User) -> str:
    return f"signing-failures:{user.pk}"


def failures(user: User) -> int:
    """Failed attempts within the last quarter of an hour."""
    return cache.get(_failure_key(user), 0)


def _count_failure(user: User) -> None:
    key = _failure_key(user)
    cache.add(key, 0, timeout=LOCK_SECONDS)
    try:
        cache.incr(key)
    except ValueError:  # it expired between the two calls
        cache.set(key, 1, timeout=LOCK_SECONDS)


def check_password_and_code(user: User, *, password: str, code: str) -> None:
    """Prove that ``user`` is present with two components.

    Raises:
        Invalid: naming the field; also after five failures, for a quarter of an hour.
    """
    past = _past.get()
    if past is not None and settings.PORTAL_MODE != "production":
        past(user, password, code)
        return
    if failures(user) >= MAX_FAILURES:
        raise Invalid([FieldError("password", "Too many failed attempts. Try again in 15 minutes.")])
    digits = code.replace(" ", "")
    if len(digits) != 6 or not digits.isdecimal():
        raise Invalid([FieldError("code", f"The code has 6 digits. You entered {len(digits)}.")])
    authenticator = _authenticator(user)
    if authenticator is None:
        raise Invalid([FieldError("code", "You have no authenticator yet. Set one up in your profile.")])
    if not user.check_password(password):
        _count_failure(user)
        raise Invalid([FieldError("password", "The password is not right. Nothing was signed.")])
    if not totp.TOTP(authenticator).validate_code(digits):
        _count_failure(user)
        raise Invalid(
            [FieldError("code", "The code is not right, or was used already. Wait for the next one.")]
        )
    cache.delete(_failure_key(user))
