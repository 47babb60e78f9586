"""The WSGI entry point that the web server loads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops_portal.settings.dev")
os.environ.setdefault("PORTAL_PROCESS", "web")

application = get_wsgi_application()
