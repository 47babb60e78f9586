"""Building exports, watching them being made, taking them away."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse

from approvals.models import ChangeRequest
from audits.exports.scopes import JOB_KINDS, LABELS, RIGHT, Scope, What
from audits.forms import FORMS
from audits.reading.model_names import offered
from audits.reading.workspace import exports_of
from audits.services import exports
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.web.forms import options_of
from mlops_portal.foundation.web.pages import ActionPage, CreatePage, Page, SeeOther
from mlops_portal.foundation.work.models import Job
from registry.models import Deployment

SHORT = {"pack": What.PACK, "log": What.CHANGE_LOG}  # as people write addresses
EXPORTS = Job.objects.filter(kind__in=JOB_KINDS.values()).select_related("owner", "unit")
NOTES = {
    What.PACK: "One release with everything a stranger needs to check it offline: report, tables, dossier, decisions, ledger entries with proofs, and the program that verifies them.",
    What.CHANGE_LOG: "One line per ledger entry, in the order of the ledger, never later than the last signed checkpoint. As ZIP with the entries themselves and what proves them.",
    What.INVENTORY: "Every model as it was at a moment: owner, tier, state and unit of that time.",
}
CHECKS = {
    What.PACK: (
        ("ZIP", "Every file is the one whose digest the portal entered in the ledger when the pack was made, every entry is in the signed tree, and every decision and part of the dossier has the digest that was signed."),
    ),
    What.CHANGE_LOG: (
        ("ZIP", "Every line is compared with its entry, and the entries lead to the signed root of the ledger. Of a log without unit, model and period it is shown that no entry is missing; of a part, that each line is true, while what belongs to the part is the portal's word. Names of today (actor, unit, model) stand in no entry: the ledger holds the digest of the CSV."),
        ("CSV, XLSX", "Not by themselves. The ledger holds the digest of the file (the entry “made an export”), which this portal alone can show."),
    ),
    What.INVENTORY: (
        ("ZIP", "The CSV is the one whose digest the portal entered in the ledger, at a place that is proved. The values rest on entries that the change log holds."),
        ("CSV, XLSX", "Not by themselves. The ledger holds the digest of the file (the entry “made an export”), which this portal alone can show."),
    ),
}  # fmt: skip
SAMPLES = {
    What.PACK: "release-pack-CR-12-….zip",
    What.CHANGE_LOG: "change-log-….zip",
    What.INVENTORY: "inventory-….zip",
}


class Exports(CreatePage):
    """What, of whom, when, in which form; and what was made before."""

    title, right, template_name = "Exports", RIGHT, "audits/exports.html"
    submit, back_url = "Start export", "audits:exports"
    fragment = "audits/exports.html#form"

    def prepare(self) -> None:
        """Read which kind of export is built."""
        given = self.request.GET.get("what", What.PACK)
        given = SHORT.get(given, given)
        self.what = What(given) if given in set(What) else What.PACK
        self.form_class = FORMS[self.what]

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only what the person may export."""
        found = {"find": self.request.GET.get("find", "")[:200]} if self.what == What.PACK else {}
        return {"user": self.request.user, **found}

    def initial(self) -> dict[str, Any]:
        """Take scope from the address: links of other pages fill it in."""
        return {
            name: value for name, value in self.request.GET.items() if name in self.form_class.base_fields
        }

    def act(self, *, by: Any, now: datetime, scope: Scope, **data: Any) -> Job:
        """Start it."""
        return exports.export_start(scope=scope, by=by, now=now)

    def done(self, result: Job) -> tuple[str, str]:
        """Show it among the jobs."""
        return "The export has started.", f"{reverse('audits:exports')}?what={self.what}#job-{result.pk}"

    def more(self) -> Mapping[str, Any]:
        """Read the exports of this person."""
        return {
            "what": self.what,
            "kinds": [(one, LABELS[one]) for one in What],
            "note": NOTES[self.what],
            "checks": CHECKS[self.what],
            "sample": SAMPLES[self.what],
            "find": self.request.GET.get("find", ""),
            "is_pack": self.what == What.PACK,
            "exports": exports_of(self.request.user, limit=30),
        }


class ModelsOffered(Page):
    """Suggestions for the model of a change log, as it is typed."""

    right = RIGHT

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer with options."""
        return HttpResponse(options_of(offered(request.GET.get("model", ""), user=request.user)))


class ExportObject(Page):
    """Base of acts on one export."""

    right = RIGHT

    def find(self, pk: int) -> Job:
        """Return an export the person may see.

        Raises:
            NotFound: there is none.
        """
        job = EXPORTS.visible_to(self.request.user).filter(pk=pk).first()
        if job is None:
            raise NotFound(f"There is no export {pk} that you can see.")
        return job


class Download(ExportObject):
    """Sends the file of an export; the download is an entry."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Record, then send."""
        job = self.find(pk)
        file = exports.export_taken(job=job, by=request.user, now=self.now)
        return download(file, name=job.result.get("name", ""))


class Again(ExportObject):
    """Makes an export once more."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Start it again."""
        job = exports.export_again(job=self.find(pk), by=request.user, now=self.now)
        what = Scope.of(job.params).what
        return SeeOther(f"{reverse('audits:exports')}?what={what}#job-{job.pk}")


class ChangePack(ActionPage):
    """The evidence pack of one change request: what it will hold, and the button that makes it."""

    queryset: Any = ChangeRequest.objects.select_related("model", "unit")
    right, object_name = RIGHT, "change"
    submit, template_name = "Make the evidence pack", "audits/pack.html"
    fragment = "audits/pack.html#form"

    def get_title(self) -> str:
        """Name the change by its number."""
        return f"Evidence pack of {self.change().code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the object."""
        code = getattr(self.object, "code", "") or f"Deployment {self.object.pk}"
        return [(code, self.object.get_absolute_url()), ("Evidence pack", "")]

    def change(self) -> ChangeRequest:
        """Return the change request the pack is about."""
        return self.object

    def act(self, *, by: Any, now: datetime, **data: Any) -> Job:
        """Start it."""
        return exports.export_start(scope=Scope(What.PACK, "zip", change_id=self.change().pk), by=by, now=now)

    def done(self, result: Job) -> tuple[str, str]:
        """Show it among the jobs."""
        return (
            "The evidence pack is being made.",
            f"{reverse('audits:exports')}?what={What.PACK}#job-{result.pk}",
        )

    def more(self) -> Mapping[str, Any]:
        """Name the change and earlier packs of it."""
        change = self.change()
        made = [
            job for job in exports_of(self.request.user, limit=30) if job.params.get("change_id") == change.pk
        ]
        return {"change": change, "exports": made}


class DeploymentPack(ChangePack):
    """The same from a deployment: the pack of the change that caused it."""

    queryset = Deployment.objects.select_related("version__model", "environment")
    object_name = "deployment"

    def get_queryset(self) -> QuerySet:
        """Return deployments that a change request caused."""
        return super().get_queryset().filter(change_id__isnull=False)

    def change(self) -> ChangeRequest:
        """Return the change request that caused the deployment."""
        rows = ChangeRequest.objects.visible_to(self.request.user, RIGHT).select_related("model", "unit")
        return get_object_or_404(rows, pk=self.object.change_id)
