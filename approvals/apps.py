"""Approvals as an installed app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Declares the rights of approvals."""

    name = "approvals"

    def ready(self) -> None:
        """Declare rights."""
        from approvals.rights import RIGHTS
        from mlops_portal.foundation.people import rights

        rights.declare(RIGHTS)
