"""Forms of the administration pages."""

from datetime import datetime
from typing import Any

from django import forms

from mlops_portal.foundation.administration.queries import units_of
from mlops_portal.foundation.days import day_end, portal_zone
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import declared
from mlops_portal.foundation.people.roles import DECIDING_RIGHTS, ROLES
from mlops_portal.foundation.web.forms import Day, UnitChoice

CHOOSE_A_ROLE = "Choose a role"


def _area(rows: int = 2) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class Person(forms.ModelChoiceField):
    """One active person."""

    def __init__(self, **kwargs: Any) -> None:
        active = User.objects.filter(is_active=True, kind=User.Kind.PERSON).order_by("name", "pk")
        kwargs.setdefault("empty_label", "Choose a person")
        super().__init__(queryset=active, **kwargs)


class LastDay(Day):
    """The last day on which a role is held: it counts to its end, where the portal is at home."""

    def __init__(self, **kwargs: Any) -> None:
        counts = f"The day counts as a whole, to its end in {portal_zone().key}. Empty: until it is revoked."
        super().__init__(required=False, help_text=counts, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        """Return the last moment of the day."""
        day = super().clean(value)
        return None if day is None else day_end(day)


class PersonEntry(forms.Form):
    """A new person."""

    name = forms.CharField(max_length=120)
    email = forms.EmailField(label="E-mail")
    job_title = forms.CharField(max_length=120, required=False)
    line_manager = Person(required=False, empty_label="Nobody")


class Grant(forms.Form):
    """A role for a person."""

    role = forms.ChoiceField(
        choices=[
            ("", CHOOSE_A_ROLE),
            *((role.name, f"{role.label}: {role.description}") for role in ROLES.values()),
        ]
    )
    unit = UnitChoice(label="On the unit and all below")
    valid_until = LastDay()
    reason = forms.CharField(widget=_area(), max_length=2000)

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].offer(units_of(user, "people.grant"))


class SecondPerson(forms.Form):
    """Confirm or decline; declining needs the words."""

    reason = forms.CharField(
        label="Why you decline",
        widget=_area(),
        max_length=2000,
        required=False,
        help_text="Needed to decline; the person who granted the role reads it.",
    )


class Reason(forms.Form):
    """Why."""

    reason = forms.CharField(widget=_area(), max_length=2000)


class UnitEntry(forms.Form):
    """A new unit."""

    name = forms.CharField(max_length=120)
    code = forms.SlugField(
        max_length=40, help_text="Short and stable; imports and the API name the unit by it."
    )
    parent = UnitChoice(label="Below")
    head = Person(required=False, empty_label="Nobody")

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["parent"].offer(units_of(user, "people.manage_units"))


class UnitEdit(forms.Form):
    """Name and head of a unit."""

    name = forms.CharField(max_length=120)
    head = Person(required=False, empty_label="Nobody")
    reason = forms.CharField(widget=_area(), max_length=2000)


class AccountEntry(forms.Form):
    """A new service account."""

    name = forms.CharField(max_length=120)
    unit = UnitChoice(label="Business unit")
    owner = Person(help_text="The person behind it; counts for separation of duties.")
    purpose = forms.CharField(widget=_area(), required=False)
    repository = forms.CharField(
        max_length=255, required=False, help_text="Evidence it reports is of grade pipeline when this is set."
    )

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].offer(units_of(user, "people.manage_accounts"))


class AccountOwner(forms.Form):
    """Who answers for an account from now on."""

    owner = Person(label="New owner", help_text="Counts for separation of duties.")
    reason = forms.CharField(widget=_area(), max_length=2000)


class AccountRole(forms.Form):
    """What the account may do in its unit."""

    role = forms.ChoiceField(
        choices=[
            ("", CHOOSE_A_ROLE),
            *(
                (role.name, role.label)
                for role in ROLES.values()
                if not role.deciding and role.name != "administrator"
            ),
        ]
    )
    reason = forms.CharField(widget=_area(), max_length=2000)


class TokenEntry(forms.Form):
    """A new token."""

    label = forms.CharField(max_length=120, help_text="Where it is used, e.g. the pipeline's name.")
    days = forms.IntegerField(min_value=1, max_value=366, initial=90, label="Valid for days")
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, help_text="One purpose, few scopes."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["scopes"].choices = [
            (right.name, right.label)
            for right in declared()
            if right.name.split(".")[0] in ("registry", "approvals") and right.name not in DECIDING_RIGHTS
        ]
