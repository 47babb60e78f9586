"""Deciding on access that somebody asked for."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.urls import reverse

from mlops_portal.foundation.administration.forms import LastDay
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import AccessRequest, RoleGrant
from mlops_portal.foundation.people.rights import label_of, rights_of
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services import access
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage

USUAL_DAYS = 180


class Decision(forms.Form):
    """Which role and until when; declining needs only the words."""

    role = forms.ChoiceField(help_text="Roles that hold the right, those with the fewest rights first.")
    valid_until = LastDay()
    note = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        required=False,
        help_text="The person reads it. Needed to decline.",
    )

    def __init__(self, *, right: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["role"].choices = [
            (
                role.name,
                f"{role.label}: {role.description}{' Confirmed by a second person.' if role.deciding else ''}",
            )
            for role in access.roles_with(right)
        ]


class AccessDecide(ActionPage):
    """Grant a role, or decline."""

    queryset = AccessRequest.objects.select_related("person", "unit", "decided_by")
    object_name, right, form_class = "access", "people.grant", Decision
    title, submit = "{object}", "Grant the role"
    second_submit = ("decline", "Decline")
    template_name = "administration/access.html"
    crumbs = (("Administration", "/admin/people/"),)

    def find(self) -> AccessRequest:
        """Find a request on one of the reader's units."""
        found = super().find()
        if not rights_of(self.request.user).has("people.grant", unit_id=found.unit_id):
            raise NotFound(f"There is no request {found.pk} that you can see.")
        return found

    def form_kwargs(self) -> dict[str, Any]:
        """Offer roles that hold the right."""
        return {"right": self.object.right}

    def initial(self) -> dict[str, Any]:
        """Propose an end date: access has one."""
        return {"valid_until": portal_day(self.now) + timedelta(days=USUAL_DAYS)}

    def blockers(self) -> list[Blocker]:
        """It was decided, or is one's own."""
        if self.object.state != AccessRequest.State.ASKED:
            decided = f"{self.object.decided_by} decided: {self.object.get_state_display().lower()}."
            return [Blocker("decided", decided)]
        if self.object.person_id == self.request.user.pk:
            return [
                Blocker("own_request", "Nobody decides on a request of their own.", "another administrator")
            ]
        return []

    def act(self, *, by: Any, now: datetime, **data: Any) -> AccessRequest:
        """Decide."""
        if self.second_submit[0] in self.request.POST:
            return access.access_decline(access=self.object, note=data["note"], by=by, now=now)
        return access.access_grant(access=self.object, by=by, now=now, **data)

    def done(self, result: AccessRequest) -> tuple[str, str]:
        """Return to people."""
        waits = result.grant is not None and not result.grant.is_effective
        more = " A second person confirms the role." if waits else ""
        return f"{result.get_state_display()}: {result.person} is told.{more}", reverse(
            "administration:people"
        )

    def more(self) -> Mapping[str, Any]:
        """Say what the person wants, and which roles they hold."""
        held = RoleGrant.objects.filter(user=self.object.person, is_effective=True).select_related("unit")
        return {
            "what": label_of(self.object.right),
            "held": [(ROLES[grant.role].label, grant.unit or "one model") for grant in held.order_by("pk")],
        }
