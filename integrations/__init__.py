"""The outside world: protocols the portal serves and services it talks to."""
