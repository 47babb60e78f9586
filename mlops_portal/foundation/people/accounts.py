"""Sign-in through allauth: nobody signs up, administrators create people."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedAccounts(DefaultAccountAdapter):
    """Closes registration: rights come from administrators, never from a form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Answer no."""
        return False
