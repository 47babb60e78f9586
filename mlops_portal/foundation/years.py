"""The years the portal counts with: beyond them, zones and sums of days leave the calendar."""

from datetime import date

from django.core.exceptions import ValidationError

FIRST_YEAR, LAST_YEAR = 1900, 2999


def year_problem(value: date | None) -> str:
    """Say that a day or a moment lies too far away; empty when it does not."""
    if value is None or FIRST_YEAR <= value.year <= LAST_YEAR:
        return ""
    return f"Write a year between {FIRST_YEAR} and {LAST_YEAR}."


def refuse_far_years(value: date) -> None:
    """Validate a day or a moment of a form, a filter or a body.

    Raises:
        ValidationError: naming the years.
    """
    if problem := year_problem(value):
        raise ValidationError(problem)
