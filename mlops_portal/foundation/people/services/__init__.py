"""Writes of people and rights: one module per noun."""
