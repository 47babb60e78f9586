"""Decisions: what will be signed, and signing it over exactly what the person read (RULES 3.3, 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals import policies
from approvals.dossier_format import decision_statement
from approvals.duties import DutyRecords, duty_records
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.events import event_of, tell
from approvals.models import ChangeRequest, Decision, Stage
from approvals.policy_in_force import PolicyInForce
from approvals.queries.condition_people import condition_people
from approvals.services.changes import change_save, lock_change
from approvals.services.conditions import ConditionInput, conditions_set
from approvals.services.dropping import conditions_drop
from approvals.services.gates import gates_store
from approvals.services.materiality import is_second_line
from approvals.services.reading import (
    DossierChanged,
    PreviewPart,
    dossier_read,
    preview_parts,
    refuse_other_content,
    refuse_other_revision,
)
from approvals.services.signing import prove, sign
from approvals.services.stages import clock_stop, stage_look_for_people, stage_open_next, stages_pause
from approvals.services.submission import approval_ends, change_refresh, note_blocked_stage
from approvals.states import POSITIVE_VERDICTS, ChangeClass, ChangeState, Meaning, Verdict, meaning_of
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if
from mlops_portal.foundation.web.words import day_text


@dataclass(frozen=True, slots=True)
class WantedDecision:
    """What somebody wants to decide, before it is known whether they may."""

    stage: Stage
    verdict: Verdict
    rationale: str
    conditions: list[ConditionInput]
    items: list[str]
    read_digest: str
    by: User
    on_behalf_of: User | None
    now: datetime


def decision_sign(
    *,
    stage: Stage,
    verdict: str,
    rationale: str,
    read_digest: str,
    password: str,
    code: str,
    conditions: Sequence[ConditionInput] = (),
    items: Sequence[str] = (),
    on_behalf_of: User | None = None,
    by: User,
    now: datetime,
) -> Decision:
    """Decide at a stage and sign it over the dossier whose digest the person read.

    Identity is proved before the transaction, so that failures are counted whatever happens to it; under the lock
    the dossier is built again and every gate asked again.

    Raises:
        DossierChanged: the content differs from what was read; it says what, and earlier decisions are void now.
        RuleViolation: with every reason.
        Invalid: the password or the code is not right.
    """
    change = ChangeRequest.objects.select_related(
        "unit", "model", "version", "requester", "policy_revision__policy"
    ).get(pk=stage.change_id)
    require(by, "approvals.view", unit_id=change.unit_id, model_id=change.model_id)
    wanted = WantedDecision(
        stage, Verdict(verdict), rationale, list(conditions), list(items), read_digest, by, on_behalf_of, now
    )
    try:
        _refuse_early(change, wanted)
        prove(by, password=password, code=code, subject=change, now=now)
        return decision_write(change=change, wanted=wanted)
    except DossierChanged as conflict:
        change_refresh(change=change, by=None, now=now)
        conflict.evidence = _refused(change, wanted, conflict)
        raise
    except RuleViolation as refusal:
        refusal.evidence = _refused(change, wanted, refusal)
        raise


def _refused(change: ChangeRequest, wanted: WantedDecision, error: DomainError) -> DomainEvent:
    codes = [blocker.code for blocker in getattr(error, "blockers", [])] or [error.code]
    data = {
        "stage": wanted.stage.key,
        "verdict": wanted.verdict.value,
        "reasons": codes,
        "message": error.message,
    }
    return event_of("decision_refused", change, by=wanted.by, now=wanted.now, data=data)


def _refuse_early(change: ChangeRequest, wanted: WantedDecision) -> None:
    """Refuse what needs no lock to be seen, so that no code is used up for it."""
    records = duty_records(change, now=wanted.now)
    refuse_if(_blockers(change, records.stages[wanted.stage.pk], wanted, records, None))


def _blockers(
    change: ChangeRequest,
    stage: Stage,
    wanted: WantedDecision,
    records: DutyRecords,
    evaluation: Evaluation | None,
) -> list[Blocker]:
    policy = policy_for(change, wanted.now)
    if policy is None:
        return [
            Blocker("no_policy", "No policy is in force, so nothing can be decided.", "a policy publisher")
        ]
    minimum = policy.document.rationale_min_length[change.decided_tier or 1]
    blockers = policies.decision_blockers(
        change,
        stage,
        by=wanted.by,
        records=records,
        verdict=wanted.verdict,
        evaluation=evaluation,
        on_behalf_of=wanted.on_behalf_of,
        now=wanted.now,
    )
    blockers += policies.rationale_blockers(
        wanted.rationale, minimum=minimum, verdict=wanted.verdict, change_class=change.change_class
    )
    bearers = condition_people(change) if wanted.conditions else None
    blockers += policies.condition_blockers(
        wanted.conditions,
        go_with=Verdict.APPROVE_WITH_CONDITIONS.label,
        are_asked=wanted.verdict == Verdict.APPROVE_WITH_CONDITIONS,
        owners=bearers.owner_ids() if bearers else (),
        verifiers=bearers.verifier_ids() if bearers else (),
        now=wanted.now,
    )
    if wanted.verdict == Verdict.REQUEST_CHANGES and not wanted.items:
        blockers.append(Blocker("items", "Say item by item what is to be changed."))
    if is_second_line(wanted.by, change):
        # Who is of the second line confirms materiality by signing the dossier that states it.
        blockers = [blocker for blocker in blockers if blocker.code != "materiality"]
    return blockers


@operation
def decision_write(*, change: ChangeRequest, wanted: WantedDecision) -> Decision:
    """Write the decision of a person who has just proved their presence; for services that did so themselves."""
    now, by = wanted.now, wanted.by
    change = lock_change(change.pk)
    policy = policy_for(change, now)
    records = duty_records(change, now=now)
    stage = records.stages[wanted.stage.pk]
    if policy is None:
        refuse_if(_blockers(change, stage, wanted, records, None))
    assert policy is not None  # noqa: S101  (refused above)
    evaluation = evaluate(change, at=now, policy=policy)
    refuse_other_content(change, evaluation)
    refuse_other_revision(change, wanted.read_digest)
    refuse_if(_blockers(change, stage, wanted, records, evaluation))
    decision = _write(change, stage, evaluation, wanted)
    if wanted.verdict != Verdict.RECUSE:
        dossier_read(change=change, by=by, now=now)
    records.decisions.append(decision)
    gates_store(change, evaluation, by=by, now=now)
    _confirm_materiality(change, decision)
    _advance(change, stage, decision, policy, records, now)
    change_save(change, by=by, now=now, reason=f"{decision.act_word} at “{stage.title}”")
    note_blocked_stage(change, by=by, now=now)
    tell(
        "decision_signed",
        change,
        by=by,
        now=now,
        stage=stage.key,
        verdict=decision.verdict,
        meaning=decision.meaning,
        digest=decision.decision_digest,
        dossier=decision.dossier_digest,
    )
    return decision


def _write(change: ChangeRequest, stage: Stage, evaluation: Evaluation, wanted: WantedDecision) -> Decision:
    positive = wanted.verdict in POSITIVE_VERDICTS
    waivers = evaluation.relied_on if positive else ()
    meaning = meaning_of(Meaning(stage.meaning), wanted.verdict, accepts_risk=bool(waivers))
    conditions = [{**row, "due_on": row["due_on"].isoformat()} for row in wanted.conditions]
    statement = decision_statement(
        dossier_digest=change.dossier_digest,
        stage=stage.key,
        verdict=wanted.verdict,
        meaning=meaning,
        conditions=conditions,
        waivers=[str(waiver.pk) for waiver in waivers],
        rationale=wanted.rationale.strip(),
        signer=str(wanted.by.pk),
        on_behalf_of=str(wanted.on_behalf_of.pk) if wanted.on_behalf_of else "",
    )
    signature = sign(
        change,
        meaning=meaning,
        statement=statement,
        by=wanted.by,
        role=stage.role,
        on_behalf_of=wanted.on_behalf_of,
        now=wanted.now,
    )
    decision = Decision(
        change=change,
        stage=stage,
        model_id=change.model_id,
        unit_id=change.unit_id,
        dossier_number=change.dossier_number,
        dossier_digest=change.dossier_digest,
        verdict=wanted.verdict,
        meaning=meaning,
        rationale=wanted.rationale.strip(),
        conditions=conditions,
        items=wanted.items,
        waiver_ids=[waiver.pk for waiver in waivers],
        live_gates=evaluation.live_outcomes(),
        signer=wanted.by,
        on_behalf_of=wanted.on_behalf_of,
        decided_at=wanted.now,
        decision_digest=signature.digest,
        signature=signature,
    )
    save_as(decision, by=wanted.by, now=wanted.now, reason=wanted.rationale.strip())
    conditions_set(origin=decision, rows=wanted.conditions, by=wanted.by, now=wanted.now)
    return decision


def _confirm_materiality(change: ChangeRequest, decision: Decision) -> None:
    given = change.materiality and change.materiality_confirmed_at is None
    if given and decision.verdict in POSITIVE_VERDICTS and is_second_line(decision.signer, change):
        change.materiality_confirmed_by, change.materiality_confirmed_at = (
            decision.signer,
            decision.decided_at,
        )


def _advance(
    change: ChangeRequest,
    stage: Stage,
    decision: Decision,
    policy: PolicyInForce,
    records: DutyRecords,
    now: datetime,
) -> None:
    """Move stage and change on; ``records`` know the decision already, the caller saves ``change``."""
    by = decision.signer
    match Verdict(decision.verdict):
        case Verdict.REJECT:
            change.state, change.decided_at, change.closed_at = ChangeState.REJECTED, now, now
            change.headline = f"Rejected at “{stage.title}”"
            stages_pause(change, by=by, now=now, close=True)
            conditions_drop(change, reason="The request was rejected", by=by, now=now)
            tell("change_rejected", change, by=by, now=now, stage=stage.key)
        case Verdict.REQUEST_CHANGES:
            change.state = ChangeState.CHANGES_REQUESTED
            change.returned_at = [*change.returned_at, now.isoformat()]
            change.headline = f"Changes are asked for at “{stage.title}”"
            stages_pause(change, by=by, now=now, close=False)
            tell("change_returned", change, by=by, now=now, stage=stage.key, items=decision.items)
        case Verdict.RECUSE:
            if stage_look_for_people(stage, records, by=by, now=now):
                save_as(stage, by=by, now=now, reason="Somebody recused themselves")
        case _:
            _count_approval(change, stage, policy, records, by=by, now=now)


def _count_approval(
    change: ChangeRequest,
    stage: Stage,
    policy: PolicyInForce,
    records: DutyRecords,
    *,
    by: User,
    now: datetime,
) -> None:
    given = [
        row for row in records.decisions if row.stage_id == stage.pk and row.verdict in POSITIVE_VERDICTS
    ]
    if len(given) < stage.quorum:
        if stage_look_for_people(stage, records, by=by, now=now):
            save_as(stage, by=by, now=now, reason="Who owes the next step changed")
        return
    clock_stop(stage, now=now)
    stage.state, stage.decided_at = Stage.State.DONE, now
    save_as(stage, by=by, now=now, reason="Quorum reached")
    if stage_open_next(change, records=records, by=by, now=now) is not None:
        return
    refuse_if(_independence_blockers(change, records))
    change.state, change.decided_at = ChangeState.APPROVED, now
    change.expires_at = approval_ends(change, policy, now=now)
    change.headline = "Approved"
    tell("change_approved", change, by=by, now=now, expires_at=change.expires_at.isoformat())


def _independence_blockers(change: ChangeRequest, records: DutyRecords) -> list[Blocker]:
    """On every tier one decider is neither requester, owner, developer nor implementer (RULES 1.1)."""
    if change.change_class == ChangeClass.CONTAINMENT:
        return []
    people = records.people
    involved = people.requesters | people.owners | people.developers | records.implementers.people
    deciders = {
        row.signer_id
        for row in records.decisions
        if row.verdict in POSITIVE_VERDICTS and records.stages[row.stage_id].is_deciding
    }
    if deciders - involved:
        return []
    return [Blocker("no_independent_decider", "Nobody independent of this change has decided on it.")]


@dataclass(frozen=True, slots=True)
class DecisionPreview:
    """What a signature would say, before it is given."""

    stage: Stage
    verdict: Verdict
    meaning: Meaning
    dossier_number: int
    dossier_digest: str
    is_current: bool
    parts: tuple[PreviewPart, ...]
    waivers: tuple[str, ...]
    rationale_min_length: int
    blockers: tuple[Blocker, ...]
    has_read_before: bool


def decision_preview(
    *, stage: Stage, verdict: str, by: User, on_behalf_of: User | None = None, now: datetime
) -> DecisionPreview:
    """Say what ``by`` would sign: parts with what changed since they last read them, meaning, waivers, blockers."""
    change = ChangeRequest.objects.select_related(
        "model", "version", "environment", "rollback_target", "requester", "policy_revision__policy"
    ).get(pk=stage.change_id)
    require(by, "approvals.view", unit_id=change.unit_id, model_id=change.model_id)
    policy = policy_for(change, now)
    refuse_if([] if policy else [Blocker("no_policy", "No policy is in force.", "a policy publisher")])
    assert policy is not None  # noqa: S101  (refused above)
    evaluation = evaluate(change, at=now, policy=policy)
    records = duty_records(change, now=now)
    chosen = Verdict(verdict)
    blockers = policies.decision_blockers(
        change,
        stage,
        by=by,
        records=records,
        verdict=chosen,
        evaluation=evaluation,
        on_behalf_of=on_behalf_of,
        now=now,
    )
    if is_second_line(by, change):
        blockers = [blocker for blocker in blockers if blocker.code != "materiality"]
    relied = evaluation.relied_on if chosen in POSITIVE_VERDICTS else ()
    parts, has_read = preview_parts(change, evaluation.dossier, by)
    return DecisionPreview(
        stage=stage,
        verdict=chosen,
        meaning=meaning_of(Meaning(stage.meaning), chosen, accepts_risk=bool(relied)),
        dossier_number=change.dossier_number,
        dossier_digest=change.dossier_digest,
        is_current=evaluation.dossier.digest == change.dossier_digest,
        parts=parts,
        waivers=tuple(f"{row.gate} until {day_text(row.valid_until)}" for row in relied),
        rationale_min_length=policies.rationale_least(
            policy.document.rationale_min_length[change.decided_tier or 1],
            verdict=chosen,
            change_class=change.change_class,
        ),
        blockers=tuple(blockers),
        has_read_before=has_read,
    )
