"""Factories that build records through the services, so that a test never holds what the portal could not."""
