"""How forms look, and days and moments: every widget gets its class, its error and its hint are tied to it."""

from typing import Any, ClassVar

from django import forms
from django.forms import BoundField

from mlops_portal.foundation.years import refuse_far_years

KINDS = (
    (forms.CheckboxSelectMultiple, "choices"),
    (forms.RadioSelect, "choices"),
    (forms.CheckboxInput, "check"),
    (forms.Textarea, "textarea"),
    (forms.Select, "select"),
    (forms.FileInput, "file"),
)

DJANGO_ROWS = "10"  # what a Textarea has when its form says nothing


def kind_of(widget: forms.Widget) -> str:
    """Name the way a widget is drawn."""
    if isinstance(widget, forms.CheckboxSelectMultiple | forms.RadioSelect):
        return "choices"
    return next((kind for cls, kind in KINDS if isinstance(widget, cls)), "input")


def described(bound: BoundField) -> dict[str, Any]:
    """Prepare one field for its template; dates are ISO text, never the locale picker."""
    widget = bound.field.widget
    kind = kind_of(widget)
    attrs: dict[str, Any] = {}
    if kind in ("input", "select", "textarea", "file"):
        own = widget.attrs.get("class", "")
        attrs["class"] = f"{'input' if kind == 'file' else kind} {own}".strip()
    if kind == "textarea" and str(widget.attrs.get("rows")) == DJANGO_ROWS:
        attrs["rows"] = "4"
    if isinstance(bound.field, forms.DateField) and not isinstance(bound.field, forms.DateTimeField):
        attrs |= {"inputmode": "numeric", "placeholder": "YYYY-MM-DD"}
    if isinstance(bound.field, forms.DateTimeField):
        attrs |= {"inputmode": "numeric", "placeholder": "YYYY-MM-DD HH:MM"}
    identifier = bound.id_for_label or bound.auto_id or bound.html_name
    described_by = [f"{identifier}-h"] if bound.help_text else []
    if bound.errors:
        described_by.append(f"{identifier}-e")
        attrs["aria-invalid"] = "true"
    if described_by:
        attrs["aria-describedby"] = " ".join(described_by)
    return {
        "bound": bound,
        "kind": kind,
        "id": identifier,
        "control": bound.as_widget(attrs=attrs) if kind != "choices" else "",
        "wide": kind in ("textarea", "choices") or bool(widget.attrs.get("data-wide")),
    }


class Day(forms.DateField):
    """A day as ISO text."""

    default_validators: ClassVar[list[Any]] = [refuse_far_years]

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("input_formats", ["%Y-%m-%d"])
        kwargs.setdefault("error_messages", {"invalid": "Write the day as 2026-11-17."})
        super().__init__(**kwargs)


class Moment(forms.DateTimeField):
    """A moment as ISO text, in the reader's zone."""

    default_validators: ClassVar[list[Any]] = [refuse_far_years]


class DateText(forms.DateInput):
    """A date as ISO text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)
