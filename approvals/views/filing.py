"""From a thought to a filed request: new, edit with the gates beside it, file, withdraw; and the lists of requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from approvals import filtersets, forms, policies, tables
from approvals.asked import asked_of
from approvals.evaluation import Evaluation
from approvals.models import ChangeRequest
from approvals.services import changes as services
from approvals.services.submission import change_submit
from approvals.states import ChangeKind, ChangeState
from approvals.views.drafts import fields_left_out, filing_state, not_asked
from approvals.views.scope import ChangeMixin, gates_words
from mlops_portal.foundation.errors import NotFound, invalid
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import Action, ActionPage, CreatePage, ListPage, Page, Preset, SeeOther
from mlops_portal.foundation.web.rows import AddsRows
from registry.models import Deployment, ModelVersion, RegisteredModel

FILES = ("approvals.request", "approvals.rollback")  # who only rolls back files that and nothing else
NEW = Action("New request", "approvals:new", right=FILES, icon="plus", primary=True)


class ChangeList(ListPage):
    """Every change request the reader may see."""

    queryset = ChangeRequest.objects.select_related("model", "unit", "version", "environment", "requester")
    filterset_class, table_class = filtersets.ChangeFilters, tables.ChangeTable
    title, noun, right = "Change requests", "request", "approvals.view"
    exports = ("csv", "xlsx")
    actions = (NEW,)
    presets = (
        Preset("All requests", ""),
        Preset("In review", "state=in_review"),
        Preset("Approved, not running", "state=approved&state=scheduled"),
        Preset("Blocked by a gate", "evidence=blocked&state=in_review"),
        Preset("Rejected or failed", "state=rejected&state=failed&state=rolled_back"),
    )
    empty_title = "No change request yet"
    empty_text = "A model's page offers “Request a change”."

    def get_queryset(self) -> QuerySet:
        """Order what was never filed last."""
        return super().get_queryset().annotate(tier_order=F("decided_tier"))


class MyChanges(ChangeList):
    """What this person asked for."""

    title, right = "My requests", "approvals.request"
    presets = (
        Preset("All of mine", ""),
        Preset("I owe something", "state=draft&state=changes_requested"),
        Preset("In review", "state=in_review"),
    )
    empty_title = "You asked for nothing yet"

    def get_queryset(self) -> QuerySet:
        """Narrow to one's own."""
        return super().get_queryset().filter(requester=self.request.user)


def step_fields(content: forms.ChangeContent) -> dict[str, Any]:
    """Return the fields of the form under the steps of the page."""
    return {
        "content": content,
        "has_way_back": "rollback_target" in content.fields,
        **{f"{step}_fields": content.part(step) for step in ("why", "evidence", "rollback")},
    }


class NewChange(AddsRows, CreatePage):
    """One column, four steps: the first fixes what the request is about, the next page holds the rest with its gates."""

    right, title, submit = FILES, "New request", "Save the draft and run the gates"
    template_name, fragment = "approvals/new.html", "approvals/new.html#form"
    crumbs = (("Approvals", "/approvals/"),)

    def get_back_url(self) -> str:
        """Return to one's own requests, or to all of them."""
        return reverse("approvals:mine" if self.holds("approvals.request") else "approvals:change-list")

    def kinds(self) -> list[tuple[str, str]]:
        """Return what the reader may ask for here."""
        assert self.model is not None  # noqa: S101  (make_form asked)
        asks = self.holds("approvals.request", unit_id=self.model.unit_id, model_id=self.model.pk)
        return [(kind, label) for kind, label in ChangeKind.choices if asks or kind == ChangeKind.ROLLBACK]

    def prepare(self) -> None:
        """Find the model of the address, and the version where it names one.

        Raises:
            NotFound: the person files nothing for such a model.
        """
        given = self.request.GET.get("model", "")
        self.model: RegisteredModel | None = None
        if not given:
            return
        found = RegisteredModel.objects.alive().visible_to(self.request.user).select_related("unit")
        self.model = found.filter(pk=given).first() if given.isdecimal() and len(given) < 18 else None
        if self.model is None:
            raise NotFound(f"There is no model {given} that you can see.")
        self.check_scope(self.model)

    def make_form(self, data: Any = None, files: Any = None) -> Any:
        """Build both forms of the page; without a model the first question is for which one.

        Raises:
            NotFound: something was sent although no model is named.
        """
        if self.model is None:
            if data is not None:
                raise NotFound("Choose a model first.")
            return forms.ModelChoice(user=self.request.user)
        initial = {name: self.request.GET.get(name) for name in ("kind", "environment")}
        named = initial["kind"] if initial["kind"] in ChangeKind.values else ""
        self.content = forms.ChangeContent(
            data=data, model=self.model, without=fields_left_out(self.model, kind=named)
        )
        number = self.request.GET.get("version", "")
        if number.isdecimal() and len(number) < 10:
            initial["version"] = (
                ModelVersion.objects.filter(model=self.model, number=number)
                .values_list("pk", flat=True)
                .first()
            )
        kinds = self.kinds()
        initial["kind"] = initial["kind"] or kinds[0][0]
        form = forms.NewChange(
            data=data, initial=initial, model=self.model, user=self.request.user, kinds=kinds
        )
        if initial["kind"] == ChangeKind.DEPLOY:
            for name in ("version", "environment"):
                form.initial[name] = form.initial.get(name) or form.fields[name].queryset.first()
        return form

    def get_forms(self) -> list[Any]:
        """Name both forms of the page."""
        return [self.form, self.content]

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Save the draft."""
        assert self.model is not None  # noqa: S101  (make_form asked)
        unasked = not_asked(data["kind"])
        content = {
            name: value
            for name, value in self.content_data().items()
            if value not in ("", None, [], {}) and name not in unasked
        }
        return services.change_draft(model=self.model, by=by, now=now, **data, **content)

    def content_data(self) -> dict[str, Any]:
        """Return what was typed into the other steps.

        Raises:
            Invalid: a field does not read.
        """
        self.content.full_clean()
        if self.content.errors:
            name, errors = next(iter(self.content.errors.items()))
            raise invalid(name, str(errors[0]))
        return self.content.content()

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Go on with the draft."""
        return f"{result.code} is drafted.", reverse("approvals:edit", args=[result.pk])

    def more(self) -> Mapping[str, Any]:
        """Name the model."""
        content = getattr(self, "content", None)
        return {"model": self.model, **(step_fields(content) if content else {})}


class RequestFor(Page):
    """The way in from a page of the registry: leads to the new request with model and version filled in."""

    right = "approvals.request"
    label, kind = "model", ""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect."""
        new = reverse("approvals:new")
        if self.label == "model":
            return SeeOther(f"{new}?model={kwargs['pk']}{f'&kind={self.kind}' if self.kind else ''}")
        if self.label == "version":
            version = ModelVersion.objects.alive().visible_to(request.user).filter(pk=kwargs["pk"]).first()
            if version is None:
                raise NotFound("There is no such version that you can see.")
            return SeeOther(f"{new}?model={version.model_id}&version={version.number}")
        deployment = (
            Deployment.objects.visible_to(request.user)
            .filter(pk=kwargs["pk"])
            .select_related("version")
            .first()
        )
        if deployment is None:
            raise NotFound("There is no such deployment that you can see.")
        return SeeOther(
            f"{new}?model={deployment.model_id}&version={deployment.version.number}"
            f"&environment={deployment.environment_id}&kind={self.kind}"
        )


class FilingMixin(ChangeMixin):
    """An act of whoever may file a request of this kind."""

    right = FILES

    def check_scope(self, subject: ChangeRequest) -> None:
        """Refuse who only rolls back any other request.

        Raises:
            NotAllowed: naming the right in words.
        """
        services.require_filing(
            self.request.user, kind=subject.kind, unit_id=subject.unit_id, model_id=subject.model_id
        )


class EditChange(AddsRows, FilingMixin, ActionPage):
    """The draft with its gates in the rail; "File" is off until what is required is there."""

    crumb = "Edit"
    title = "Edit {object}"
    submit = "Save and run the gates"
    template_name, fragment = "approvals/edit.html", "approvals/edit.html#form"

    def make_form(self, data: Any = None, files: Any = None) -> forms.ChangeContent:
        """Build the form from the draft."""
        self.asked = asked_of(self.object)
        return forms.ChangeContent(
            data=data,
            initial=forms.content_of(self.object),
            model=self.object.model,
            asked=[one for one in self.asked if one.is_open],
            change=self.object,
            without=fields_left_out(self.object.model, self.object),
        )

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Save under the revision the form was built from."""
        revision = self.request.POST.get("row_revision", "")
        return services.change_update(
            change=self.object,
            row_revision=int(revision) if revision.isdecimal() and len(revision) < 18 else -1,
            by=by,
            now=now,
            **self.form.content(),
        )

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Stay with the draft."""
        return "Saved. The gates have run.", reverse("approvals:edit", args=[self.object.pk])

    def blockers(self) -> list[Blocker]:
        """Only drafts and requests sent back are edited."""
        found = policies.requester_blockers(self.object, self.request.user)
        if self.object.state not in services.EDITABLE_STATES:
            found.append(Blocker("not_editable", "Only a draft, or a request sent back, is edited."))
        return found

    def more(self) -> Mapping[str, Any]:
        """Run the gates on the draft, and list what is missing before it can be filed."""
        change = self.object
        evaluation, missing = filing_state(change, now=self.now)
        order = {"fail": 0, "no_data": 0, "waived": 1, "pass": 2, "not_applicable": 3}
        readings = [(row, evaluation.outcome_of(row)) for row in evaluation.readings] if evaluation else []
        shown = sorted(
            ((row, outcome) for row, outcome in readings if outcome != "not_applicable"),
            key=lambda one: order[one[1]],
        )
        return {
            **step_fields(self.form),
            "form_revision": self.request.POST.get("row_revision") or change.row_revision,
            "next_revision": change.dossier_number + 1,
            "evaluation": evaluation,
            "readings": shown,
            "failing_count": len(evaluation.blocking) if evaluation else 0,
            "missing": missing,
            "fails": words_of_failing(evaluation) if evaluation else "",
            "again": change.state == ChangeState.CHANGES_REQUESTED,
            "asked": self.asked,
            "answer_fields": self.form.answers(),
        }


def words_of_failing(evaluation: Evaluation) -> str:
    """Say which blocking gates filing leaves closed, and what opens each; empty where none fails."""
    waivable = [row.gate.id for row in evaluation.blocking if row.gate.waiver is not None]
    fixed = [row.gate.id for row in evaluation.blocking if row.gate.waiver is None]
    if not waivable and not fixed:
        return ""
    found = [f"Filed as it is, the request cannot be approved: {gates_words(waivable + fixed).lower()}."]
    if waivable:
        found.append(f"{', '.join(waivable)} will need a fix or a waiver.")
    if fixed:
        found.append(f"{', '.join(fixed)} will need a fix: no waiver exists.")
    return " ".join(found)


class FileChange(FilingMixin, ActionPage):
    """File a draft, or file again what was sent back: the act is the button."""

    title, submit = "File {object}", "File {object}"

    def get_back_url(self) -> str:
        """Return to the draft."""
        return reverse("approvals:edit", args=[self.object.pk])

    def blockers(self) -> list[Blocker]:
        """What is missing."""
        return filing_state(self.object, now=self.now)[1]

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Freeze the dossier, run the gates, open the first stage."""
        return change_submit(change=self.object, by=by, now=now)

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Show the request."""
        return f"{result.code} is filed as revision {result.dossier_number}.", result.get_absolute_url()


class Withdraw(FilingMixin, ActionPage):
    """Take a request back."""

    crumb = "Withdraw"
    form_class, danger = forms.Reason, True
    title, submit = "Withdraw {object}", "Withdraw the request"

    def blockers(self) -> list[Blocker]:
        """Approved requests expire or are revoked instead."""
        return policies.move_blockers(self.object, ChangeState.WITHDRAWN) + policies.requester_blockers(
            self.object, self.request.user
        )

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Withdraw it."""
        return services.change_withdraw(change=self.object, by=by, now=now, **data)

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Show it."""
        return f"{self.object.code} is withdrawn.", self.object.get_absolute_url()
