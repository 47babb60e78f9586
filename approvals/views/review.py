"""The review page of a change request, its preview in the inbox, remarks, and the materiality of the change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase

from approvals import forms, tones
from approvals.models import Stage
from approvals.queries import execution_panel, inbox_page, review_page
from approvals.queries.clocks import clock_of
from approvals.queries.compared import compared
from approvals.queries.gate_rows import gate_rows
from approvals.queries.inbox_page import evidence_of
from approvals.services import conversation
from approvals.services.materiality import is_second_line, materiality_confirm
from approvals.services.reading import dossier_read
from approvals.states import ENDING_KINDS, ChangeState
from approvals.views.decision_bar import bar_for, may_ask_for_waivers, standing_of
from approvals.views.drafts import draft_gates
from approvals.views.scope import ChangeMixin, change_crumbs, gates_words
from mlops_portal.foundation.web.pages import ActionPage, DetailPage


class ChangeDetail(ChangeMixin, DetailPage):
    """Can I sign, what stops me, what gets worse, how do I get back: then evidence, then the record."""

    template_name = "approvals/change.html"

    def get_title(self) -> str:
        """Name what is asked for."""
        return self.object.title

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over inbox and model; this page comes last."""
        return change_crumbs(self.object)

    def more(self) -> Mapping[str, Any]:
        """Read the page, then ask gates and duties as they are now."""
        change, user = self.object, self.request.user
        standing = standing_of(change, user=user, now=self.now)
        draft = self._draft()
        found = review_page.read(change, user=user, **draft)
        bar = bar_for(change, standing, user=user, now=self.now)
        in_review = change.state == ChangeState.IN_REVIEW
        failing = [row.result.gate for row in found["failing"]]
        tone = tones.CHANGE[change.state] if not in_review else ("fail" if failing else "ok")
        title = gates_words(failing) if in_review else execution_panel.headline_of(change)
        if draft:
            lacks = bool(draft["missing"])
            tone = "warn" if lacks or failing else "ok"
            title = (
                "Not ready to be filed" if lacks else gates_words(failing) if failing else "Ready to be filed"
            )
        own_part = [blocker for blocker in standing.duties if blocker.code not in ("no_right", "decided")]
        return {
            **found,
            **execution_panel.read(change, now=self.now),
            "standing": standing,
            "bar": bar,
            "in_review": in_review,
            "verdict_tone": tone,
            "verdict_title": title,
            "evidence_line": evidence_of(change).line,
            "clock": clock_of(standing.stage, self.now) if standing.stage else None,
            "own_part": own_part,
            "neighbours": inbox_page.neighbours_of(change, user) if bar and bar.stage else (None, None),
            "changed_parts": self._changed_parts(found["reading"]),
            "stage_words": f"{standing.stage.title}, stage {standing.stage.position} of {len(found['stages'])}"
            if standing.stage
            else "",
            "comment_form": forms.Comment(gates=[row.result.gate for row in found["gates"]]),
            "may_confirm_materiality": in_review
            and bool(change.materiality)
            and not change.materiality_confirmed_at
            and is_second_line(user, change),
            "may_ask": may_ask_for_waivers(user, change),
            "tones": tones,
            "is_print": "print" in self.request.GET,
        }

    def _draft(self) -> dict[str, Any]:
        """Ask the gates of a draft, which stores none, and what it lacks: as the page on which it is edited does."""
        if self.object.state != ChangeState.DRAFT:
            return {}
        drafted, missing = draft_gates(self.object, now=self.now)
        return {"drafted": drafted, "missing": missing}

    def _changed_parts(self, reading: Any) -> list[str]:
        """Name the parts that differ from what this person read last."""
        if reading is None:
            return []
        dossier = self.object.dossiers.filter(number=self.object.dossier_number).first()
        if dossier is None:
            return []
        return [
            name.replace("_", " ")
            for name, digest in dossier.parts.items()
            if reading.parts.get(name) != digest
        ]


class ChangePreview(ChangeMixin, DetailPage):
    """What the inbox shows beside its list."""

    template_name = "approvals/inbox_preview_page.html"
    fragment = "approvals/inbox_preview.html"

    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer with the panel alone, or in a page."""
        self.as_of = None
        self.object = self.find()
        self.check_scope(self.object)
        return self.answer(fragment=self.fragment)

    def get_title(self) -> str:
        """Name the request."""
        return self.object.title

    def more(self) -> Mapping[str, Any]:
        """Read the short form."""
        return preview_of(self.object, user=self.request.user, now=self.now)


def preview_of(change: Any, *, user: Any, now: datetime) -> dict[str, Any]:
    """Return what a preview needs: gates that do not pass, better and worse, way back, stages."""
    rows, _ = gate_rows(change.gate_results.filter(is_current=True).select_related("waiver__decided_by"))
    stages = review_page.stages_of(change)
    stage = next((one for one in stages if one.state == Stage.State.CURRENT), None)
    failing = [row for row in rows if row.tone == "fail"]
    return {
        "change": change,
        "failing": failing,
        "waived": [row for row in rows if row.tone == "waived"],
        "gates_title": gates_words([row.result.gate for row in failing]),
        "evidence": review_page.metric_evidence(change, compared(change)),
        "ends_service": change.kind in ENDING_KINDS,
        "stages": stages,
        "clock": clock_of(stage, now) if stage else None,
        "tones": tones,
    }


class CommentAdd(ChangeMixin, ActionPage):
    """Write a remark."""

    crumb = "Comment"
    form_class, title, submit = forms.Comment, "Comment on {object}", "Comment"
    right = "approvals.comment"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the gates of this request."""
        rows = self.object.gate_results.filter(is_current=True).order_by("position")
        return {"gates": list(rows.values_list("gate", flat=True))}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Write it."""
        return conversation.comment_add(change=self.object, by=by, now=now, **data)

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the discussion."""
        return "Comment added.", f"{self.object.get_absolute_url()}#log"


class MarkRead(ChangeMixin, ActionPage):
    """Say that the present dossier was read; the signature dialog shows what changed since."""

    title, submit = "Mark {object} as read", "I have read it"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Note it."""
        return dossier_read(change=self.object, by=by, now=now)

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the request."""
        return f"Noted: you read revision {self.object.dossier_number}.", self.object.get_absolute_url()


class MaterialityConfirm(ChangeMixin, ActionPage):
    """The second line confirms what was computed from the difference."""

    crumb = "Materiality"
    form_class, title, submit = forms.MaterialityConfirmation, "Materiality of {object}", "Confirm"
    right = ("approvals.validate", "approvals.approve_risk")
    template_name = "approvals/materiality.html"

    def initial(self) -> dict[str, Any]:
        """Start with what was computed."""
        return {"materiality": self.object.materiality}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Confirm it."""
        return materiality_confirm(change=self.object, by=by, now=now, **data)

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the request."""
        return "Materiality is confirmed.", self.object.get_absolute_url()
