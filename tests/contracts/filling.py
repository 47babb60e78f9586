"""Fills in any form of the portal as a browser would, and spoils it; what is sent is read from the page's own controls."""

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from mlops_portal.foundation.web.rows import RowsField
from tests.conftest import PASSWORD

WORDS = "Written by the contract so that every rule about the length of a reason is content with it."
FORMULA, SCRIPT = "=cmd|'/c calc'!A1\u202e", "<script>alert(1)</script>"
LONG = "x" * 110_000  # more than any text holds
HUGE = "1" + "0" * 30
NUL = "\x00"
TEXTS = (NUL, FORMULA, SCRIPT, LONG)
NUMBERS = (NUL, HUGE, f"-{HUGE}", "-1", "NaN", "Infinity", "1e400", "²", "9" * 5000)
DAYS = (NUL, HUGE, "0001-01-01", "9999-12-31", "0001-01-01 00:00", "9999-12-31 23:59", "2026-13-45")
KEYS = (NUL, HUGE, "-1", "²", "not-offered")
CELLS = (NUL, HUGE, "-1", "NaN", FORMULA, LONG)


class Controls(HTMLParser):
    """Reads what the controls of a field would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.names: list[str] = []
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the value of one control."""
        given = {key: value or "" for key, value in attrs}
        name = given.get("name", "")
        if name and tag in ("input", "select", "textarea") and name not in self.names:
            self.names.append(name)
        if tag == "input" and name:
            kind = given.get("type", "text")
            if kind != "file" and (kind not in ("checkbox", "radio") or "checked" in given):
                self.sent.setdefault(name, []).append(given.get("value", ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.sent.setdefault(self._select, []).append(given.get("value", ""))
        elif tag == "textarea":
            self._area = name
            self.sent[name] = [""]

    def handle_data(self, data: str) -> None:
        """Take the text of a text area."""
        if self._area:
            self.sent[self._area][0] += data

    def handle_endtag(self, tag: str) -> None:
        """Leave a control."""
        if tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._select = ""


def controls(bound: forms.BoundField) -> Controls:
    """Return what a browser would send for a field."""
    found = Controls()
    found.feed(str(bound))
    return found


def filled(form: forms.BaseForm) -> dict[str, Any]:
    """Return what somebody sends who fills in what is required and leaves the rest as it is shown."""
    sent: dict[str, Any] = {}
    for bound in form:
        shown = controls(bound).sent
        sent |= shown
        is_empty = not any(value.strip() for values in shown.values() for value in values)
        if is_empty and bound.field.required:
            sent[bound.html_name] = fitting(bound.name, bound.field)
    return sent


def fitting(name: str, field: forms.Field) -> Any:
    """Return a value that fits a field."""
    known = {"password": PASSWORD, "code": "123456"}
    if name in known:
        return known[name]
    if isinstance(field, forms.ModelChoiceField):
        first = field.queryset.first()
        return str(first.pk) if first else ""
    if isinstance(field, forms.ChoiceField):
        return next((str(value) for value, _ in field.choices if value not in ("", None)), "")
    kinds: tuple[tuple[type[forms.Field], Any], ...] = (
        (forms.FileField, SimpleUploadedFile("note.csv", b"Name\nchurn\n")),
        (forms.BooleanField, "on"),
        (forms.FloatField, "0.5"),
        (forms.IntegerField, "7"),
        (forms.DateTimeField, "2027-03-01 10:00"),
        (forms.DateField, "2027-03-01"),
        (forms.EmailField, "fresh@aldermoor.example"),
        (forms.SlugField, "fresh-slug"),
        (forms.RegexField, "a" * 64),
    )
    for kind, value in kinds:
        if isinstance(field, kind):
            return value
    return WORDS[: getattr(field, "max_length", None) or len(WORDS)]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A form with hostile values in it: the fields that hold one, and whether the form itself refuses them."""

    form: forms.BaseForm
    fields: tuple[str, ...]
    value: str
    sent: dict[str, Any]
    refused_by_form: bool

    def is_named_in(self, words: str) -> bool:
        """Tell whether words name one of the fields or its label; fields of rows are named without their number."""
        labels = (str(self.form[field].label) for field in self.fields)
        return any(one in words for one in (*labels, *(field.partition("-")[0] for field in self.fields)))


def spoilt(form: forms.BaseForm, base: dict[str, Any], *, strange: str) -> Iterator[Spoilt]:
    """Yield the form with each hostile value in each field.

    What the form refuses is told for all fields at once, and every text is as good as any other, so these come
    together. Each other value that the form lets through goes to the service alone, and so does a hidden field: what
    a page is about is refused before the rest is looked at.
    """
    refused: list[dict[str, tuple[str, str]]] = []
    texts: dict[str, list[tuple[str, str]]] = {}
    for bound in form:
        place = 0
        for name, value in _hostile(bound, strange=strange):
            passes = _passes(bound, {**base, name: value})
            is_text = isinstance(bound.field, forms.CharField)
            if isinstance(bound.field, RowsField) or bound.is_hidden or (passes and not is_text):
                yield Spoilt(form, (bound.name,), value, {**base, name: value}, refused_by_form=not passes)
            elif passes:
                texts.setdefault(value, []).append((name, bound.name))
            else:
                refused.extend([{}] if place == len(refused) else [])
                refused[place][name] = (bound.name, value)
                place += 1
    for value, places in texts.items():
        fields = tuple(field for _, field in places)
        yield Spoilt(form, fields, value, base | {name: value for name, _ in places}, refused_by_form=False)
    for found in refused:
        sent = base | {name: value for name, (_, value) in found.items()}
        fields = tuple(field for field, _ in found.values())
        yield Spoilt(form, fields, "what the form refuses", sent, refused_by_form=True)


def _hostile(bound: forms.BoundField, *, strange: str) -> Iterator[tuple[str, str]]:
    """Yield the controls of a field with the values to send; of rows only the first."""
    field, name = bound.field, bound.html_name
    if isinstance(field, RowsField):
        first = [each for each in controls(bound).names if each.startswith(f"{name}-0-")]
        yield from ((each, value) for each in first for value in CELLS)
        yield from ((f"{name}-count", value) for value in ("not-offered", HUGE))
        return
    kinds: tuple[tuple[Any, tuple[str, ...]], ...] = (
        (forms.FileField, ("no file",)),
        (forms.BooleanField, ("not-offered",)),
        ((forms.ModelChoiceField, forms.ChoiceField), (*KEYS, strange)),
        (forms.IntegerField, NUMBERS),
        ((forms.DateField, forms.DateTimeField), DAYS),
    )
    for value in next((values for kind, values in kinds if isinstance(field, kind)), TEXTS):
        yield name, value


def _passes(bound: forms.BoundField, sent: dict[str, Any]) -> bool:
    """Tell whether a field by itself accepts what is sent."""
    data = QueryDict(mutable=True)
    for key, value in sent.items():
        if not isinstance(value, SimpleUploadedFile):
            data.setlist(key, value if isinstance(value, list) else [value])
    try:
        bound.field.clean(bound.field.widget.value_from_datadict(data, {}, bound.html_name))
    except ValidationError:
        return False
    except Exception:  # noqa: BLE001  (what breaks here breaks on the page, where it is told)
        return True
    return True
