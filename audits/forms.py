"""Forms of exports: they parse; the service decides."""

import re
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.urls import reverse_lazy
from django.utils import timezone

from approvals.models import ChangeRequest
from approvals.states import ChangeState
from audits.exports.scopes import FORMATS, RIGHT, Scope, What
from audits.reading.model_names import named, offered
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.forms import Day, Moment, Suggesting
from registry.models import RegisteredModel

OFFERED = 12
NEAR = 5
NUMBER = re.compile(r"(?:CR-)?(\d{1,12})", re.IGNORECASE)
FORMAT_LABELS = {
    "zip": "Evidence ZIP, verifies offline",
    "csv": "CSV, flat table",
    "xlsx": "XLSX, workbook",
    "csv.gz": "CSV, compressed, for millions of entries",
}


def _formats(what: What) -> list[tuple[str, str]]:
    return [(name, FORMAT_LABELS[name]) for name in FORMATS[what]]


def _units(user: User) -> Any:
    return BusinessUnit.objects.filter(pk__in=rights_of(user).units(RIGHT)).order_by("name")


class ExportForm(forms.Form):
    """Base: turns what was chosen into a scope."""

    what: What

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if "unit" in self.fields:
            self.fields["unit"].queryset = _units(user)

    def clean(self) -> dict[str, Any]:
        """Return the scope alone: it is all that the service takes."""
        data = super().clean() or {}
        return {} if self.errors else {"scope": self.scope(data)}

    def scope(self, data: dict[str, Any]) -> Scope:
        """Build the scope."""
        raise NotImplementedError


class ChangeField(forms.ModelChoiceField):
    """One change request: chosen from a list, or named by its number."""

    widget = forms.RadioSelect
    default_error_messages = {
        "required": "Choose a change request.",
        "invalid_choice": "There is no such change request that you may export.",
    }

    @staticmethod
    def key_of(value: Any) -> int | None:
        """Read a number, with or without ``CR-``."""
        match = NUMBER.fullmatch(str(value or "").strip())
        return int(match[1]) if match else None

    def to_python(self, value: Any) -> Any:
        """Find it among those the person may export."""
        return super().to_python(self.key_of(value) or value)


class PackForm(ExportForm):
    """One release."""

    what = What.PACK
    change = ChangeField(label="Change request", queryset=ChangeRequest.objects.none())

    def __init__(self, *args: Any, find: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["change"]
        field.queryset = ChangeRequest.objects.visible_to(self.user, RIGHT).exclude(state=ChangeState.DRAFT)
        chosen = field.key_of(self.data.get("change") if self.is_bound else self.initial.get("change"))
        self.initial["change"] = chosen
        field.choices = self._offered(field.queryset, find.strip(), chosen)

    @staticmethod
    def _offered(rows: Any, find: str, chosen: int | None) -> list[tuple[int, str]]:
        """Offer the chosen request first, then the newest that hold the words."""
        found = rows
        if number := NUMBER.fullmatch(find):
            found = rows.filter(pk=int(number[1]))
        elif find:
            words = (
                Q(title__icontains=find) | Q(model__name__icontains=find) | Q(model__title__icontains=find)
            )
            found = rows.filter(words)
        first = list(rows.filter(pk=chosen)) if chosen else []
        listed = [*first, *(one for one in found.order_by("-pk")[:OFFERED] if one.pk != chosen)]
        return [(one.pk, f"{one} ({one.get_state_display().lower()})") for one in listed]

    def scope(self, data: dict[str, Any]) -> Scope:
        """Name the change."""
        return Scope(What.PACK, "zip", change_id=data["change"].pk)


class ChangeLogForm(ExportForm):
    """Entries of a unit, a model, a period."""

    what = What.CHANGE_LOG
    unit = forms.ModelChoiceField(
        queryset=BusinessUnit.objects.none(), required=False, empty_label="Every unit you may export"
    )
    model = forms.CharField(
        max_length=256, required=False, help_text="Its title or its name. Empty means every model."
    )
    since = Day(label="From", required=False)
    until = Day(label="To", required=False, help_text="The day counts as a whole.")
    with_content = forms.BooleanField(
        label="Add the whole content of each entry, as recorded", required=False
    )
    format = forms.ChoiceField(choices=_formats(What.CHANGE_LOG), widget=forms.RadioSelect, initial="zip")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        typed = str((self.data if self.is_bound else self.initial).get("model") or "")
        near = offered(typed, user=self.user) or offered("", user=self.user)
        self.fields["model"].widget = Suggesting(near, source=reverse_lazy("audits:export-models"))

    def clean_model(self) -> RegisteredModel | None:
        """Find the model among those the person may export."""
        text = self.cleaned_data["model"].strip()
        if not text:
            return None
        found = named(text, user=self.user)
        if not found:
            near = ", ".join(f"{one} ({other})" for one, other in offered(text, user=self.user)[:NEAR])
            raise forms.ValidationError(
                "There is no model of this name or title that you may export."
                + (f" Near it: {near}." if near else "")
            )
        if len(found) > 1:
            names = ", ".join(one.name for one in found[:OFFERED])
            raise forms.ValidationError(f"{len(found)} models are called so. Type one of the names: {names}.")
        return found[0]

    def scope(self, data: dict[str, Any]) -> Scope:
        """Name unit, model and period."""
        until = data["until"] + timedelta(days=1) if data["until"] else None
        return Scope(
            What.CHANGE_LOG,
            data["format"],
            unit_id=data["unit"].pk if data["unit"] else None,
            model_id=data["model"].pk if data["model"] else None,
            since=_midnight(data["since"]),
            until=_midnight(until),
            with_content=data["with_content"],
        )


class InventoryForm(ExportForm):
    """Models as they were."""

    what = What.INVENTORY
    unit = forms.ModelChoiceField(
        queryset=BusinessUnit.objects.none(), required=False, empty_label="Every unit you may export"
    )
    at = Moment(
        label="State as of",
        help_text="A day, or a day and a time. Rights are those of today, on the unit each model had then.",
        input_formats=["%Y-%m-%d %H:%M", "%Y-%m-%d"],
    )
    format = forms.ChoiceField(choices=_formats(What.INVENTORY), widget=forms.RadioSelect, initial="zip")

    def scope(self, data: dict[str, Any]) -> Scope:
        """Name unit and moment; a day without a time means its end, today means now."""
        at = data["at"]
        if len(self.data.get("at", "").strip()) <= len("2026-11-17"):
            at = min(at + timedelta(days=1) - timedelta(seconds=1), timezone.now())
        return Scope(
            What.INVENTORY,
            data["format"],
            unit_id=data["unit"].pk if data["unit"] else None,
            at=at.isoformat(),
        )


def _midnight(day: Any) -> str:
    return timezone.make_aware(datetime.combine(day, time.min)).isoformat() if day else ""


FORMS: dict[What, type[ExportForm]] = {form.what: form for form in (PackForm, ChangeLogForm, InventoryForm)}
