"""Every day and every moment that a form fills in is one that the form takes back."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from django import forms

from mlops_portal.foundation.days import portal_zone
from mlops_portal.foundation.web.forms import Day, Moment
from mlops_portal.urls import urlpatterns

OURS = ("mlops_portal", "registry", "approvals", "audits", "kpis", "integrations")
assert urlpatterns, "every form is loaded with the addresses"


def forms_of(base: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    for one in base.__subclasses__():
        if one.__module__.partition(".")[0] in OURS:
            yield one
        yield from forms_of(one)


def dates() -> list[tuple[type[forms.BaseForm], str]]:
    found = {
        (form, name)
        for form in forms_of()
        for name, field in form.base_fields.items()
        if isinstance(field, forms.DateField | forms.DateTimeField)
    }
    return sorted(found, key=lambda one: (one[0].__module__, one[0].__qualname__, one[1]))


@pytest.mark.parametrize(
    ("form", "name"), [pytest.param(*one, id=f"{one[0].__qualname__}.{one[1]}") for one in dates()]
)
def test_a_form_takes_back_the_date_it_shows(form: type[forms.BaseForm], name: str) -> None:
    field = form.base_fields[name]
    assert isinstance(field, Day | Moment)
    held = date(2027, 5, 3) if isinstance(field, Day) else datetime(2027, 5, 3, 16, 40, tzinfo=UTC)
    shown = field.widget.format_value(field.prepare_value(held))
    assert str(shown).startswith("2027-05-03")
    taken = field.clean(shown)
    if type(held) is date and isinstance(taken, datetime):
        taken = taken.astimezone(portal_zone()).date()  # a last day is taken as its last moment
    assert taken == held
