"""The numbers as an installed app."""

from django.apps import AppConfig


class KpisConfig(AppConfig):
    """Declares the rights of the numbers."""

    name = "kpis"

    def ready(self) -> None:
        """Declare rights."""
        from kpis.rights import RIGHTS
        from mlops_portal.foundation.people import rights

        rights.declare(RIGHTS)
