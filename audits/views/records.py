"""The history of records: tabs of models, versions, data sets, pipelines and change requests, and the inventory as of a moment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from approvals.models import ChangeRequest
from audits.exports.inventory import models_as_of
from audits.filtersets import PastModelFilters
from audits.reading.records import steps_of
from audits.tables import PastModelTable
from mlops_portal.foundation.errors import Invalid, invalid
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.web.pages import DetailPage, ListPage, parse_as_of
from registry.models import Dataset, FeaturePipeline, ModelVersion, RegisteredModel

AFTER_ALL = 2**62  # no row of history has a higher id
_signer = Signer(salt="audits.history")


class History(DetailPage):
    """Every change of one record, newest first, field by field."""

    template_name = "audits/history.html"
    kind = ""

    def get_title(self) -> str:
        """Name the record."""
        return f"History of {self.object}"

    def subject(self) -> Model:
        """Return the record whose history it is."""
        return self.object

    def more(self) -> Mapping[str, Any]:
        """Read one page of steps."""
        place = _place(self.request.GET.get("before", "")) or (self.as_of and (self.as_of, AFTER_ALL))
        steps, following = steps_of(self.subject(), user=self.request.user, before=place)
        after = _signer.sign_object([following[0].isoformat(), following[1]]) if following else ""
        return {
            "steps": steps,
            "next": after.replace(":", "."),
            "kind": self.kind,
            "now_text": timezone.localtime(self.as_of or self.now),
        }


def _place(token: str) -> tuple[datetime, int] | None:
    if not token:
        return None
    try:
        at, history_id = _signer.unsign_object(token.replace(".", ":"))
        return datetime.fromisoformat(at), int(history_id)
    except (BadSignature, ValueError, TypeError, UnicodeDecodeError) as error:
        raise invalid("before", "This place in the history is not known. Start from the newest.") from error


class ModelHistory(History):
    """The tab of a model; leads to the model as of a day."""

    queryset = RegisteredModel.objects.select_related("unit", "counter", "owner", "validator")
    right, object_name, kind = "registry.view", "model", "model"
    shows_past = True

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [
            ("Models", reverse("registry:model-list")),
            (str(self.object), self.object.get_absolute_url()),
            ("History", ""),
        ]


class VersionHistory(History):
    """The tab of a version."""

    queryset = ModelVersion.objects.select_related("model__counter", "unit")
    right, object_name, kind = "registry.view", "version", "version"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over model and version."""
        model = self.object.model
        return [
            ("Models", reverse("registry:model-list")),
            (str(model), model.get_absolute_url()),
            (str(self.object), self.object.get_absolute_url()),
            ("History", ""),
        ]


class ChangeHistory(History):
    """The history of a change request."""

    queryset = ChangeRequest.objects.select_related("model", "unit")
    right, object_name, kind = "approvals.view", "change", "change"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the change request."""
        return [
            ("Approvals", "/approvals/"),
            (self.object.code, self.object.get_absolute_url()),
            ("History", ""),
        ]


class DatasetHistory(History):
    """The tab of a data set."""

    queryset = Dataset.objects.select_related("unit")
    right, object_name, kind = "registry.view", "source", "dataset"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the data set."""
        return _source_crumbs("Data sets", "registry:dataset-list", self.object)

    def more(self) -> Mapping[str, Any]:
        """Add the address of the tab beside this one."""
        return {**super().more(), "uses_url": reverse("registry:dataset-uses", args=[self.object.pk])}


class PipelineHistory(History):
    """The tab of a feature pipeline."""

    queryset = FeaturePipeline.objects.select_related("unit")
    right, object_name, kind = "registry.view", "source", "pipeline"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the pipeline."""
        return _source_crumbs("Feature pipelines", "registry:pipeline-list", self.object)

    def more(self) -> Mapping[str, Any]:
        """Add the address of the tab beside this one."""
        return {**super().more(), "uses_url": reverse("registry:pipeline-uses", args=[self.object.pk])}


def _source_crumbs(title: str, name: str, source: Dataset | FeaturePipeline) -> list[tuple[str, str]]:
    return [(title, reverse(name)), (str(source), source.get_absolute_url()), ("History", "")]


class PastInventory(ListPage):
    """Models as they were at a moment, for today's rights on the unit each had then."""

    queryset = history_model(RegisteredModel).objects.all()
    filterset_class, table_class, template_name = (
        PastModelFilters,
        PastModelTable,
        "audits/past_inventory.html",
    )
    title, noun, right = "Inventory as of a day", "model", "audits.view_ledger"
    exports = ("csv", "xlsx")
    crumbs = (("Audit", "/audit/"),)
    empty_title = "No model then"
    empty_text = "No model of your units existed at that moment."

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Read the moment; without one it is now."""
        query = request.GET.copy()
        query["as_of"] = query.get("at", "")
        request.GET = query
        self.at, self.wrong = self.now, ""
        try:
            self.at = parse_as_of(request) or self.now
        except Invalid as error:
            self.wrong = " ".join(one.message for one in error.errors)
        query.pop("as_of")
        return super().get(request, *args, **kwargs)

    def get_problems(self) -> Mapping[str, str]:
        """Say what is wrong with the moment."""
        return {"at": self.wrong} if self.wrong else {}

    def get_queryset(self) -> QuerySet:
        """Return the rows in force then."""
        return models_as_of(self.at, self.request.user, right=self.right).select_related("unit", "owner")

    def more(self) -> Mapping[str, Any]:
        """Tell each row the moment its link leads to."""
        found = dict(super().more())
        text = timezone.localtime(self.at).strftime("%Y-%m-%d %H:%M")
        for row in found["rows_page"].rows:
            row.as_of_text = text.replace(" ", "T")
        return {**found, "at": self.at, "at_text": self.request.GET.get("at", "") if self.wrong else text}
