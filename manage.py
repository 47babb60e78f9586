#!/usr/bin/env python
"""Django's command line for MLOps Portal."""

import os
import sys


def main() -> None:
    """Run a management command with the settings of the environment (default: mlops_portal.settings.dev)."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops_portal.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
