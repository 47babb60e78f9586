"""The generated reference as an installed app: it adds `manage.py docs`."""

from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """Adds a command and nothing else."""

    name = "mlops_portal.reference"
    label = "reference"
