"""The portfolio and the page of one model."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.forms import CharField, Form, Textarea
from django.urls import reverse

from mlops_portal.foundation.web.filters import clean_query
from mlops_portal.foundation.web.forms import Day
from mlops_portal.foundation.web.pages import (
    Action,
    ActionPage,
    BulkAct,
    CreatePage,
    DetailPage,
    ListPage,
    Preset,
)
from registry import filtersets, forms, tables
from registry.behind import tell_requests
from registry.models import RegisteredModel
from registry.queries import model_page, portfolio
from registry.queries.custom import offered_for
from registry.queries.facts import ATTESTATION, record_gaps, unstated_gaps
from registry.services import models as services
from registry.views.versions import NamedThen


class ModelList(ListPage):
    """Every model the reader may see."""

    queryset = RegisteredModel.objects.inventory().select_related("unit", "owner", "counter")
    headline_name, always_counted = "registry/portfolio_head.html", ("tier",)
    filterset_class = filtersets.ModelFilters
    table_class = tables.ModelTable
    title, noun, right = "Models", "model", "registry.view"
    exports = ("csv", "xlsx")
    bulk = (BulkAct("Assign an owner", "registry:models-assign-owner", "registry.edit", "users"),)
    actions = (
        Action("Import an inventory", "registry:import-start", right="registry.import", icon="download"),
        Action(
            "Register a model",
            "registry:model-register",
            right="registry.register",
            icon="plus",
            primary=True,
        ),
    )
    presets = (
        Preset("All models", ""),
        Preset("In production", "state=in_production"),
        Preset("Tier 1 and 2", "tier=1&tier=2"),
        Preset("Review overdue", "review=overdue"),
        Preset("Without tier", "tier=0"),
    )
    empty_title = "No models yet"
    empty_text = "Register a model, import an inventory, or point an MLflow client at the portal."

    def get_queryset(self) -> QuerySet:
        """Add what runs in production, what is open and how complete the documents were."""
        return portfolio.with_columns(super().get_queryset().with_title_key())

    def more(self) -> Mapping[str, Any]:
        """Say how many models of each tier pass the other filters; each number leads to them."""
        found = dict(super().more())
        rest = clean_query(self.request.GET, "tier")
        counts = found["counts"].get("tier", {})
        tiers = [(str(number), number) for number in (1, 2, 3, 4)] + [("0", None)]
        found["tiers"] = [
            (tier, counts.get(value, 0), f"{rest.urlencode()}{'&' if rest else ''}tier={value}")
            for value, tier in tiers
        ]
        return found


class ModelDetail(NamedThen, DetailPage):
    """Everything about one model, now or as of a moment."""

    # Few tables are joined: people are read after, which costs less than planning the joins.
    queryset = (
        RegisteredModel.objects.alive()
        .select_related("unit", "counter", "replacement")
        .prefetch_related("owner", "developer", "validator", "accountable_executive", "sponsor")
    )
    template_name, right, object_name = "registry/model.html", "registry.view", "model"
    shows_past = True

    def get_title(self) -> str:
        """Name the model as it was called then."""
        return self.named

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the portfolio and the unit."""
        models = reverse("registry:model-list")
        unit = self.object.unit
        return [("Models", models), (unit.name, f"{models}?unit={unit.pk}"), (self.get_title(), "")]

    def more(self) -> Mapping[str, Any]:
        """Read the page in a fixed number of statements."""
        found = model_page.read(self.object, at=self.as_of, user=self.request.user)
        tell_requests(self.request.user, found["live"], self.as_of)
        return found


class ModelRegister(CreatePage):
    """Put a model into the inventory."""

    form_class, right = forms.ModelRegistration, "registry.register"
    title, submit, back_url = "Register a model", "Register model", "registry:model-list"
    crumbs = (("Models", "/models/"),)

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units on which this person may register."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> RegisteredModel:
        """Register it."""
        return services.model_register(by=by, now=now, **data)

    def done(self, result: RegisteredModel) -> tuple[str, str]:
        """Show the new model."""
        return f"{result} is registered.", result.get_absolute_url()


class ModelEdit(ActionPage):
    """Change the record of a model."""

    queryset, right, object_name = (
        RegisteredModel.objects.alive().select_related("unit"),
        "registry.edit",
        "model",
    )
    form_class, title, submit = forms.ModelEdit, "Edit {object}", "Save the record"

    def initial(self) -> dict[str, Any]:
        """Start with the record as it is."""
        return {name: getattr(self.object, name) for name in forms.ModelEdit.base_fields if name != "reason"}

    def form_kwargs(self) -> dict[str, Any]:
        """Add the fields that the model's unit declares."""
        return {
            "custom": offered_for(self.object.unit_id, self.object.custom),
            "values": self.object.custom,
            "unstated": self.object.unstated,
        }

    def act(self, *, by: Any, now: datetime, **data: Any) -> RegisteredModel:
        """Save it."""
        return services.model_update(model=self.object, by=by, now=now, **data)


class Attestation(Form):
    """What may be said with an attestation."""

    next_review_on = Day(required=False, label="Next review", help_text="Stays as it is when left empty.")
    note = CharField(widget=Textarea(attrs={"rows": 2}), required=False, max_length=500)


class ModelAttest(ActionPage):
    """Say that the record is right."""

    told = "The record of {object} is attested."
    queryset, right, object_name = (
        RegisteredModel.objects.alive().select_related("unit"),
        "registry.edit",
        "model",
    )
    form_class, template_name = Attestation, "registry/attest.html"
    title, submit = "Attest {object}", "The record is right as it stands"

    @property
    def lede(self) -> str:
        """Name what nobody stated so far and the attestation states."""
        gaps = unstated_gaps(self.object)
        return f"This states, too, what the record holds by default: {'; '.join(gaps)}." if gaps else ""

    def more(self) -> Mapping[str, Any]:
        """Show what is attested, and what it lacks besides the attestation."""
        gaps = record_gaps(self.object, now=self.now)
        return {"model": self.object, "gaps": [gap for gap in gaps if not gap.startswith(ATTESTATION)]}

    def act(self, *, by: Any, now: datetime, **data: Any) -> RegisteredModel:
        """Attest it."""
        return services.model_attest(model=self.object, by=by, now=now, **data)


class ModelDelete(ActionPage):
    """Remove a model that was registered by mistake; its history stays."""

    queryset, right, object_name = (
        RegisteredModel.objects.alive().select_related("unit"),
        "registry.delete",
        "model",
    )
    form_class, title, submit, danger = forms.Reason, "Delete {object}", "Delete {object}", True

    def act(self, *, by: Any, now: datetime, **data: Any) -> RegisteredModel:
        """Leave a tombstone."""
        return services.model_delete(model=self.object, by=by, now=now, **data)

    def done(self, result: RegisteredModel) -> tuple[str, str]:
        """Return to the portfolio."""
        return f"{result} is deleted; its history stays.", reverse("registry:model-list")
