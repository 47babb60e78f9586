"""Who stands behind a token, kept in process memory so that machine doors pay no statement for it.

A cached principal is good while the rights revision stands, which is asked at most every five seconds; a revoked
token, a deactivated person and a changed grant all raise the revision.
"""

import base64
import binascii
import copy
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import RevisionWatch, rights_of
from mlops_portal.foundation.people.services.tokens import secret_hash, token_find, token_touch

CACHE_MAX = 2_000
CACHE_SECONDS = 900.0  # a token's last use is noted when it is read again
HEADER_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Principal:
    """A machine identity whose rights are already cut down to its token's scopes."""

    user: User
    unit_id: int
    token_id: int
    token_label: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Cached:
    principal: Principal
    revision: int
    read_at: float


_watch = RevisionWatch()
_cache: dict[str, _Cached] = {}
_lock = threading.Lock()


def secret_in_header(header: str) -> str | None:
    """Return the secret of ``Bearer secret``, or of ``Basic`` where it is sent as the password."""
    scheme, _, rest = header[:HEADER_MAX].partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def principal_of(header: str, *, now: datetime) -> Principal | None:
    """Return who sends this Authorization header, or None when no live token is in it."""
    secret = secret_in_header(header)
    if secret is None:
        return None
    key = secret_hash(secret)
    revision = _watch.current()
    found = _cache.get(key)
    if found and found.revision == revision and time.monotonic() - found.read_at < CACHE_SECONDS:
        principal = found.principal
    else:
        principal = _read(key, secret, revision, now)
    if principal is None or now >= principal.expires_at:
        return None
    return _handed_out(principal)


def forget_principals() -> None:
    """Empty the cache and ask for the revision again; for tests and after a fork."""
    with _lock:
        _cache.clear()
    _watch.checked = 0.0


def _read(key: str, secret: str, revision: int, now: datetime) -> Principal | None:
    token = token_find(secret, now=now)
    if token is None:
        with _lock:
            _cache.pop(key, None)
        return None
    user = token.account.user
    user._rights = rights_of(user).limited_to(token.scopes)
    principal = Principal(user, token.account.unit_id, token.pk, token.label, token.expires_at)
    with _lock:
        if len(_cache) >= CACHE_MAX:
            _cache.clear()
        _cache[key] = _Cached(principal, revision, time.monotonic())
    token_touch(token, now=now)
    return principal


def _handed_out(principal: Principal) -> Principal:
    """Give each caller its own copy of the identity: services may hang state on it."""
    return Principal(
        copy.copy(principal.user),
        principal.unit_id,
        principal.token_id,
        principal.token_label,
        principal.expires_at,
    )
