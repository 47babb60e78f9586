"""Who stands behind a machine's request: token → identity and rights, cached in the process for a few seconds."""

import base64
import binascii
import time
from dataclasses import dataclass
from datetime import datetime

from mlops_portal.foundation.people.models import ApiToken, User
from mlops_portal.foundation.people.rights import RevisionWatch, Rights, rights_of
from mlops_portal.foundation.people.services.tokens import secret_hash, token_find, token_touch

CACHE_SECONDS = 5.0
CACHE_SIZE = 2048


@dataclass(frozen=True, slots=True)
class Principal:
    """A service account with the rights its token is limited to. ``unit_id`` is where its records go."""

    user: User
    token: ApiToken
    rights: Rights
    unit_id: int
    owner_id: int  # the person who counts for separation of duties (RULES 1.7)


_cache: dict[str, tuple[Principal, int, float]] = {}
_watch = RevisionWatch(CACHE_SECONDS)


def secret_of(authorization: str) -> str | None:
    """Read the token from an Authorization header: Bearer, or the password of Basic. None when there is neither."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return decoded.partition(":")[2] or None
    return None


def _lasts(principal: Principal, now: datetime) -> bool:
    """Tell whether neither the token nor a role of the account has ended by its date since they were read."""
    ends_at = principal.rights.ends_at
    return now < principal.token.expires_at and (ends_at is None or now < ends_at)


def principal_of(authorization: str, *, now: datetime) -> Principal | None:
    """Return the live principal behind an Authorization header, or None. Revocation is noticed within five seconds, an end by date at once."""
    secret = secret_of(authorization)
    if secret is None:
        return None
    key = secret_hash(secret)
    revision = _watch.current()
    cached = _cache.get(key)
    if cached and cached[1] == revision and time.monotonic() < cached[2] and _lasts(cached[0], now):
        return cached[0]
    _cache.pop(key, None)
    token = token_find(secret, now=now)
    if token is None:
        return None
    user = token.account.user
    rights = rights_of(user).limited_to(token.scopes)
    user._rights = rights  # every service asked by this identity sees the narrower rights
    principal = Principal(
        user=user, token=token, rights=rights, unit_id=token.account.unit_id, owner_id=token.account.owner_id
    )
    token_touch(token, now=now)
    if len(_cache) >= CACHE_SIZE:
        _cache.clear()
    _cache[key] = (principal, revision, time.monotonic() + CACHE_SECONDS)
    return principal


def forget_principals() -> None:
    """Empty the cache, so that a test or a command sees changes at once."""
    _cache.clear()
    _watch.checked = 0.0
