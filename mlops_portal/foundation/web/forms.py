"""How forms look, and days and moments: every widget gets its class, its error and its hint are tied to it.

A long form declares `sections`: the fields that no section names come first and stand open, the others fold away until
they hold an error or a value. One with `marks_optional = False` has no field that must be filled in, and says so nowhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BoundField
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.web.past import NO_MOMENT
from mlops_portal.foundation.years import refuse_far_years

KINDS = (
    (forms.CheckboxSelectMultiple, "choices"),
    (forms.RadioSelect, "choices"),
    (forms.CheckboxInput, "check"),
    (forms.Textarea, "textarea"),
    (forms.Select, "select"),
    (forms.FileInput, "file"),
)


class Suggesting(forms.TextInput):
    """A text field that offers values in use and takes any other; without scripts, and without a browser that lists.

    A value may come with a text beside it. With a ``source`` the list follows what is typed: the address answers with
    options, see `options_of`.
    """

    def __init__(
        self, values: Sequence[str | tuple[str, str]] = (), *, source: Any = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.values, self.source = values, source

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Draw the input with its list."""
        if not self.values and not self.source:
            return super().render(name, value, attrs, renderer)
        key = f"{(attrs or {}).get('id', f'id_{name}')}-offered"
        given = {**(attrs or {}), "list": key}
        if self.source:
            given |= {
                "hx-get": self.source, "hx-trigger": "input changed delay:250ms", "hx-target": f"#{key}",
                "hx-swap": "innerHTML", "hx-push-url": "false", "hx-sync": "this:replace", "autocomplete": "off",
            }  # fmt: skip
        drawn = super().render(name, value, given, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', drawn, key, options_of(self.values))


def options_of(values: Iterable[str | tuple[str, str]]) -> SafeString:
    """Write the options of a list of suggestions."""
    pairs = ((one, "") if isinstance(one, str) else one for one in values)
    return format_html_join("", '<option value="{}">{}</option>', pairs)


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
        "mark": getattr(bound.field, "mark", "optional"),
        "wide": kind in ("textarea", "choices") or bool(widget.attrs.get("data-wide")),
    }


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a form under a heading; without one its fields stand open. ``is_open`` keeps it unfolded."""

    title: str
    names: Sequence[str]
    note: str = ""
    is_open: bool = False


def sectioned(form: Any) -> list[Mapping[str, Any]]:
    """Arrange the visible fields of a form in its sections, each ready for the template; empty ones are left out."""
    bounds = {bound.name: bound for bound in form.visible_fields()}
    declared: Sequence[Section] = getattr(form, "sections", ())
    named = {name for section in declared for name in section.names}
    first = Section("", [name for name in bounds if name not in named])
    arranged = []
    for section in (first, *declared):
        held = [bounds[name] for name in section.names if name in bounds]
        if not held:
            continue
        is_optional = bool(section.title) and not any(bound.field.required for bound in held)
        arranged.append(
            {
                "title": section.title,
                "note": section.note or ", ".join(str(bound.label) for bound in held),
                "is_open": section.is_open or any(_wants_a_look(bound) for bound in held),
                "is_optional": is_optional and getattr(form, "marks_optional", True),
                "is_quiet": is_optional or not getattr(form, "marks_optional", True),
                "fields": [described(bound) for bound in held],
            }
        )
    return arranged


def _wants_a_look(bound: BoundField) -> bool:
    """Tell whether a field is wrong, must be filled in, or says something already."""
    value = bound.value()
    return (
        bool(bound.errors)
        or bound.field.required
        or not (value is None or value is False or value in ("", []))
    )


class UnitChoice(forms.ModelChoiceField):
    """One business unit of those offered: a person who must choose starts with none, unless one alone is possible."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("empty_label", "Choose a unit")
        super().__init__(queryset=BusinessUnit.objects.none(), **kwargs)

    def offer(self, units: QuerySet[BusinessUnit]) -> None:
        """Offer these."""
        self.queryset = units
        if self.required and len(units[:2]) == 1:
            self.empty_label = None


class DayText(forms.DateInput):
    """A day as ISO text, whatever the language of the portal writes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)


class MomentText(forms.DateTimeInput):
    """A moment as ISO text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d %H:%M", **kwargs)


class Day(forms.DateField):
    """A day as ISO text."""

    widget = DayText
    default_validators: ClassVar[list[Any]] = [refuse_far_years]

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("input_formats", ["%Y-%m-%d"])
        kwargs.setdefault("error_messages", {"invalid": "Write the day as 2026-11-17."})
        super().__init__(**kwargs)


class Moment(forms.DateTimeField):
    """A moment as ISO text, in the reader's zone."""

    widget = MomentText
    default_validators: ClassVar[list[Any]] = [refuse_far_years]

    def to_python(self, value: Any) -> datetime | None:
        """Read the moment, or say how one is written."""
        try:
            return super().to_python(value)
        except ValidationError:
            raise ValidationError(f"{str(value)[:40]} {NO_MOMENT}", code="invalid") from None
