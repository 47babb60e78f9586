"""The registry as an installed app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Declares the registry's rights."""

    name = "registry"

    def ready(self) -> None:
        """Declare rights."""
        from mlops_portal.foundation.people import rights
        from registry.rights import RIGHTS

        rights.declare(RIGHTS)
