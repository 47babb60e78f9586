"""Asking for access after a refusal, and what of it waits on the home page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.people.models import AccessRequest, BusinessUnit, User
from mlops_portal.foundation.people.rights import label_of
from mlops_portal.foundation.people.services import access
from mlops_portal.foundation.web.pages import CreatePage
from mlops_portal.foundation.web.refusals import read_note


class AskForm(forms.Form):
    """Where, and what for."""

    token = forms.CharField(widget=forms.HiddenInput)
    unit = forms.ModelChoiceField(
        queryset=BusinessUnit.objects.none(), empty_label=None, label="On the unit and all below"
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        label="What you need it for",
        help_text="Read by the people who can grant it, and kept.",
    )

    def __init__(self, *, units: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].queryset = units


class AskForAccess(CreatePage):
    """Ask for what was refused."""

    form_class, title, submit = AskForm, "Ask for access", "Ask for access"

    def prepare(self) -> None:
        """Read the note of the refusal.

        Raises:
            Invalid: it is not of this person, changed, or too old.
        """
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        self.token = given.get("token", "")
        self.note = read_note(self.token, self.request.user)
        if not self.note:
            raise invalid("token", "Open the page that was refused again, and ask from there.")
        self.lede = f"The right to {access.lower_first(label_of(self.note['r']))}."

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the units of the refusal."""
        return {"units": BusinessUnit.objects.filter(pk__in=self.note["u"]).order_by("depth", "name")}

    def initial(self) -> dict[str, Any]:
        """Keep the note."""
        return {"token": self.token, "unit": self.note["u"][0]}

    def act(self, *, by: User, now: datetime, **data: Any) -> AccessRequest:
        """Ask."""
        del data["token"]
        return access.access_ask(right=self.note["r"], path=self.note["path"], by=by, now=now, **data)

    def done(self, result: AccessRequest) -> tuple[str, str]:
        """Say who can grant it."""
        told = access.names(access.granters(result.unit, other_than=result.person))
        return f"Asked. {told} can grant it; you are told what is decided.", "/"


def waiting(user: User) -> Mapping[str, Any] | None:
    """Requests this person can decide on, and those of their own that wait: a part of the home page."""
    own = AccessRequest.objects.filter(person=user, state=AccessRequest.State.ASKED)
    found = {
        "to_decide": [(one, label_of(one.right)) for one in access.access_to_decide(user)[:8]],
        "own": [(one, label_of(one.right)) for one in own.select_related("unit").order_by("pk")],
    }
    return found if any(found.values()) else None
