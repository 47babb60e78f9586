"""The numbers as an installed app."""

from django.apps import AppConfig


class KpisConfig(AppConfig):
    """Declares rights, events and the nightly run of the numbers."""

    name = "kpis"

    def ready(self) -> None:
        """Register what other parts of the house ask for."""
        from kpis import events, tasks  # noqa: F401  (events declares its verbs)
        from kpis.rights import RIGHTS
        from mlops_portal.foundation.people import rights

        rights.declare(RIGHTS)
        tasks.register()
