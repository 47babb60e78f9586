"""Rows of a form: a table of inputs with blank rows at its end, and a button that adds more. Works without scripts.

    steps = RowsField(columns=(Cell("percent", "Share of traffic, %", kind="number", required=True), …))

The field gives a list of mappings, numbers as floats; rows without any entry are left out. A page whose form has such
a field takes `AddsRows` before its other bases: the button submits the form, which comes back with what was typed and
more blank rows, and nothing is saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponseBase
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

BLANK = 2
MOST = 60
MORE, COUNT = "more", "count"


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of the rows."""

    key: str
    label: str
    kind: str = "text"  # or number
    required: bool = False
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""  # an example, shown as one in the first row
    given: bool = False  # the page may fill it in: a row that holds nothing else is empty


class Rows(list[dict[str, Any]]):
    """What was typed, and how many rows stood on the page."""

    shown: int = 0


class RowsWidget(forms.Widget):
    """Draws the rows as a table of inputs."""

    def __init__(self, columns: Sequence[Cell], *, noun: str) -> None:
        super().__init__(attrs={"data-wide": "true"})
        self.columns, self.noun = columns, noun

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Rows:
        """Return the rows that hold something."""
        typed = data.get(f"{name}-{COUNT}", "")
        shown = min(int(typed), MOST) if typed.isdecimal() and len(typed) < 4 else 0
        rows = Rows()
        for place in range(shown):
            row = {cell.key: data.get(f"{name}-{place}-{cell.key}", "").strip() for cell in self.columns}
            if any(row.values()):
                rows.append(row)
        rows.shown = min(shown + BLANK, MOST) if f"{name}-{MORE}" in data else shown
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Tell whether the form held the rows at all."""
        return f"{name}-{COUNT}" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Draw what is there, then blank rows."""
        rows = list(value or [])
        count = min(max(len(rows) + BLANK, getattr(value, "shown", 0)), MOST)
        attrs = dict(attrs or {})
        identifier = attrs.get("id", f"id_{name}")
        described = attrs.get("aria-describedby", "")
        heads = format_html_join("", '<th scope="col">{}</th>', ((cell.label,) for cell in self.columns))
        body = format_html_join(
            "",
            "<tr>{}</tr>",
            (
                (self._cells(name, place, rows[place] if place < len(rows) else {}, identifier, described),)
                for place in range(count)
            ),
        )
        return format_html(
            '<div class="rows-field"><input type="hidden" name="{name}-count" value="{count}">'
            '<div class="table-wrap" tabindex="0" role="region" aria-label="Rows of {noun}">'
            '<table class="table slim"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
            '<button class="btn small" name="{name}-more" value="1" formnovalidate>Add rows</button></div>',
            name=name, count=count, noun=self.noun, heads=heads, body=body,
        )  # fmt: skip

    def _cells(
        self, name: str, place: int, row: Mapping[str, Any], identifier: str, described: str
    ) -> SafeString:
        return format_html_join(
            "",
            "<td>{}</td>",
            ((self._cell(cell, name, place, row, identifier, described),) for cell in self.columns),
        )

    def _cell(
        self, cell: Cell, name: str, place: int, row: Mapping[str, Any], identifier: str, described: str
    ) -> SafeString:
        first = place == 0 and cell is self.columns[0]
        found = row.get(cell.key)
        shown = "" if found is None else f"{found:.12g}" if isinstance(found, int | float) else str(found)
        common = {
            "name": f"{name}-{place}-{cell.key}",
            "id": identifier if first else f"{identifier}_{place}_{cell.key}",
            "label": f"Row {place + 1}: {cell.label}",
            "described": format_html(' aria-describedby="{}"', described) if described else "",
        }
        if cell.choices:
            options = format_html_join(
                "",
                '<option value="{}"{}>{}</option>',
                (
                    (value, SafeString(" selected") if value == shown else "", label)
                    for value, label in (("", ""), *cell.choices)
                ),
            )
            return format_html(
                '<select class="select" name="{name}" id="{id}" aria-label="{label}"{described}>{options}</select>',
                options=options, **common,
            )  # fmt: skip
        return format_html(
            '<input class="input" name="{name}" id="{id}" value="{value}" aria-label="{label}"{described}{mode}{hint}>',
            value=shown,
            mode=SafeString(' inputmode="decimal"') if cell.kind == "number" else "",
            hint=format_html(' placeholder="e.g. {}"', cell.hint) if cell.hint and place == 0 else "",
            **common,
        )


class RowsField(forms.Field):
    """A list of rows."""

    def __init__(self, *, columns: Sequence[Cell], noun: str = "", **kwargs: Any) -> None:
        self.columns = columns
        super().__init__(widget=RowsWidget(columns, noun=noun or "entries"), **kwargs)

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        """Read numbers, and say of each mistake where it stands.

        Raises:
            ValidationError: a cell is missing or is no number.
        """
        errors: list[str] = []
        rows = [
            self._row(place, row, errors)
            for place, row in enumerate(value or [], start=1)
            if any(row.get(cell.key) for cell in self.columns if not cell.given)
        ]
        if errors:
            raise forms.ValidationError(errors)
        return rows

    def _row(self, place: int, row: Mapping[str, Any], errors: list[str]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for cell in self.columns:
            text = str(row.get(cell.key, ""))
            if not text:
                if cell.required:
                    errors.append(f"Row {place}: {cell.label.lower()} is missing.")
                continue
            if cell.choices and text not in {known for known, _ in cell.choices}:
                errors.append(f"Row {place}: {text[:40]} is none of the offered values.")
            out[cell.key] = _number(text, place, cell, errors) if cell.kind == "number" else text
        return out


def _number(text: str, place: int, cell: Cell, errors: list[str]) -> float | None:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        found = float("nan")
    if found != found or found in (float("inf"), float("-inf")):
        errors.append(f"Row {place}: {text[:40]} is no number ({cell.label.lower()}).")
        return None
    return found


class AddsRows:
    """A page that shows its form again, unchecked, when somebody asks for more rows."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Add blank rows, or go on."""
        page: Any = self
        if not any(name.endswith(f"-{MORE}") for name in request.POST):
            return super().post(request, *args, **kwargs)
        page.prepare()
        page.form = page.make_form(request.POST, request.FILES)
        for form in page.get_forms():
            # Bound, so that it holds what was typed, and not asked whether that is right.
            form._errors = ErrorDict()
        page.problem = None
        return page.answer()
