"""Measured on request (`make bench`), never in the test run."""
