"""What approvals ask of people, and by which acts each of it is done or no longer stands. Of two endings of one verb for
one ask the first counts.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Exists, OuterRef

from approvals.models import Condition, Stage, Validation, Waiver
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.web.notices import Happening, ids
from mlops_portal.foundation.web.settling import Ask, Ending, by_actor
from registry.models import Deployment
from registry.states import CURRENT_DEPLOYMENT_STATES

VIEW = "approvals.view"
Pairs = Iterable[tuple[Any, Any]]


def _challenge(validation: Any, happening: Happening) -> str:
    return f"{validation.pk}.{happening.data['number']}"


def _change(row: Any, happening: Happening) -> int:
    return int(row.change_id)


DECIDE = Ask("approvals.decide", VIEW)  # at a stage
FIND_PEOPLE = Ask("approvals.find_people", VIEW)  # who can fill a stage of a request
ANSWER_ITEMS = Ask("approvals.answer_items", VIEW)  # of a request that was sent back
CARRY_OUT = Ask("approvals.carry_out", VIEW)  # an approved request
GIVE_EVIDENCE = Ask("approvals.give_evidence", VIEW, _change)
DECIDE_WAIVER = Ask("approvals.decide_waiver", VIEW)
MEET = Ask("approvals.meet", VIEW)  # a condition
VERIFY = Ask("approvals.verify", VIEW)  # a condition that is declared met
SETTLE = Ask("approvals.settle", VIEW)  # a lapse
FIX = Ask("approvals.fix", VIEW)  # a finding
ANSWER = Ask("approvals.answer", VIEW, _challenge)
ACCEPT_ANSWER = Ask("approvals.accept_answer", VIEW, _challenge)
VALIDATE_AGAIN = Ask("approvals.validate_again", VIEW)  # a version whose validation ends


def _stages_closed(events: Sequence[DomainEvent]) -> Pairs:
    """Find the stages of requests that do not decide now."""
    rows = Stage.objects.filter(change__in=ids(events)).exclude(state=Stage.State.CURRENT)
    return rows.values_list("change_id", "pk")


def _stages_open(events: Sequence[DomainEvent]) -> Pairs:
    """Find the stages of requests that decide now."""
    rows = Stage.objects.filter(change__in=ids(events), state=Stage.State.CURRENT)
    return rows.values_list("change_id", "pk")


def _stages(events: Sequence[DomainEvent]) -> Pairs:
    """Find every stage of requests."""
    return Stage.objects.filter(change__in=ids(events)).values_list("change_id", "pk")


def _waivers_undecided(events: Sequence[DomainEvent]) -> Pairs:
    rows = Waiver.objects.filter(change__in=ids(events), state=Waiver.State.REQUESTED)
    return rows.values_list("change_id", "pk")


def _conditions_dropped(events: Sequence[DomainEvent]) -> Pairs:
    """Find the conditions that fell with their decision, or with the request."""
    rows = Condition.objects.filter(change__in=ids(events), state=Condition.State.DROPPED)
    return rows.values_list("change_id", "pk")


def _validated_before(events: Sequence[DomainEvent]) -> Pairs:
    """Find the earlier validations of versions that are validated again."""
    again = Validation.objects.filter(pk__in=ids(events))
    return again.values_list("pk", "version__validations")


def _validated_stopped(events: Sequence[DomainEvent]) -> Pairs:
    """Find the validations of versions of which no deployment is left that runs or may run again."""
    running = Deployment.objects.filter(version=OuterRef("version"), state__in=CURRENT_DEPLOYMENT_STATES)
    ended = Deployment.objects.filter(~Exists(running), pk__in=ids(events))
    return ended.values_list("pk", "version__validations")


def _numbered(events: Sequence[DomainEvent]) -> Pairs:
    return ((event.subject_id, f"{event.subject_id}.{event.data['number']}") for event in events)


def others(event: DomainEvent, person_id: int) -> bool:
    """Tell whether a person is not the one who took the stage."""
    return str(person_id) != event.data["to"]


WITHDRAWN = "No longer needed: the request was withdrawn"
REJECTED = "No longer needed: the request was rejected"
RETURNED = "No longer needed: changes were asked for"
CHANGED = "No longer needed: the content was changed"
EXPIRED = "No longer needed: the approval ended unused"
REVOKED = "No longer needed: a signature was revoked"
# A request ends, and with it what was expected for it.
ENDS_OF_REQUEST = (
    ("change_withdrawn", WITHDRAWN),
    ("change_rejected", REJECTED),
    ("change_expired", EXPIRED),
)
ENDINGS = (
    # A stage: what decides it comes before that it is decided.
    Ending(verb="approvals.change_withdrawn", ask=DECIDE, keys=_stages_closed, outcome=WITHDRAWN),
    Ending(verb="approvals.change_rejected", ask=DECIDE, keys=_stages_closed, outcome="Rejected"),
    Ending(verb="approvals.change_returned", ask=DECIDE, keys=_stages_closed, outcome="Sent back"),
    Ending(verb="approvals.decision_signed", ask=DECIDE, keys=_stages_closed, outcome="Decided"),
    Ending(verb="approvals.decision_signed", ask=DECIDE, keys=_stages, outcome="Decided", concerns=by_actor),
    Ending(verb="approvals.change_content_changed", ask=DECIDE, keys=_stages_closed, outcome=CHANGED),
    Ending(verb="approvals.signature_revoked", ask=DECIDE, keys=_stages_closed, outcome=REVOKED),
    Ending(
        verb="approvals.stage_assigned",
        ask=DECIDE,
        keys=_stages_open,
        outcome="Given to a colleague",
        concerns=others,
    ),
    # Nobody could fill a stage.
    Ending(verb="approvals.change_unblocked", ask=FIND_PEOPLE, outcome="No longer needed: people were found"),
    *(
        Ending(verb=f"approvals.{verb}", ask=FIND_PEOPLE, outcome=words)
        for verb, words in (*ENDS_OF_REQUEST, ("change_returned", RETURNED))
    ),
    # Sent back to the requester.
    Ending(verb="approvals.change_resubmitted", ask=ANSWER_ITEMS, outcome="Filed again"),
    Ending(verb="approvals.change_withdrawn", ask=ANSWER_ITEMS, outcome=WITHDRAWN),
    # Approved, on its way or stuck.
    *(
        Ending(verb=f"approvals.{verb}", ask=CARRY_OUT, outcome=words)
        for verb, words in (
            ("change_scheduled", "Scheduled"),
            ("execution_started", "Started"),
            ("execution_finished", "Finished"),
            ("execution_aborted", "Stopped"),
            ("change_expired", EXPIRED),
            ("change_content_changed", CHANGED),
            ("signature_revoked", REVOKED),
            ("rolled_back", "No longer needed: it was rolled back"),
        )
    ),
    Ending(verb="approvals.comment_written", ask=GIVE_EVIDENCE, outcome="Answered", concerns=by_actor),
    *(
        Ending(verb=f"approvals.{verb}", ask=GIVE_EVIDENCE, outcome=words)
        for verb, words in (
            ("change_withdrawn", WITHDRAWN),
            ("change_rejected", REJECTED),
            ("change_returned", RETURNED),
            ("change_approved", "No longer needed: the request was approved"),
        )
    ),
    # Waivers, conditions, lapses.
    Ending(verb="approvals.waiver_granted", ask=DECIDE_WAIVER, outcome="Granted"),
    Ending(verb="approvals.waiver_declined", ask=DECIDE_WAIVER, outcome="Declined"),
    *(
        Ending(verb=f"approvals.{verb}", ask=DECIDE_WAIVER, keys=_waivers_undecided, outcome=words)
        for verb, words in ENDS_OF_REQUEST
    ),
    Ending(verb="approvals.condition_declared", ask=MEET, outcome="Declared met"),
    Ending(verb="approvals.condition_verified", ask=MEET, outcome="Met, as confirmed"),
    Ending(verb="approvals.condition_verified", ask=VERIFY, outcome="Confirmed"),
    Ending(verb="approvals.condition_not_met", ask=VERIFY, outcome="Found not met"),
    *(
        Ending(verb=f"approvals.{verb}", ask=ask, keys=_conditions_dropped, outcome=words)
        for ask in (MEET, VERIFY)
        for verb, words in (
            *ENDS_OF_REQUEST,
            ("change_content_changed", CHANGED),
            ("change_resubmitted", "No longer needed: the request was filed again"),
            ("signature_revoked", REVOKED),
        )
    ),
    Ending(verb="approvals.lapse_closed", ask=SETTLE, outcome="Settled"),
    # Validations.
    Ending(verb="approvals.finding_closed", ask=FIX, outcome="Closed"),
    Ending(verb="approvals.challenge_answered", ask=ANSWER, keys=_numbered, outcome="Answered"),
    Ending(verb="approvals.challenge_accepted", ask=ANSWER, keys=_numbered, outcome="Settled"),
    Ending(verb="approvals.challenge_accepted", ask=ACCEPT_ANSWER, keys=_numbered, outcome="Accepted"),
    Ending(
        verb="approvals.validation_concluded",
        ask=VALIDATE_AGAIN,
        keys=_validated_before,
        when=lambda event: event.data.get("outcome") != Validation.Outcome.NOT_APPROVED,
        outcome="Validated again",
    ),
    *(
        Ending(
            verb=f"registry.deployment_{verb}",
            ask=VALIDATE_AGAIN,
            keys=_validated_stopped,
            outcome="No longer needed: the version no longer runs",
        )
        for verb in ("stopped", "superseded", "rolled_back")
    ),
)
