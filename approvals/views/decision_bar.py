"""The decision bar: what this person can do with a request now, and for each blocked button why not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from approvals import policies
from approvals.duties import DutyRecords, duty_records, duty_warnings, eligible
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.models import ChangeRequest, Execution, Stage
from approvals.services.containment import way_back_blockers
from approvals.services.executions import signers_of
from approvals.services.materiality import is_second_line
from approvals.services.rollouts import is_manual
from approvals.states import ChangeClass, ChangeState, Verdict, act_word
from approvals.traffic import next_step_words
from approvals.views.scope import gates_words
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import time_text
from registry.models import Deployment
from registry.states import DeploymentState

LABELS = {
    Verdict.APPROVE: ("Approve", ""),
    Verdict.APPROVE_WITH_CONDITIONS: ("With conditions", "c"),
    Verdict.REQUEST_CHANGES: ("Request changes", "r"),
    Verdict.REJECT: ("Reject", "d"),
    Verdict.RECUSE: ("Recuse myself", ""),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: a link to the page of the act, or blocked with its reasons."""

    label: str
    url: str
    key: str = ""
    blockers: Sequence[Blocker] = ()
    opens_dialog: bool = False


@dataclass(slots=True)
class Bar:
    """The bar at the foot of the page."""

    tone: str
    title: str
    text: str = ""
    choices: list[Choice] = field(default_factory=list)
    stage: Stage | None = None
    blocking: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Standing:
    """Where a request stands for this person: gates as they say now, duties, who is eligible."""

    stage: Stage | None = None
    evaluation: Evaluation | None = None
    records: DutyRecords | None = None
    duties: list[Blocker] = field(default_factory=list)
    warnings: list[Blocker] = field(default_factory=list)
    people: list[User] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        """Tell whether the records differ from what was filed."""
        change = self.records.change if self.records else None
        return bool(change and self.evaluation and self.evaluation.dossier.digest != change.dossier_digest)


def standing_of(change: ChangeRequest, *, user: User, now: datetime) -> Standing:
    """Ask gates and duties for a request in review; nothing to ask otherwise."""
    if change.state != ChangeState.IN_REVIEW:
        return Standing()
    stage = change.stages.filter(state=Stage.State.CURRENT).select_related("unit", "returns_to").first()
    policy = policy_for(change, now)
    if stage is None or policy is None:
        return Standing(stage)
    records = duty_records(change, now=now)
    evaluation = evaluate(change, at=now, policy=policy)
    duties = policies.decision_blockers(
        change, stage, by=user, records=records, verdict=Verdict.REJECT, evaluation=None, now=now
    )
    return Standing(
        stage, evaluation, records, duties, duty_warnings(user, records), eligible(stage, records, now=now)
    )


def bar_for(change: ChangeRequest, standing: Standing, *, user: User, now: datetime) -> Bar | None:
    """Return what this person can do now; None when their role has nothing to do with the request."""
    match change.state:
        case ChangeState.IN_REVIEW:
            return _review_bar(change, standing, user, now)
        case ChangeState.DRAFT | ChangeState.CHANGES_REQUESTED:
            return _requester_bar(change, user)
        case ChangeState.APPROVED | ChangeState.SCHEDULED:
            return _operator_bar(change, user, now)
        case ChangeState.EXECUTING | ChangeState.VERIFYING:
            return _execution_bar(change, user) or _serving_bar(change, user)
        case ChangeState.COMPLETED:
            return _serving_bar(change, user)
        case ChangeState.REJECTED:
            return _rejected_bar(change, user)
    return None


def may_ask_for_waivers(user: User, change: ChangeRequest) -> bool:
    """Tell whether a waiver is this person's to ask for; others decide on it, or have no part in it."""
    return rights_of(user).has("approvals.request", unit_id=change.unit_id, model_id=change.model_id)


def _sign(change: ChangeRequest, verdict: Verdict) -> str:
    return reverse("approvals:sign", args=[change.pk, verdict.value])


def _review_bar(change: ChangeRequest, standing: Standing, user: User, now: datetime) -> Bar | None:
    stage, evaluation = standing.stage, standing.evaluation
    is_requester = not policies.requester_blockers(change, user)
    if stage is None or evaluation is None or standing.records is None:
        return None
    holds = rights_of(user).has(stage.right, unit_id=change.unit_id, model_id=change.model_id)
    if not holds:
        return _withdraw_bar(change) if is_requester else None
    blocking = [row.gate.id for row in evaluation.blocking]
    bar = Bar("fail" if blocking else "ok", gates_words(blocking), stage=stage, blocking=blocking)
    if blocking:
        bar.title += f": {', '.join(blocking[:3])}{' and more' if len(blocking) > 3 else ''}"
        bar.text = _way_out(evaluation) if policies.lets_through(stage) else _later(stage)
    if standing.duties:
        bar.text = " ".join(blocker.message for blocker in standing.duties)
    elif not blocking:
        relies = bool(evaluation.relied_on) and policies.lets_through(stage)
        bar.text = "Evidence rests on a waiver: you sign “accept risk”." if relies else "Every way is open."
    positive = policies.decision_blockers(
        change,
        stage,
        by=user,
        records=standing.records,
        verdict=Verdict.APPROVE,
        evaluation=evaluation,
        now=now,
    )
    if is_second_line(user, change):
        positive = [blocker for blocker in positive if blocker.code != "materiality"]
    if not standing.duties and positive and not blocking:
        bar.text = " ".join(blocker.message for blocker in positive)
    bar.choices = [
        _choice(change, stage, verdict, positive)
        for verdict in (Verdict.APPROVE, Verdict.APPROVE_WITH_CONDITIONS)
    ]
    if blocking and may_ask_for_waivers(user, change):
        bar.choices.append(Choice("Ask for a waiver", reverse("approvals:waiver-ask", args=[change.pk]), "w"))
    bar.choices += [
        _choice(change, stage, verdict, standing.duties)
        for verdict in (Verdict.REQUEST_CHANGES, Verdict.REJECT)
    ]
    return bar


def _choice(change: ChangeRequest, stage: Stage, verdict: Verdict, blockers: Sequence[Blocker]) -> Choice:
    label, key = LABELS[verdict]
    if verdict == Verdict.APPROVE:
        label = act_word(stage.meaning, verdict)
    return Choice(label, _sign(change, verdict), "" if blockers else key, blockers, opens_dialog=True)


def _way_out(evaluation: Evaluation) -> str:
    authorities = {
        row.gate.waiver.authority.replace("_", " ") for row in evaluation.blocking if row.gate.waiver
    }
    never = [row.gate.id for row in evaluation.blocking if row.gate.waiver is None]
    parts = []
    if authorities:
        parts.append(
            f"A fix or a live waiver of the {' and the '.join(sorted(authorities))} opens a gate, then you sign “accept risk”."
        )
    if never:
        parts.append(
            f"{', '.join(never)} {'has' if len(never) == 1 else 'have'} no waiver: only a fix opens it."
        )
    return " ".join([*parts, "A condition adds duties, it opens no gate."])


def _later(stage: Stage) -> str:
    """Say that this stage judges what is there, and that the gates stop the request at a later one."""
    meaning = stage.get_meaning_display().lower()
    return (
        f"You {meaning} what is there, failing gates included. They stop the request at a stage after yours."
    )


def _withdraw_bar(change: ChangeRequest) -> Bar:
    return Bar(
        "info",
        change.headline or "In review",
        "You can withdraw the request while nobody has approved it.",
        [
            Choice("Ask for a waiver", reverse("approvals:waiver-ask", args=[change.pk]), "w"),
            Choice("Withdraw", reverse("approvals:withdraw", args=[change.pk])),
        ],
    )


def _requester_bar(change: ChangeRequest, user: User) -> Bar | None:
    if policies.requester_blockers(change, user):
        return None
    again = change.state == ChangeState.CHANGES_REQUESTED
    return Bar(
        "warn" if again else "info",
        "Changes are asked for" if again else "A draft: only you and whoever may file here see it",
        "Edit what is asked for, then file again. Earlier decisions are void then." if again else "",
        [
            Choice(
                "Edit and file" if not again else "Edit and file again",
                reverse("approvals:edit", args=[change.pk]),
            ),
            Choice("Withdraw", reverse("approvals:withdraw", args=[change.pk])),
        ],
    )


def _rejected_bar(change: ChangeRequest, user: User) -> Bar | None:
    if policies.requester_blockers(change, user):
        return None
    about = {
        "model": change.model_id,
        "kind": change.kind,
        "version": change.version.number if change.version else None,
        "environment": change.environment_id,
    }
    address = (
        f"{reverse('approvals:new')}?{urlencode({name: value for name, value in about.items() if value})}"
    )
    return Bar(
        "fail",
        "Rejected",
        "A new request names this one and says what changed since; its approvers see that first.",
        [Choice("File anew", address)],
    )


def _operates(change: ChangeRequest, user: User) -> bool:
    right = "approvals.rollback" if change.change_class == ChangeClass.CONTAINMENT else "approvals.execute"
    return rights_of(user).has(right, unit_id=change.unit_id, model_id=change.model_id)


def _operator_bar(change: ChangeRequest, user: User, now: datetime) -> Bar | None:
    if not _operates(change, user):
        return None
    by_hand = is_manual(change)
    blockers = policies.start_blockers(
        change, by=user, signers=signers_of(change), is_manual=by_hand, now=now
    )
    later = [one for one in blockers if one.code != "too_early"]
    if by_hand:
        later = [*later, Blocker("manual", "An operator starts this change by hand; nothing can be planned.")]
    until = f" Valid until {time_text(change.expires_at)}." if change.expires_at else ""
    return Bar(
        "fail" if later and not by_hand else "ok",
        f"{change.get_state_display()}{f' for {time_text(change.scheduled_at)}' if change.scheduled_at else ''}",
        (" ".join(one.message for one in blockers) or "Dossier and gates are checked again at the start.")
        + until,
        [
            Choice("Plan the start", reverse("approvals:schedule", args=[change.pk]), blockers=later),
            Choice("Start now", reverse("approvals:start", args=[change.pk]), blockers=blockers),
        ],
    )


def _serving_bar(change: ChangeRequest, user: User) -> Bar | None:
    """Offer the way back while what this change put in place serves."""
    if not rights_of(user).has("approvals.rollback", unit_id=change.unit_id, model_id=change.model_id):
        return None
    live = Deployment.objects.filter(change_id=change.pk, state=DeploymentState.LIVE).first()
    if live is None:
        return None
    blockers = way_back_blockers(live, change)
    target = change.rollback_target
    watched = change.state == ChangeState.VERIFYING and change.bake_ends_at is not None
    return Bar(
        "info",
        f"Being watched until {time_text(change.bake_ends_at)}"
        if watched and change.bake_ends_at
        else "It serves",
        " ".join(one.message for one in blockers)
        or (f"The approved way back is {target.name}." if target else ""),
        [
            Choice("Roll back", reverse("approvals:roll-back", args=[live.pk]), blockers=blockers),
            Choice("Suspend", reverse("approvals:suspend", args=[live.pk])),
        ],
    )


def _execution_bar(change: ChangeRequest, user: User) -> Bar | None:
    execution = (
        change.executions.exclude(state__in=["succeeded", "failed", "aborted"]).order_by("-number").first()
    )
    if not _operates(change, user) or execution is None:
        return None
    settle: list[Any] = []
    if execution.state in (Execution.State.WAITING, Execution.State.UNKNOWN):
        settle.append(
            Choice("Report what happened", reverse("approvals:execution-confirm", args=[execution.pk]))
        )
    taken, waits = execution.steps.count(), execution.state == Execution.State.WAITING
    if not policies.abort_blockers(change, is_open=True, is_manual=waits, taken=taken):
        settle.append(Choice("Abort", reverse("approvals:execution-abort", args=[execution.pk])))
    if not settle:
        return None
    text = next_step_words(change, taken) if waits else "Look at the target, then report what you saw."
    return Bar("warn", execution.get_state_display(), text, settle)
