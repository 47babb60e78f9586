"""MLOps Portal: the roof (settings, urls, wsgi) and the ground floor (foundation)."""
