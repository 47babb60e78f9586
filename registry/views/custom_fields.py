"""Custom fields: which there are, what they ask for, and what happens to values when one goes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from mlops_portal.foundation.web.pages import Action, ActionPage, CreatePage, Crumbs, ListPage
from mlops_portal.foundation.web.words import plural
from registry import filtersets, forms, tables
from registry.models import CustomField
from registry.queries import custom
from registry.services import custom_fields as services

MANAGE = "registry.manage_fields"
HERE = (("Administration", "/admin/people/"),)
LIST = (*HERE, ("Custom fields", "/fields/"))


class FieldList(ListPage):
    """The fields that the reader manages."""

    queryset = CustomField.objects.select_related("unit")
    filterset_class, table_class = filtersets.FieldFilters, tables.FieldTable
    title, noun, right, crumbs = "Custom fields", "field", MANAGE, HERE
    lede = "What a unit records of its models beyond the inventory. Where a unit above uses the same key, the nearer counts."
    exports = ("csv", "xlsx")
    actions = (Action("Add a field", "registry:field-create", right=MANAGE, icon="plus", primary=True),)
    empty_title = "No custom field yet"
    empty_text = (
        "Add one, or import an inventory: its columns without a place of their own become custom fields."
    )

    def get_queryset(self) -> QuerySet:
        """Return the fields on whose unit the reader holds the right."""
        return self.queryset.all().visible_to(self.request.user, MANAGE)


class FieldCreate(CreatePage):
    """Declare a field."""

    form_class, right = forms.FieldEntry, MANAGE
    title, submit, back_url, crumbs = "Add a custom field", "Add field", "registry:field-list", LIST

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units whose fields this person manages."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> CustomField:
        """Declare it."""
        return services.custom_field_add(by=by, now=now, **data)

    def done(self, result: CustomField) -> tuple[str, str]:
        """Return to the list, and say what a required field asks of the records that there are."""
        return f"{result.label} is added.{_duties(result)}", reverse("registry:field-list")


class FieldAction(ActionPage):
    """An act on a field."""

    queryset, right, object_name = CustomField.objects.select_related("unit"), MANAGE, "field"

    def prepare(self) -> None:
        """Count the models that hold a value."""
        super().prepare()
        custom.with_held([self.object])

    def get_crumbs(self) -> Crumbs:
        """Lead over the list."""
        return [*LIST, (self.get_title(), "")]


class FieldEdit(FieldAction):
    """Change what a field asks for."""

    form_class, title, submit = forms.FieldEdit, "Edit {object}", "Save the field"
    template_name = "registry/field.html"

    def initial(self) -> dict[str, Any]:
        """Start with what is declared."""
        return {name: getattr(self.object, name) for name in forms.FieldFacts.base_fields}

    def act(self, *, by: Any, now: datetime, **data: Any) -> CustomField:
        """Save it."""
        return services.custom_field_update(field=self.object, by=by, now=now, **data)

    def done(self, result: CustomField) -> tuple[str, str]:
        """Return to the list."""
        asks = _duties(result) if result.required and not self.object.required else ""
        return f"{result.label} is saved.{asks}", reverse("registry:field-list")


class FieldRemove(FieldAction):
    """Take a declaration away; values stay in the records."""

    form_class, danger = forms.Reason, True
    title, submit = "Remove {object}", "Remove {object}"
    template_name = "registry/field_remove.html"

    def more(self) -> Mapping[str, Any]:
        """Find what the values fall under then."""
        return {"above": custom.declared_above(self.object.unit, self.object.key)}

    def act(self, *, by: Any, now: datetime, **data: Any) -> CustomField:
        """Remove it."""
        services.custom_field_delete(field=self.object, by=by, now=now, **data)
        return self.object

    def done(self, result: CustomField) -> tuple[str, str]:
        """Say what became of the values."""
        kept = f" {plural(result.held, 'value stays,values stay')} in the records." if result.held else ""
        return f"{result.label} is removed.{kept}", reverse("registry:field-list")


def _duties(field: CustomField) -> str:
    """Say how many records a required field finds without a value."""
    custom.with_held([field])
    missing = field.reach - field.held if field.required else 0
    if not missing:
        return ""
    what = plural(missing, "model has,models have")
    return f" {what} no value yet; the next nightly run names it in the duty to complete the record."
