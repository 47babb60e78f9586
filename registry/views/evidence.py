"""Documents, risk rating, limits and lineage of a model."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase
from django.urls import reverse

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.events import Access, accessed
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.history import rows_as_of
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage, DetailPage
from registry import document_forms, forms, policies
from registry.gates import sections_wanted_of
from registry.models import (
    Document,
    DocumentSection,
    GovernanceOverride,
    ModelVersion,
    MonitoringPlan,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
)
from registry.queries import model_page
from registry.services import evidence as services
from registry.services import lineage, surroundings
from registry.views.versions import NamedThen, model_crumbs

MODELS = RegisteredModel.objects.alive().select_related("unit", "owner", "validator", "counter")


class ModelPart(NamedThen, DetailPage):
    """A tab of a model's page."""

    queryset, right, object_name = MODELS, "registry.view", "model"
    tab_title = ""

    def get_title(self) -> str:
        """Name tab and model, as it was called then."""
        return f"{self.tab_title} of {self.named}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        models = reverse("registry:model-list")
        return [("Models", models), (self.named, self.object.get_absolute_url()), (self.tab_title, "")]


class DocumentList(ModelPart):
    """All documents with their sections."""

    template_name, tab_title = "registry/documents.html", "Documents"

    def more(self) -> Mapping[str, Any]:
        """Read them in two statements."""
        return {"documents": model_page.documents_of(self.object)}


class DocumentDetail(DetailPage):
    """One document, section by section."""

    queryset = Document.objects.select_related(
        "model__unit", "model__counter", "version__model", "file", "approved_by", "uploaded_by"
    ).prefetch_related(
        Prefetch("sections", queryset=DocumentSection.objects.select_related("approved_by").order_by("pk"))
    )
    lookup = {"pk": "pk", "model": "model_id"}
    template_name, right, object_name = "registry/document.html", "registry.view", "document"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over model and documents."""
        model = self.object.model
        documents = reverse("registry:document-list", args=[model.pk])
        return [*model_crumbs(model), ("Documents", documents), (self.object.title, "")]

    def more(self) -> Mapping[str, Any]:
        """Name the model."""
        blockers = policies.document_approval_blockers(self.object, by=self.request.user)
        return {"model": self.object.model, "approval_blockers": blockers}


class Evidence(ModelPart):
    """Risk rating, governance, limits and the monitoring plan, with their history."""

    template_name, tab_title = "registry/evidence.html", "Risk and limits"
    shows_past = True

    def more(self) -> Mapping[str, Any]:
        """Read ratings, overrides, sets and plans, today or as they were."""
        ratings = self.rows(RiskAssessment, "proposed_by", "decided_by").order_by("-id")
        overrides = self.rows(GovernanceOverride, "decided_by", "ended_by").order_by("-id")
        sets = self.rows(ThresholdSet, "proposed_by", "locked_by").order_by("-number")
        return {
            "record": model_page.record_of(self.object, self.as_of),
            "ratings": model_page.with_successors(ratings[:20]),
            "overrides": [(one, self.as_of is None and one.is_live(self.now)) for one in overrides[:10]],
            "sets": list(sets[:20]),
            "plans": list(self.rows(MonitoringPlan, "owner", "created_by").order_by("-number")[:10]),
        }

    def rows(self, kind: Any, *people: str) -> QuerySet:
        """Return what belongs to the model."""
        if self.as_of is None:
            return kind.objects.filter(model=self.object).select_related(*people)
        return rows_as_of(kind, self.as_of, among={"model_id": self.object.pk}).select_related(*people)


class Lineage(ModelPart):
    """What it is made from and who depends on it."""

    template_name, tab_title = "registry/lineage.html", "Lineage"
    shows_past = True

    def more(self) -> Mapping[str, Any]:
        """Read the newest version's lineage and everything around the model."""
        return model_page.read(self.object, at=self.as_of, user=self.request.user)


class ModelAction(ActionPage):
    """An act on a model that returns to one of its tabs."""

    queryset, right, object_name = MODELS, "registry.edit", "model"
    tab = "registry:model-detail"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object), (self.get_title(), "")]

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the tab."""
        return self.told_of(result), reverse(self.tab, args=[self.object.pk])


class DocumentAdd(ModelAction):
    """Upload a document, name where it is, or begin to write it."""

    told = "“{result.title}” is added to {object}."
    form_class, tab = document_forms.DocumentUpload, "registry:document-list"
    title, submit = "Add a document to {object}", "Add document"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the model's versions, and the sections to begin with."""
        return {"model": self.object, "wanted": sections_wanted_of(self.object, self.now)}

    def initial(self) -> dict[str, Any]:
        """Start with the version of the address, else the newest: that is what evidence is written for."""
        versions = ModelVersion.objects.alive().filter(model=self.object)
        asked = self.request.GET.get("version", "")
        named = versions.filter(number=int(asked)).first() if asked.isdecimal() and len(asked) < 10 else None
        return {"version": named or versions.order_by("-number").first()}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Document:
        """Keep the file and save the document."""
        return services.document_upload(model=self.object, by=by, now=now, **data)

    def done(self, result: Document) -> tuple[str, str]:
        """Go on to the sections of what has none written yet."""
        message, url = super().done(result)
        if result.says_something:
            return message, url
        return message, reverse("registry:section-add", args=[result.model_id, result.pk])


class DocumentAction(ActionPage):
    """An act on a document."""

    queryset = Document.objects.select_related("model__unit", "model__counter")
    lookup: Mapping[str, str] = {"pk": "pk", "model": "model_id"}
    right, object_name = "registry.edit", "document"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over model and document."""
        url = reverse("registry:document-detail", args=[self.object.model_id, self.object.pk])
        return [*model_crumbs(self.object.model), (self.object.title, url), (self.get_title(), "")]

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the document."""
        url = reverse("registry:document-detail", args=[self.object.model_id, self.object.pk])
        return self.told_of(result), url


class DocumentApprove(DocumentAction):
    """Approve an edition that somebody else wrote."""

    told = "{object} is approved."
    title, submit = "Approve {object}", "Approve this edition"

    def blockers(self) -> list[Blocker]:
        """Say what stands against approving."""
        return policies.document_approval_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> Document:
        """Approve."""
        return services.document_approve(document=self.object, by=by, now=now)


class SectionsWrite(DocumentAction):
    """Write sections, or write them anew: those that the policy wants are listed."""

    form_class, title, submit = document_forms.SectionTexts, "Sections of {object}", "Save the sections"
    lede = (
        "Each section that the policy asks for counts for the completeness of the documents:"
        " approved ones whole, drafts half."
    )

    def form_kwargs(self) -> dict[str, Any]:
        """Ask for the sections of the document's model."""
        wanted = sections_wanted_of(self.object.model, self.now)
        return {"document": self.object, "wanted": wanted}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Document:
        """Save the document's next edition with these sections."""
        document = self.object
        return services.document_save(
            model=document.model,
            document=document,
            kind=document.kind,
            title=document.title,
            link=document.link,
            by=by,
            now=now,
            **data,
        )


class DocumentFile(DetailPage):
    """The file of a document, always as an attachment."""

    queryset = Document.objects.select_related("file", "unit", "model")
    lookup: Mapping[str, str] = {"pk": "pk", "model": "model_id"}
    right = "registry.view"

    def answer(self, *, fragment: str = "", status: int = 200) -> HttpResponseBase:
        """Send it and note the access."""
        if self.object.file is None:
            raise NotFound("This document has no file.")
        accessed.send(
            sender=type(self),
            access=Access(
                what="document downloaded",
                subject_label="registry.Document",
                subject_id=str(self.object.pk),
                actor_id=str(self.request.user.pk),
                at=self.now,
                client=self.request.META.get("REMOTE_ADDR", ""),
                unit_id=self.object.unit_id,
            ),
        )
        return download(self.object.file, name=self.object.file_name)


class ConsumerAdd(ModelAction):
    """Name who uses the output."""

    told = "“{result.name}” is a consumer of {object}."
    form_class, tab = forms.ConsumerEntry, "registry:lineage"
    title, submit = "Add a consumer of {object}", "Add consumer"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Add."""
        return surroundings.consumer_add(model=self.object, by=by, now=now, **data)


class DependencyAdd(ModelAction):
    """Name a model whose output this one reads."""

    told = "{object} reads the output of {result.upstream}."
    form_class, tab = forms.DependencyEntry, "registry:lineage"
    title, submit = "Add a model that {object} reads", "Add dependency"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only models the person may see."""
        return {"user": self.request.user, "model": self.object}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Add."""
        return lineage.dependency_add(model=self.object, by=by, now=now, **data)


class UseRequest(ModelAction):
    """Ask that another unit may use the model."""

    told = "{result.using_unit} is asked to accept the use of {object}."
    form_class, tab = forms.UseRequest, "registry:lineage"
    title, submit = "Ask for a use of {object}", "Ask the unit"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer other units."""
        return {"model": self.object}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Ask."""
        return surroundings.use_request(model=self.object, by=by, now=now, **data)


class UseDecide(ActionPage):
    """Accept or decline a use, for the using unit."""

    queryset = UnitUse.objects.select_related("model__unit", "model__owner", "using_unit", "requested_by")
    right, object_name, form_class = "registry.accept_use", "use", forms.UseDecision
    title, submit = "{object}", "Decide"
    template_name = "registry/use_decide.html"

    def get_queryset(self) -> QuerySet:
        """Uses that units of this person decide on."""
        units = rights_of(self.request.user).units("registry.accept_use")
        return self.queryset.filter(using_unit_id__in=units)

    def check_scope(self, subject: Any) -> None:
        """Nothing more to ask: the query set holds only uses of this person's units."""

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead to no page of the model: the using unit may not see it."""
        return [("Models", reverse("registry:model-list")), (self.get_title(), "")]

    def act(self, *, by: Any, now: datetime, **data: Any) -> UnitUse:
        """Decide."""
        return surroundings.use_decide(use=self.object, by=by, now=now, **data)

    def done(self, result: UnitUse) -> tuple[str, str]:
        """Return home."""
        return f"{result.get_state_display()}: {result.model} for {result.using_unit}.", reverse("home")
