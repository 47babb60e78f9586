"""Reads of the registry: nothing here writes."""
