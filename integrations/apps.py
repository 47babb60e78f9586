"""The integrations as an installed app."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Prepares the doors to the outside world."""

    name = "integrations"

    def ready(self) -> None:
        """Make the search operators of the MLflow protocol known to the ORM."""
        from integrations.mlflow import lookups

        lookups.register()
