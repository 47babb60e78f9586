"""Assigning an owner to the models that were selected in the portfolio."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import CreatePage
from mlops_portal.foundation.web.selection import selected
from mlops_portal.foundation.web.words import plural
from registry import forms
from registry.models import RegisteredModel
from registry.services.owners import Assigned, models_assign_owner


class ModelsAssignOwner(CreatePage):
    """Says for each selected model whether its owner can be changed here, then changes them together."""

    form_class, right = forms.OwnerAssignment, "registry.edit"
    title, back_url = "Assign an owner", "registry:model-list"
    crumbs = (("Models", "/models/"),)
    template_name = "registry/assign_owner.html"

    def prepare(self) -> None:
        """Read the selected models among those this person may see, with the reason why one stays as it is."""
        chosen = selected(self.request)
        rows = RegisteredModel.objects.inventory().visible_to(self.request.user).filter(pk__in=chosen)
        rights = rights_of(self.request.user)
        self.rows = [
            (
                model,
                ""
                if rights.has("registry.edit", unit_id=model.unit_id, model_id=model.pk)
                else f"Your roles do not edit records of {model.unit}.",
            )
            for model in rows.select_related("unit", "owner").order_by("name", "pk")
        ]
        self.can = [model for model, refused in self.rows if not refused]
        self.outcomes: list[Assigned] = []

    def get_submit(self) -> str:
        """Name the effect."""
        return f"Change the owner of {plural(len(self.can), 'model')}"

    def blockers(self) -> list[Blocker]:
        """Nothing was selected, or nothing of it may be changed."""
        if not self.rows:
            return [Blocker("none_selected", "No model is selected. Select rows in the portfolio first.")]
        return (
            [] if self.can else [Blocker("not_yours", "None of the selected models can be changed by you.")]
        )

    def act(self, *, by: Any, now: datetime, **data: Any) -> list[Assigned]:
        """Change them; those refused above are not even tried."""
        self.owner = data["owner"]
        return models_assign_owner(models=self.can, by=by, now=now, **data)

    def done(self, result: list[Assigned]) -> tuple[str, str]:
        """Count what changed and show the models of the new owner."""
        changed = [one for one in result if not one.refused]
        if len(changed) < len(result):
            self.outcomes, self.form = result, self.make_form()
            self.can = [one.model for one in result if one.refused]
        url = f"{reverse('registry:model-list')}?owner={self.owner.pk}"
        return f"{self.owner} owns {plural(len(changed), 'more model')} now.", url

    def finish(self, message: str, url: str) -> HttpResponseBase:
        """Stay where some were refused, and say which and why."""
        return self.answer() if self.outcomes else super().finish(message, url)

    def more(self) -> Mapping[str, Any]:
        """List the models with what will happen to each."""
        return {"rows": self.rows, "outcomes": self.outcomes, "can": self.can}
