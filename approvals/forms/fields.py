"""Fields that several forms of approvals use."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.forms import Day, Moment
from mlops_portal.foundation.web.rows import Cell, RowsField

MOMENTS = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]


def area(rows: int = 3) -> forms.Textarea:
    """Return a text field of that many rows."""
    return forms.Textarea(attrs={"rows": rows})


def people() -> Any:
    """Return the people who can be named."""
    return User.objects.filter(is_active=True, kind=User.Kind.PERSON).order_by("name", "pk")


class PersonChoice(forms.ModelChoiceField):
    """One active person by name, ``among`` some of them."""

    def __init__(self, *, among: QuerySet[User] | None = None, **kwargs: Any) -> None:
        found = people() if among is None else among
        super().__init__(queryset=found, empty_label="Choose a person", **kwargs)


class DayField(Day):
    """A day, with the hint how to write it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "YYYY-MM-DD")
        super().__init__(**kwargs)


class MomentField(Moment):
    """A moment as ISO text, in the reader's zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            input_formats=MOMENTS,
            error_messages={"invalid": "Write the moment as 2026-11-17 10:40."},
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Show a stored moment in the reader's zone."""
        if hasattr(value, "tzinfo") and value.tzinfo:
            return timezone.localtime(value).strftime(MOMENTS[0])
        return value


class Lines(forms.CharField):
    """A list, one item a line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", area())
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the lines that are not empty."""
        text = super().to_python(value) or ""
        return [line.strip() for line in text.splitlines() if line.strip()]


STEPS = (
    Cell("percent", "Share, %", kind="number", required=True, hint="5"),
    Cell("hold_hours", "Hold, h", kind="number", hint="24"),
    Cell("stop_rule", "Stops by itself when", hint="error rate above 0.5 %"),
)


class AnswerArea(forms.Textarea):
    """A field whose answer may still be missing when the draft is saved."""

    def use_required_attribute(self, initial: Any) -> bool:
        """Let the browser send an empty one."""
        return False


class Answer(forms.CharField):
    """An answer that is needed to file, not to save: shown as required, taken empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=AnswerArea(attrs={"rows": 2}), required=True, max_length=10_000, **kwargs)

    def validate(self, value: Any) -> None:
        """Take an empty answer: filing asks for it."""


class TrafficPlan(RowsField):
    """Steps of a release: share of traffic, how long it is held, what stops it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(columns=STEPS, noun="the traffic plan", required=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Return the steps; a share is a whole number.

        Raises:
            ValidationError: a share is not whole.
        """
        steps = super().to_python(value)
        for place, step in enumerate(steps, start=1):
            if step["percent"] != int(step["percent"]):
                raise forms.ValidationError(f"Row {place}: write the share as a whole number.")
            step |= {"percent": int(step["percent"]), "hold_hours": step.get("hold_hours") or 0.0}
        return steps
