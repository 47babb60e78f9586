"""Conclusions of validations: what will be signed, and signing it over exactly what the validator read (RULES 4.1)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from approvals import policies
from approvals.conclusion_content import Conclusion, baseline_in, record_parts, series, statement_of
from approvals.events import event_of, tell
from approvals.models import Challenge, Validation, ValidationFinding
from approvals.policy_in_force import PolicyInForce, policy_in_force
from approvals.queries.condition_people import condition_people
from approvals.services.conditions import ConditionInput, conditions_set
from approvals.services.lapses import lapses_settle_validated
from approvals.services.reading import RecordChanged, RecordPreview, refuse_other_record
from approvals.services.signing import prove, sign
from approvals.services.validations import RIGHT, lock_open, validation_open_blockers
from approvals.signed_content import SignedPart
from approvals.states import Meaning
from mlops_portal.foundation.days import day_end, portal_day
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if
from mlops_portal.foundation.web.words import day_text
from registry.services.models import model_note_validation

MIN_SUMMARY = 40


def conclusion_preview(*, validation: Validation, by: User, now: datetime) -> RecordPreview:
    """Return what concluding would sign now, and what keeps ``by`` from it whatever they write."""
    return RecordPreview(Meaning.VALIDATE, record_parts(validation), tuple(_standing(validation, by, now)))


def valid_until_most(validation: Validation, now: datetime) -> datetime | None:
    """Return until when a conclusion may hold at most; None while tier or policy is missing."""
    policy, tier = policy_in_force(now), validation.version.model.tier
    return None if policy is None or tier is None else _until_most(policy, tier, now)


def _until_most(policy: PolicyInForce, tier: int, now: datetime) -> datetime:
    return now + timedelta(days=policy.document.validation_validity_days[tier])


def _standing(validation: Validation, by: User, now: datetime) -> list[Blocker]:
    unsettled = list(validation.challenges.exclude(state=Challenge.State.ACCEPTED).order_by("number"))
    blockers = policies.conclusion_blockers(
        validation,
        by=by,
        open_challenges=len(unsettled),
        who_settles=_who_settles(validation, unsettled),
    )
    if policy_in_force(now) is None:
        blockers.append(Blocker("no_policy", "No policy is in force.", "a policy publisher"))
    if validation.version.model.tier is None:
        blockers.append(Blocker("no_tier", "The model has no approved risk tier yet.", "a risk officer"))
    if validation.state == Validation.State.OPEN:
        blockers += validation_open_blockers(validation.version, by=by)
    return blockers


def _who_settles(validation: Validation, unsettled: Sequence[Challenge]) -> str:
    """Say who answers the challenges that wait for it, and who accepts the answers that were given."""
    asked = [str(one.number) for one in unsettled if one.state == Challenge.State.OPEN]
    answered = [str(one.number) for one in unsettled if one.state == Challenge.State.ANSWERED]
    told = []
    if asked:
        version = validation.version
        developers = User.objects.filter(pk__in={version.model.developer_id, *version.developer_ids})
        names = series(developers.order_by("name", "pk").values_list("name", flat=True), "or")
        told.append(f"{names or 'a developer'} answers {_numbered(asked)}")
    if answered:
        told.append(f"{validation.validator.name} accepts what answers {_numbered(answered)}")
    return "; ".join(told)


def _numbered(numbers: Sequence[str]) -> str:
    return f"{'challenge' if len(numbers) == 1 else 'challenges'} {series(numbers)}"


def conclusion_complaints(
    validation: Validation, words: Conclusion, *, now: datetime
) -> list[tuple[str, Blocker]]:
    """Return what is wrong with what a validator wrote, each with the field it is about."""
    policy, tier = policy_in_force(now), validation.version.model.tier
    required = policy.document.validation_components[tier] if policy and tier else ()
    critical = validation.findings.filter(
        severity=ValidationFinding.Severity.CRITICAL, closed_at__isnull=True
    ).count()
    lacking = policies.coverage_blockers(
        words.outcome, required=required, components=words.components, critical_open=critical
    )
    found = [("components" if row.code == "components" else "outcome", row) for row in lacking]
    if len(words.summary) < MIN_SUMMARY:
        message = f"The rationale has {len(words.summary)} characters; at least {MIN_SUMMARY} are needed."
        found.append(("summary", Blocker("summary", message)))
    if not words.has_no_conflict and not words.conflict_declaration:
        message = "Describe the conflict of interest, or declare that there is none."
        found.append(("conflict_declaration", Blocker("conflict", message)))
    if policy and tier:
        found += [
            ("valid_until", row) for row in _validity_blockers(words, _until_most(policy, tier, now), now)
        ]
    return found


def _validity_blockers(words: Conclusion, most: datetime, now: datetime) -> list[Blocker]:
    until, last = portal_day(words.valid_until), portal_day(most)
    if words.valid_until <= now:
        return [Blocker("valid_until", f"{day_text(until)} is in the past.")]
    if words.valid_until > day_end(last):
        message = f"The policy lets a validation of this tier hold until {day_text(last)} at most."
        return [Blocker("valid_until", message)]
    return []


def condition_complaints(validation: Validation, words: Conclusion, *, now: datetime) -> list[Blocker]:
    """Return what its conditions lack, and whether they fit the outcome: they go with the one that says so."""
    bearers = condition_people(validation) if words.conditions else None
    return policies.condition_blockers(
        words.conditions,
        go_with=Validation.Outcome.APPROVED_WITH_CONDITIONS.label,
        are_asked=words.outcome == Validation.Outcome.APPROVED_WITH_CONDITIONS,
        owners=bearers.owner_ids() if bearers else (),
        verifiers=bearers.verifier_ids() if bearers else (),
        now=now,
    )


def validation_conclude(
    *,
    validation: Validation,
    components: Sequence[str],
    outcome: str,
    summary: str,
    has_no_conflict: bool,
    conflict_declaration: str = "",
    conditions: Sequence[ConditionInput] = (),
    valid_until: datetime | None = None,
    read_digest: str,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> Validation:
    """Conclude a validation, signed over the records whose digest the validator read and the words they wrote.

    Without ``valid_until`` it holds as long as the policy lets a validation of the tier hold. The version's overall
    metrics as recorded now become its baseline.

    Raises:
        RecordChanged: a finding, a challenge or the version differs from what was read; nothing was signed.
        RuleViolation: with every reason.
        Invalid: the password or the code is not right.
    """
    _check(components, outcome)
    words = Conclusion(
        components=tuple(sorted(set(components))),
        outcome=outcome,
        summary=summary.strip(),
        has_no_conflict=has_no_conflict,
        conflict_declaration=conflict_declaration.strip(),
        conditions=tuple(conditions),
        valid_until=valid_until or valid_until_most(validation, now) or now,
    )
    try:
        _refuse(validation, record_parts(validation), words, read_digest, by=by, now=now)
        prove(by, password=password, code=code, subject=validation, now=now)
        return _conclude(validation=validation, words=words, read_digest=read_digest, by=by, now=now)
    except (RecordChanged, RuleViolation) as refusal:
        reasons = [row.code for row in getattr(refusal, "blockers", [])] or [refusal.code]
        refusal.evidence = event_of("decision_refused", validation, by=by, now=now, data={"reasons": reasons})
        raise


def _check(components: Sequence[str], outcome: str) -> None:
    if outcome not in Validation.Outcome.values:
        raise invalid("outcome", "Choose an outcome.")
    if unknown := sorted(set(components) - set(Validation.Component.values)):
        raise invalid("components", f"Unknown: {', '.join(unknown)}.")


def _refuse(
    validation: Validation,
    recorded: Sequence[SignedPart],
    words: Conclusion,
    read_digest: str,
    *,
    by: User,
    now: datetime,
) -> None:
    require(by, RIGHT, unit_id=validation.unit_id, model_id=validation.model_id)
    refuse_other_record(recorded, read_digest)
    refuse_if(
        [
            *_standing(validation, by, now),
            *(blocker for _, blocker in conclusion_complaints(validation, words, now=now)),
            *condition_complaints(validation, words, now=now),
        ]
    )


@operation
def _conclude(
    *, validation: Validation, words: Conclusion, read_digest: str, by: User, now: datetime
) -> Validation:
    validation = lock_open(validation)
    recorded = record_parts(
        validation
    )  # once: metrics are recorded meanwhile, and only what was read is signed
    _refuse(validation, recorded, words, read_digest, by=by, now=now)
    statement = statement_of(validation, recorded, words, by=by)
    validation.components, validation.outcome = list(words.components), words.outcome
    validation.summary, validation.valid_until = words.summary, words.valid_until
    validation.has_no_conflict = words.has_no_conflict
    validation.conflict_declaration = words.conflict_declaration
    validation.baseline, validation.concluded_at = baseline_in(recorded), now
    validation.content_digest = statement["content"]
    validation.signature = sign(
        validation,
        meaning=Meaning.VALIDATE,
        statement=statement,
        by=by,
        role="independent_validator",
        now=now,
    )
    validation.state = Validation.State.CONCLUDED
    save_as(validation, by=by, now=now, reason=words.summary)
    conditions_set(origin=validation, rows=words.conditions, by=by, now=now)
    model_note_validation(
        model=validation.version.model,
        validated_at=now,
        next_validation_on=portal_day(words.valid_until),
        by=by,
        now=now,
    )
    tell(
        "validation_concluded",
        validation,
        by=by,
        now=now,
        outcome=words.outcome,
        digest=validation.content_digest,
    )
    lapses_settle_validated(validation=validation, by=by, now=now)
    return validation
