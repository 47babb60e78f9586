"""Validations of every model: those of a validator first, what each waits for, and whose validity ends."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from approvals import filtersets, tables
from approvals.models import Validation
from approvals.queries.validation_list import MINE_OPEN, with_what_is_open
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.pages import ListPage, Preset

MINE = (Preset("Mine, open", MINE_OPEN), Preset("Mine", "mine=yes"))
EVERY = (
    Preset("All validations", ""),
    Preset("Open", "state=open"),
    Preset("Ends within 60 days", "ends=60"),
    Preset("Ended", "ends=ended"),
)

NONE_LEFT = "“Mine” lists those that are concluded, too."


class ValidationList(ListPage):
    """Every validation the reader may see."""

    queryset = Validation.objects.select_related("model", "unit", "version__model", "validator")
    filterset_class, table_class = filtersets.ValidationFilters, tables.ValidationTable
    title, noun, right = "Validations", "validation", "approvals.view"
    exports = ("csv", "xlsx")
    empty_title = "No validation yet"
    empty_text = "A validator opens one on the page of a version, with “Validate”."

    def get_queryset(self) -> QuerySet:
        """Count what is open in each."""
        return with_what_is_open(super().get_queryset())

    def get_presets(self) -> Sequence[Preset]:
        """Offer a validator their own first."""
        may = rights_of(self.request.user).has("approvals.validate")
        return (*MINE, *EVERY) if may else EVERY

    def more(self) -> Mapping[str, Any]:
        """Say that nothing is one's own where nothing else was asked for."""
        found = super().more()
        chosen = {name for name in self.request.GET if self.request.GET[name]}
        is_own = "mine" in chosen and chosen <= {"mine", "state", "sort", "col"}
        if is_own and not found["rows_page"].rows:
            own = self.get_queryset().filter(validator=self.request.user)
            if own.exists():
                self.empty_title, self.empty_text = "No validation of yours is in this state", NONE_LEFT
            else:
                self.empty_title = "No validation is assigned to you"
            return {**found, "is_filtered": False}
        return found
