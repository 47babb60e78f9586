"""The numbers as an installed app."""

from django.apps import AppConfig


class KpisConfig(AppConfig):
    """Declares rights, events, navigation, the home section and the nightly run of the numbers."""

    name = "kpis"

    def ready(self) -> None:
        """Register what other parts of the house ask for."""
        from kpis import events, notices, tasks  # noqa: F401  (events declares its verbs)
        from kpis import home as sections
        from kpis.rights import RIGHTS
        from mlops_portal.foundation.people import rights
        from mlops_portal.foundation.web import home
        from mlops_portal.foundation.web import notices as telling
        from mlops_portal.foundation.web.navigation import NavItem, register

        rights.declare(RIGHTS)
        telling.register(notices.RULES, notices.ENDINGS)
        tasks.register()
        register(NavItem("Oversight", "KPIs", "kpi", "kpis:dashboard", "kpis.view", 10))
        home.register(
            home.Section("kpis.numbers", "kpis/home/numbers.html", sections.numbers, "kpis.set_target", 15)
        )
        home.register(
            home.Section(
                "kpis.proposals", "kpis/home/proposals.html", sections.proposals, "kpis.set_target", 14
            )
        )
