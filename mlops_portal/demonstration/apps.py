"""The demonstration as an installed app. It refuses to live in production, whoever installed it there."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class DemonstrationConfig(AppConfig):
    """Adds personas to the sign-in page, codes to the signature forms and hints to the home page."""

    name = "mlops_portal.demonstration"
    label = "demonstration"

    def ready(self) -> None:
        """Register what the demonstration adds.

        Raises:
            ImproperlyConfigured: this is production.
        """
        if settings.PORTAL_MODE == "production":
            raise ImproperlyConfigured("mlops_portal.demonstration is never installed in production")
        from mlops_portal.demonstration.hints import read
        from mlops_portal.foundation.web import home, signin, signing_aids

        signin.register("demonstration/personas.html")
        signing_aids.register("demonstration/authenticator.html")
        home.register(home.Section("demonstration.hints", "demonstration/hints.html", read, None, 5, "rail"))
