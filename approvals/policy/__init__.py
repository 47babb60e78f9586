"""Policies as documents: parsed, checked, compiled, evaluated. Pure: no database, no clock, no people."""
