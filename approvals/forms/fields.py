"""Fields that several forms of approvals use."""

from typing import Any

from django import forms
from django.utils import timezone

from mlops_portal.foundation.people.models import User

MOMENTS = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]


def area(rows: int = 3) -> forms.Textarea:
    """Return a text field of that many rows."""
    return forms.Textarea(attrs={"rows": rows})


def people() -> Any:
    """Return the people who can be named."""
    return User.objects.filter(is_active=True, kind=User.Kind.PERSON).order_by("name", "pk")


class PersonChoice(forms.ModelChoiceField):
    """One active person by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=people(), empty_label="Choose a person", **kwargs)


class DayField(forms.DateField):
    """A day as ISO text."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "YYYY-MM-DD")
        super().__init__(
            input_formats=["%Y-%m-%d"],
            error_messages={"invalid": "Write the day as 2026-11-17."},
            **kwargs,
        )


class MomentField(forms.DateTimeField):
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


class TrafficPlan(forms.CharField):
    """Steps of a release, one a line: `5 %, 24 h, error rate above 0.5 %`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=area(), required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show steps as lines."""
        if not isinstance(value, list):
            return value
        return "\n".join(
            ", ".join(
                filter(
                    None,
                    (f"{row['percent']} %", f"{row.get('hold_hours') or 0:g} h", row.get("stop_rule", "")),
                )
            )
            for row in value
        )

    def to_python(self, value: Any) -> Any:
        """Return the steps."""
        return [self._step(place, line) for place, line in enumerate(self._lines(value), start=1)]

    def _lines(self, value: Any) -> list[str]:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    @staticmethod
    def _step(place: int, line: str) -> dict[str, Any]:
        share, _, rest = line.partition(",")
        hold, _, stop = rest.partition(",")
        try:
            step = {"percent": int(share.strip(" %")), "hold_hours": float(hold.strip(" h") or 0)}
        except ValueError as error:
            raise forms.ValidationError(
                f"Line {place}: write the share and the hours, for example “5 %, 24 h, error rate above 0.5 %”."
            ) from error
        return {**step, **({"stop_rule": stop.strip()} if stop.strip() else {})}
