"""Secrets at rest: sealed with the first of PORTAL_SECRETS_KEYS, opened with any of them."""

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from mlops_portal.foundation.errors import Unavailable


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _keys() -> tuple[str, ...]:
    """Return the configured keys; the demonstration derives one from its own secret key."""
    if settings.PORTAL_SECRETS_KEYS:
        return tuple(settings.PORTAL_SECRETS_KEYS)
    derived = hashlib.sha256(f"secrets at rest {settings.SECRET_KEY}".encode()).digest()
    return (base64.urlsafe_b64encode(derived).decode(),)


def seal(text: str) -> str:
    """Encrypt a secret for the database."""
    return _box(_keys()).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt a secret.

    Raises:
        Unavailable: none of the configured keys opens it.
    """
    try:
        return _box(_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unavailable(
            "A stored secret cannot be opened with the configured PORTAL_SECRETS_KEYS."
        ) from error
