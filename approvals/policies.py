"""Whether an act on a change request is allowed now, and if not, why. No writes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from approvals.asked import Item
from approvals.duties import DutyRecords, duty_of
from approvals.evaluation import Evaluation
from approvals.model_facts.inventory import alternatives_described
from approvals.model_facts.people import BY_TOKEN, Circle
from approvals.models import ChangeRequest, Condition, Decision, Execution, Lapse, Stage, Validation
from approvals.states import (
    POSITIVE_VERDICTS,
    ChangeClass,
    ChangeKind,
    ChangeState,
    Meaning,
    Verdict,
    can_move,
)
from approvals.traffic import held_until, plan_words, steps_of, takes_steps
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.behind import people_behind
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import day_text, plural, zoned_text
from registry.models import Deployment, ModelVersion
from registry.states import DeploymentState, LifecycleState, RegistryStatus

LOWEST_TIER = 4
NEEDS_VERSION = frozenset(
    {
        ChangeKind.DEPLOY,
        ChangeKind.PROMOTE,
        ChangeKind.ROLLBACK,
        ChangeKind.CONFIGURATION,
        ChangeKind.SUSPEND,
        ChangeKind.RESUME,
    }
)
RELEASE_KINDS = frozenset({ChangeKind.DEPLOY, ChangeKind.PROMOTE})


def move_blockers(change: ChangeRequest, to: ChangeState) -> list[Blocker]:
    """Why the machine does not know this move."""
    if can_move(ChangeState(change.state), to):
        return []
    return [Blocker("state", f"{change.code} {change.predicate}; this is not possible now.")]


def requester_blockers(change: ChangeRequest, by: User) -> list[Blocker]:
    """Why ``by`` may not act as the requester."""
    if change.requester_id == by.pk or rights_of(by).has(
        "approvals.request", unit_id=change.unit_id, model_id=change.model_id
    ):
        return []
    return [Blocker("not_requester", "Only the requester and developers of the unit change this request.")]


def revision_blockers(change: ChangeRequest, row_revision: int) -> list[Blocker]:
    """Why an edit based on ``row_revision`` would overwrite somebody's work."""
    if change.row_revision == row_revision:
        return []
    return [
        Blocker("changed", f"{change.code} changed while you were reading. What you typed was not saved.")
    ]


def filing_blockers(change: ChangeRequest, *, has_policy: bool) -> list[Blocker]:
    """What a request lacks before it can be filed."""
    model, blockers = change.model, []
    if not has_policy:
        blockers.append(
            Blocker("no_policy", "No policy is in force, so nothing can be decided.", "a policy publisher")
        )
    if model.tier is None:
        blockers.append(Blocker("no_tier", "The model has no approved risk tier yet.", "a risk officer"))
    if model.deleted_at is not None:
        blockers.append(Blocker("model_deleted", "The model was deleted."))
    if not change.purpose.strip():
        blockers.append(Blocker("no_purpose", "Say what the change is for."))
    return blockers + kind_blockers(change) + traffic_blockers(change)


def kind_blockers(change: ChangeRequest) -> list[Blocker]:
    """What stands against this kind of change, from where the model runs now."""
    blockers = [*_target_blockers(change), *_environment_blockers(change)]
    if blockers:
        return blockers
    live = _deployment(change, DeploymentState.LIVE)
    match change.kind:
        case ChangeKind.DEPLOY:
            return _already_there(change, live)
        case ChangeKind.PROMOTE:
            return _already_there(change, live) + _never_ran(change)
        case ChangeKind.ROLLBACK:
            return _rollback_blockers(change, live)
        case ChangeKind.CONFIGURATION:
            empty = [] if change.configuration else [Blocker("no_configuration", "Say what changes to what.")]
            return empty + _must_serve(change, live)
        case ChangeKind.SUSPEND:
            return _must_serve(change, live)
        case ChangeKind.RESUME:
            stopped = _deployment(change, DeploymentState.SUSPENDED)
            return [] if stopped else [Blocker("not_suspended", "This version is not suspended there.")]
        case ChangeKind.RETIRE:
            retired = change.model.lifecycle_state == LifecycleState.RETIRED
            return [Blocker("retired", "The model is retired already.")] if retired else []
    return [Blocker("kind", f"Changes of the kind {change.get_kind_display()} cannot be filed yet.")]


def _target_blockers(change: ChangeRequest) -> list[Blocker]:
    version = change.version
    if change.kind not in NEEDS_VERSION:
        return []
    if version is None:
        return [Blocker("no_version", "Choose a version.")]
    found = []
    if version.model_id != change.model_id:
        found.append(Blocker("other_model", "The version belongs to another model."))
    if version.deleted_at is not None:
        found.append(Blocker("version_deleted", "The version was deleted."))
    if version.status != RegistryStatus.READY:
        found.append(Blocker("version_not_ready", "The version is not ready."))
    if change.rollback_target and change.rollback_target.model_id != change.model_id:
        found.append(Blocker("other_model", "The rollback target belongs to another model."))
    if change.rollback_target_id and change.rollback_target_id == change.version_id:
        found.append(Blocker("own_rollback", "A version is not its own way back."))
    return found


def _environment_blockers(change: ChangeRequest) -> list[Blocker]:
    if change.kind == ChangeKind.RETIRE:
        return []
    if change.environment is None:
        return [Blocker("no_environment", "Choose an environment.")]
    if change.environment.closed_at is not None:
        return [Blocker("environment_closed", f"{change.environment} is closed.")]
    return []


def traffic_blockers(change: ChangeRequest) -> list[Blocker]:
    """Refuse a plan of steps that nobody would take: what is signed is what happens (RULES 5.5)."""
    place, count = change.environment, len(change.traffic_plan)
    if place is None or count < 2 or takes_steps(place):
        return []
    return [
        Blocker(
            "traffic_steps",
            f"The traffic plan has {count} steps ({plan_words(change)}), but the"
            f" {place.get_connector_display().lower()} of {place} moves all traffic at once."
            " Plan one step of 100 %, or an environment where an operator takes the steps.",
        )
    ]


def step_blockers(
    change: ChangeRequest, *, taken: int, last_at: datetime | None, now: datetime
) -> list[Blocker]:
    """Why the next step of the traffic plan may not be confirmed yet: the one before is held (RULES 5.5)."""
    until = held_until(change, taken=taken, last_at=last_at)
    if until is None or now >= until:
        return []
    share = steps_of(change)[taken - 1]["percent"]
    return [Blocker("held", f"{share} % of the traffic is held until {zoned_text(until)}.")]


def abort_blockers(change: ChangeRequest, *, is_open: bool, is_manual: bool, taken: int) -> list[Blocker]:
    """Why an execution can no longer be aborted: an abort is at or before the first step of the plan (RULES 5.5)."""
    if not is_open:
        return [Blocker("settled", "This execution is settled already.")]
    at_first_step = is_manual and taken == 1 and len(steps_of(change)) > 1
    if not taken or at_first_step:
        return []
    if is_manual:
        return [Blocker("begun", "The plan is past its first step: report what happened.")]
    return [Blocker("begun", "The first step has begun; roll back instead.")]


def _deployment(change: ChangeRequest, state: DeploymentState) -> Deployment | None:
    rows = Deployment.objects.filter(
        Q(environment_id=change.environment_id), model_id=change.model_id, state=state
    )
    return rows.select_related("version").order_by("-started_at", "-pk").first()


def _already_there(change: ChangeRequest, live: Deployment | None) -> list[Blocker]:
    if live is not None and live.version_id == change.version_id:
        return [Blocker("already_there", f"This version serves in {change.environment} already.")]
    return []


def _never_ran(change: ChangeRequest) -> list[Blocker]:
    ran = Deployment.objects.filter(version_id=change.version_id).exclude(
        Q(environment_id=change.environment_id)
    )
    if ran.filter(
        state__in=[DeploymentState.LIVE, DeploymentState.SUPERSEDED, DeploymentState.STOPPED]
    ).exists():
        return []
    return [
        Blocker(
            "never_ran", "This version has not run in another environment, so there is nothing to promote."
        )
    ]


def _rollback_blockers(change: ChangeRequest, live: Deployment | None) -> list[Blocker]:
    if live is None:
        return [Blocker("nothing_serves", f"No version of this model serves in {change.environment}.")]
    return _already_there(change, live)


def _must_serve(change: ChangeRequest, live: Deployment | None) -> list[Blocker]:
    if live is None or live.version_id != change.version_id:
        return [Blocker("nothing_serves", f"This version does not serve in {change.environment}.")]
    return []


def alternatives_blockers(change: ChangeRequest, evaluation: Evaluation) -> list[Blocker]:
    """Alternatives are required when a blocking gate fails or a group gets worse (RULES 3.5)."""
    if change.kind not in RELEASE_KINDS or alternatives_described(change.alternatives):
        return []
    # The gate that asks for alternatives is no reason of its own.
    failing = [row.gate.id for row in evaluation.readings if row.blocks and row.gate.id != "ALT-01"]
    reasons = []
    if failing:
        reasons.append(f"{', '.join(failing[:4])} {'fails' if len(failing) == 1 else 'fail'}")
    if evaluation.groups_worse:
        reasons.append(f"{', '.join(evaluation.groups_worse[:3])} got worse")
    if not reasons:
        return []
    return [
        Blocker(
            "alternatives",
            f"{' and '.join(reasons)}: describe the alternatives considered, each with metrics and why it was not chosen.",
        )
    ]


def refiling_blockers(
    change: ChangeRequest, predecessor: ChangeRequest | None, *, content_key: str, earlier_key: str
) -> list[Blocker]:
    """After a rejection an unchanged dossier is not filed again, and what changed is said (RULES 4.4)."""
    if predecessor is None:
        return []
    blockers = []
    if not change.what_changed.strip():
        blockers.append(Blocker("what_changed", f"{predecessor.code} was rejected. Say what changed since."))
    if content_key == earlier_key:
        blockers.append(Blocker("unchanged", f"Nothing changed since {predecessor.code} was rejected."))
    return blockers


def answer_blockers(items: Sequence[Item]) -> list[Blocker]:
    """What was asked for is answered item by item before a request is filed again."""
    return [
        Blocker("not_answered", f"Answer what was asked for: “{item.text}”.")
        for item in items
        if not item.answer.strip()
    ]


def decision_blockers(
    change: ChangeRequest,
    stage: Stage,
    *,
    by: User,
    records: DutyRecords,
    verdict: Verdict,
    evaluation: Evaluation | None,
    on_behalf_of: User | None = None,
    now: datetime,
) -> list[Blocker]:
    """Why ``by`` may not give ``verdict`` at ``stage`` now. The page shows the same list before the click."""
    blockers = []
    if change.state != ChangeState.IN_REVIEW:
        blockers.append(
            Blocker("not_in_review", f"{change.code} {change.predicate}; nothing is to be decided.")
        )
    elif stage.state != Stage.State.CURRENT:
        blockers.append(Blocker("not_current", f"“{stage.title}” is not the stage that decides now."))
    blockers += duty_of(by, stage, records, on_behalf_of=on_behalf_of, now=now)
    if verdict in POSITIVE_VERDICTS and evaluation is not None:
        blockers += gate_blockers(evaluation) if lets_through(stage) else []
        blockers += materiality_blockers(change, stage)
    return blockers


def lets_through(stage: Stage) -> bool:
    """Tell whether a signature at this stage lets the change pass its gates (RULES 3.3).

    An owner attests and a validator validates what is there, failing gates included; every way through a policy has
    a stage after them that approves, accepts the risk or releases.
    """
    return Meaning(stage.meaning) not in (Meaning.ATTEST, Meaning.VALIDATE, Meaning.REVIEW)


def waits_for_gates(stage: Stage) -> bool:
    """Tell whether whoever fills this stage waits for others: a blocking gate fails, so only a fix or a waiver helps."""
    return lets_through(stage) and stage.change.gates_failed > 0


def gate_blockers(evaluation: Evaluation) -> list[Blocker]:
    """Blocking gates without a live waiver. A condition adds duties, it never opens one of them (RULES 3.3)."""
    return [
        Blocker(
            "gate_fails",
            f"{row.gate.id} {row.gate.title}: {row.message}",
            "nobody: this gate has no waiver"
            if row.gate.waiver is None
            else f"a waiver by {row.gate.waiver.authority.replace('_', ' ')}",
        )
        for row in evaluation.blocking
    ]


def materiality_blockers(change: ChangeRequest, stage: Stage) -> list[Blocker]:
    """Materiality is confirmed by the second line before the first independent approval (RULES 3.6)."""
    if change.kind not in RELEASE_KINDS or not change.materiality or change.materiality_confirmed_at:
        return []
    if (
        stage.meaning not in (Meaning.APPROVE, Meaning.ACCEPT_RISK)
        or change.change_class != ChangeClass.NORMAL
    ):
        return []
    return [
        Blocker(
            "materiality", "Materiality is computed but not confirmed yet.", "a validator or risk officer"
        )
    ]


def rationale_least(
    minimum: int, *, verdict: Verdict | None = None, change_class: str = ChangeClass.NORMAL
) -> int:
    """Return how many characters are needed: as the tier asks; for a recusal and the way back a reason, not an essay."""
    return 10 if verdict == Verdict.RECUSE or change_class == ChangeClass.CONTAINMENT else minimum


def rationale_blockers(
    rationale: str, *, minimum: int, verdict: Verdict | None = None, change_class: str = ChangeClass.NORMAL
) -> list[Blocker]:
    """Why a rationale is too short."""
    needed = rationale_least(minimum, verdict=verdict, change_class=change_class)
    if len(rationale.strip()) >= needed:
        return []
    return [
        Blocker(
            "rationale",
            f"The rationale has {len(rationale.strip())} characters; at least {needed} are needed.",
        )
    ]


OF_A_CONDITION = {
    "text": "what is to be done",
    "evidence": "the evidence wanted",
    "owner": "an owner",
    "verifier": "who verifies it",
    "due_on": "a due date",
}


def condition_blockers(
    conditions: Sequence[Mapping[str, Any]],
    *,
    go_with: str,
    are_asked: bool,
    owners: Collection[int],
    verifiers: Collection[int],
    now: datetime,
) -> list[Blocker]:
    """What a condition lacks: owner, due date, evidence, and a verifier who is not the owner (RULES 4.5).

    They ``go_with`` one answer, and that one ``are_asked`` for. ``owners`` and ``verifiers`` may carry one: they see
    what it is about, and their role fits.
    """
    if not are_asked:
        return [Blocker("conditions", f"Conditions go with “{go_with}”.")] if conditions else []
    if not conditions:
        return [Blocker("conditions", f"“{go_with}” needs at least one condition.")]
    found = condition_complaints(conditions, owners=owners, verifiers=verifiers, now=now)
    return [blocker for _, _, blocker in found]


def condition_complaints(
    conditions: Sequence[Mapping[str, Any]],
    *,
    owners: Collection[int],
    verifiers: Collection[int],
    now: datetime,
) -> list[tuple[int, str, Blocker]]:
    """Return what each condition lacks, with its place from 1 and the column it is about."""
    found: list[tuple[int, str, Blocker]] = []
    for place, row in enumerate(conditions, start=1):
        lacking = [name for name in OF_A_CONDITION if not row.get(name)]
        if lacking:
            words = ", ".join(OF_A_CONDITION[name] for name in lacking)
            found.append((place, lacking[0], Blocker("condition", f"Condition {place} lacks: {words}.")))
            continue
        said = f"Condition {place}"
        if row["owner"] not in owners:
            message = f"{said}: its owner has no role that works on this model."
            found.append((place, "owner", Blocker("condition_owner", message)))
        if row["owner"] == row["verifier"]:
            message = f"{said}: the owner cannot verify it."
            found.append((place, "verifier", Blocker("condition_verifier", message)))
        elif row["verifier"] not in verifiers:
            message = f"{said}: its verifier has no role that decides on this model."
            found.append((place, "verifier", Blocker("condition_verifier", message)))
        if row["due_on"] < portal_day(now):
            message = f"{said} is due on {day_text(row['due_on'])}, which is past."
            found.append((place, "due_on", Blocker("condition_due", message)))
    return found


def validator_blockers(
    version: ModelVersion,
    *,
    by: User,
    requesters: Circle,
    developers: Circle,
    owners: frozenset[int],
) -> list[Blocker]:
    """Validator ≠ developer, owner, requester (RULES 1.2); ``owners`` are those since the version was registered."""
    blockers = []
    if by.pk in developers.people:
        by_token = by.pk in developers.by_token
        said = BY_TOKEN["developer"] if by_token else "You developed or registered this version."
        blockers.append(Blocker("is_developer", said))
    if by.pk in owners | {version.model.owner_id}:
        blockers.append(Blocker("is_owner", "You own this model, or did since the version was registered."))
    if by.pk in requesters.people:
        by_token = by.pk in requesters.by_token
        said = "You made a token of the service account that filed a request for this version."
        blockers.append(
            Blocker("is_requester", said if by_token else "You filed a request for this version.")
        )
    return blockers


def concluded_blockers(validation: Validation) -> list[Blocker]:
    """Why nothing is done about it any more."""
    over = Blocker("concluded", "This validation is concluded; it is not changed any more.")
    return [] if validation.state == Validation.State.OPEN else [over]


def others_blockers(validation: Validation, act: str, *, by: User) -> list[Blocker]:
    """Why the act is not this person's: ``act`` says what the validator of the validation does."""
    return (
        [] if by.pk == validation.validator_id else [Blocker("not_validator", f"Only its validator {act}.")]
    )


def conclusion_blockers(
    validation: Validation, *, by: User, open_challenges: int, who_settles: str
) -> list[Blocker]:
    """What keeps a validation from being concluded, whatever its outcome."""
    blockers = concluded_blockers(validation) + others_blockers(validation, "concludes a validation", by=by)
    if open_challenges:
        settled = "is not settled" if open_challenges == 1 else "are not settled"
        blockers.append(
            Blocker("challenges", f"{plural(open_challenges, 'challenge')} {settled}: {who_settles}.")
        )
    return blockers


def coverage_blockers(
    outcome: str, *, required: Sequence[str], components: Sequence[str], critical_open: int
) -> list[Blocker]:
    """What an outcome that approves asks for: what the tier wants examined, and no critical finding left open."""
    if outcome == Validation.Outcome.NOT_APPROVED:
        return []
    blockers = []
    if missing := [name.replace("_", " ") for name in required if name not in components]:
        blockers.append(Blocker("components", f"Not covered yet: {', '.join(missing)}."))
    if critical_open and outcome == Validation.Outcome.APPROVED:
        verb = "is" if critical_open == 1 else "are"
        blockers.append(Blocker("critical", f"{plural(critical_open, 'critical finding')} {verb} open."))
    return blockers


def verification_blockers(condition: Condition, *, by: User) -> list[Blocker]:
    """Why ``by`` may not confirm that a condition is met."""
    blockers = []
    if condition.state != Condition.State.OPEN:
        blockers.append(Blocker("settled", "This condition is settled already."))
    if by.pk != condition.verifier_id:
        blockers.append(Blocker("not_verifier", f"{condition.verifier.name} verifies this condition."))
    return blockers


def declaration_blockers(condition: Condition, *, by: User) -> list[Blocker]:
    """Why ``by`` may not declare that a condition is met."""
    blockers = []
    if condition.state != Condition.State.OPEN:
        blockers.append(Blocker("settled", "This condition is settled already."))
    if by.pk != condition.owner_id:
        blockers.append(Blocker("not_owner", f"{condition.owner.name} owns this condition."))
    elif condition.declared_at is not None:
        who = condition.verifier.name
        blockers.append(Blocker("declared", f"You declared it met already; {who} has to look.", who))
    return blockers


def together_blockers(change: ChangeRequest) -> list[Blocker]:
    """Why a request is signed on its own: not tier 4, or its evidence is not complete without waivers (RULES 4.9)."""
    if change.decided_tier != LOWEST_TIER:
        return [Blocker("tier", f"{change.code} is tier {change.decided_tier}: it is signed on its own.")]
    if change.gates_failed or change.gates_at is None or change.gates_waived:
        return [
            Blocker("evidence", f"The evidence of {change.code} is not complete: it is signed on its own.")
        ]
    return []


def revocation_blockers(decision: Decision, *, by: User, same_stage: bool, is_head: bool) -> list[Blocker]:
    """Revocation by the approver, the head of risk or an approver of the same stage (RULES 4.6)."""
    blockers = []
    if decision.signature.revoked_at is not None:
        blockers.append(Blocker("revoked", "This signature was revoked already."))
    if decision.verdict not in POSITIVE_VERDICTS or decision.voided_at is not None:
        blockers.append(Blocker("no_approval", "Only an approval that counts can be revoked."))
    if not (by.pk == decision.signer_id or same_stage or is_head):
        blockers.append(
            Blocker(
                "authority",
                "Revoked by the approver, an approver of the same stage or the head of model risk.",
            )
        )
    return blockers


LAPSE_RIGHTS = (
    "approvals.accept",
    "approvals.approve_risk",
    "approvals.execute",
    "approvals.approve_change",
)


def lapse_blockers(lapse: Lapse, *, by: User) -> list[Blocker]:
    """Why ``by`` may not settle a lapse: it is settled, or is neither theirs nor of somebody who decides here."""
    blockers = []
    if lapse.closed_at is not None:
        blockers.append(Blocker("closed", "This lapse is closed already."))
    rights = rights_of(by)
    if by.pk != lapse.owner_id and not any(
        rights.has(right, unit_id=lapse.unit_id, model_id=lapse.model_id) for right in LAPSE_RIGHTS
    ):
        blockers.append(
            Blocker("no_right", "Its owner, an approver or an operator closes a lapse.", lapse.owner.name)
        )
    return blockers


def start_blockers(
    change: ChangeRequest, *, by: User | None, signers: frozenset[int], is_manual: bool, now: datetime
) -> list[Blocker]:
    """Why an execution may not start now (RULES 1.2, 5.5)."""
    blockers = []
    if change.state not in (ChangeState.APPROVED, ChangeState.SCHEDULED):
        blockers.append(Blocker("not_approved", f"{change.code} {change.predicate}."))
    contains = change.change_class == ChangeClass.CONTAINMENT
    if change.expires_at and change.expires_at <= now and not contains:
        blockers.append(Blocker("expired", f"The approval expired on {zoned_text(change.expires_at)}."))
    if change.window_starts_at and now < change.window_starts_at:
        blockers.append(Blocker("too_early", f"The window opens on {zoned_text(change.window_starts_at)}."))
    if change.window_ends_at and now >= change.window_ends_at:
        blockers.append(Blocker("too_late", f"The window closed on {zoned_text(change.window_ends_at)}."))
    if is_manual and signers & people_behind(by, since=now) and not contains:
        blockers.append(Blocker("is_approver", "Who starts a manual step is none of its approvers."))
    return blockers + traffic_blockers(change)


def settle_blockers(
    change: ChangeRequest, execution: Execution, *, by: User, signers: frozenset[int], now: datetime
) -> list[Blocker]:
    """Why ``by`` may not say what became of an execution that the portal cannot see."""
    blockers = []
    if execution.state not in (Execution.State.WAITING, Execution.State.UNKNOWN):
        blockers.append(Blocker("settled", "This execution is settled already."))
    if signers & people_behind(by, since=now) and change.change_class != ChangeClass.CONTAINMENT:
        blockers.append(Blocker("is_approver", "Who carries a change out is none of its approvers."))
    return blockers


def business_deadline(start: datetime, days: int) -> datetime:
    """Return the moment ``days`` business days after ``start``; Saturdays and Sundays do not count."""
    moment = start
    while days > 0:
        moment += timedelta(days=1)
        if moment.weekday() < 5:
            days -= 1
    return moment
