"""Shared by the pages of the registry."""

from tests.unit.registry.conftest import no_gates

__all__ = ["no_gates"]
