"""Sign-in through allauth: nobody signs up, administrators invite; authenticator secrets are sealed."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.services.persons import credential_changed, password_set
from mlops_portal.foundation.secrets import seal, unseal

# What the library wants to mail, and what the portal calls it. Passwords are told where they are set.
TOLD = {
    "mfa/email/totp_activated": "people.authenticator_added",
    "mfa/email/totp_deactivated": "people.authenticator_removed",
    "mfa/email/recovery_codes_generated": "people.recovery_codes_made",
}


class ClosedAccounts(DefaultAccountAdapter):
    """Closes registration: rights come from administrators, never from a form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Answer no."""
        return False

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Let the ledger and a notice tell what the library would mail."""
        verb = TOLD.get(template_prefix)
        if verb is not None:
            credential_changed(person=User.objects.get(pk=user.pk), verb=verb, now=timezone.now())

    def set_password(self, user: User, password: str) -> None:
        """Set it through the service, which tells the ledger."""
        password_set(person=User.objects.get(pk=user.pk), password=password, now=timezone.now())
        user.refresh_from_db(fields=["password"])


class SealedAuthenticators(DefaultMFAAdapter):
    """Keeps the secrets of authenticators encrypted."""

    def encrypt(self, text: str) -> str:
        """Seal."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open."""
        return unseal(encrypted_text)


def _mark_code_used(authenticator: TOTP, code: str) -> bool:
    """Note that a code was used for as long as it is accepted; False when it was used before."""
    periods = 2 * mfa_settings.TOTP_TOLERANCE + 1
    key = authenticator._get_used_cache_key(code)
    return cache.add(key, "y", timeout=periods * mfa_settings.TOTP_PERIOD)


def remember_used_codes() -> None:
    """Let a code serve once, at sign-in and at signing.

    allauth forgets a used code after one period, although with a tolerance it accepts the code for longer.
    """
    TOTP._mark_code_used = _mark_code_used
