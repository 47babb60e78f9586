"""Whom acts of approvals tell: one row for one verb and one relation to the record. Of two rows for one person the first
counts, and what is expected of somebody goes before what they should know. Who takes a stage is told by that service.
"""

from approvals.models import Validation
from approvals.notice_asks import (
    ACCEPT_ANSWER,
    ANSWER,
    ANSWER_ITEMS,
    CARRY_OUT,
    DECIDE,
    DECIDE_WAIVER,
    FIND_PEOPLE,
    FIX,
    GIVE_EVIDENCE,
    MEET,
    SETTLE,
    VALIDATE_AGAIN,
    VERIFY,
)
from approvals.notice_records import (
    ABSENTEE,
    ASKED,
    ASKED_FOR_IT,
    AUTHORITY,
    CHANGE,
    CONDITION,
    CONDITION_OWNER,
    CONDITIONS,
    DECIDERS,
    DELEGATION,
    DEVELOPERS,
    ENDED_VALIDATOR,
    FINDING,
    FINDING_OWNER,
    LAPSE,
    LAPSE_OWNER,
    OF_ITS_CHANGE,
    OPENED,
    OPERATORS,
    OWNER,
    REMARK,
    REPAIRERS,
    REQUESTER,
    SET_IT,
    SIGNERS,
    STAGE,
    STAND_IN,
    STARTED_BY,
    VALIDATION,
    VALIDATION_CONDITIONS,
    VALIDATOR,
    VERIFIER,
    WAIVER,
    WAIVERS_ASKED,
    declare_page,
    people_page,
    settle_page,
    verify_page,
)
from approvals.services.reading import DossierChanged
from approvals.states import POSITIVE_VERDICTS, Verdict
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.web.notices import Rule

BOTH = (REQUESTER, OWNER)
PARTY = (REQUESTER, OWNER, STARTED_BY)


def approves(event: DomainEvent) -> bool:
    """Tell whether a decision was given in favour."""
    return event.data["verdict"] in POSITIVE_VERDICTS


def concludes_with_conditions(event: DomainEvent) -> bool:
    """Tell whether the conclusion of a validation sets conditions."""
    return event.data["outcome"] == Validation.Outcome.APPROVED_WITH_CONDITIONS


def sets_conditions(event: DomainEvent) -> bool:
    """Tell whether a decision sets conditions."""
    return event.data["verdict"] == Verdict.APPROVE_WITH_CONDITIONS


def succeeded(event: DomainEvent) -> bool:
    """Tell whether an execution took effect."""
    return event.data["result"] == "succeeded"


def failed(event: DomainEvent) -> bool:
    """Tell whether an execution took no effect."""
    return not succeeded(event)


def voids(event: DomainEvent) -> bool:
    """Tell whether decisions fell."""
    return bool(event.data.get("voided") or event.data.get("count"))


def may_start_again(event: DomainEvent) -> bool:
    """Tell whether what kept the portal from starting is for an operator to clear up; changed content is decided anew."""
    return event.data.get("code") != DossierChanged.code


def by_hand(event: DomainEvent) -> bool:
    """Tell whether an operator has to take the step."""
    return event.data["connector"] == "manual"


def by_the_portal(event: DomainEvent) -> bool:
    """Tell whether the portal takes the step."""
    return not by_hand(event)


def of_a_draft(event: DomainEvent) -> bool:
    """Tell whether a waiver was asked for before its request was filed."""
    return bool(event.data.get("is_draft"))


def of_what_is_filed(event: DomainEvent) -> bool:
    """Tell whether a waiver was asked for on a filed request."""
    return not of_a_draft(event)


WAITS = "“{stage}” waits for you. {what}"
STAGES = tuple(
    Rule(verb=f"approvals.{verb}", about=OPENED, to=(DECIDERS,), asks=DECIDE, text=text, tone=tone)
    for verb, text, tone in (
        ("change_submitted", "{by} filed it. " + WAITS, "info"),
        ("change_resubmitted", "{by} answered and filed it again. " + WAITS, "info"),
        ("change_content_changed", "Its content changed and earlier decisions are void. " + WAITS, "warn"),
        ("decision_signed", "The stage before is decided. " + WAITS, "info"),
        ("signature_revoked", "{by} revoked a signature, so the stage is open again. " + WAITS, "warn"),
    )
)
RULES = (
    *STAGES,
    Rule(
        verb="approvals.stage_overdue",
        about=STAGE,
        to=(DECIDERS,),
        asks=DECIDE,
        tone="warn",
        text="“{stage}” is past its deadline. Decide now, or hand it to a colleague.",
    ),
    Rule(
        verb="approvals.stage_given_up",
        about=STAGE,
        to=(DECIDERS,),
        asks=DECIDE,
        text="Whoever took “{stage}” can decide it no longer, so it waits for you again. {what}",
    ),
    Rule(
        verb="approvals.change_blocked",
        about=CHANGE,
        to=(REPAIRERS,),
        asks=FIND_PEOPLE,
        tone="warn",
        text="{reason}",
        place=people_page,
    ),
    Rule(
        verb="approvals.change_blocked", about=CHANGE, to=BOTH, tone="warn", text="It stands still. {reason}"
    ),
    Rule(
        verb="approvals.change_unblocked",
        about=STAGE,
        to=(DECIDERS,),
        asks=DECIDE,
        text="Enough people can decide again. “{stage}” waits for you. {what}",
    ),
    Rule(
        verb="approvals.change_unblocked",
        about=CHANGE,
        to=BOTH,
        tone="ok",
        text="Enough people can decide on it again.",
    ),
    Rule(
        verb="approvals.change_returned",
        about=CHANGE,
        to=(REQUESTER,),
        asks=ANSWER_ITEMS,
        tone="warn",
        text="{by} asks for changes. Answer every item and file it again.",
    ),
    Rule(
        verb="approvals.change_returned",
        about=CHANGE,
        to=(OWNER,),
        tone="warn",
        text="{by} asks for changes. The requester answers and files it again.",
    ),
    Rule(
        verb="approvals.change_rejected",
        about=CHANGE,
        to=BOTH,
        tone="fail",
        text="{by} rejected it. Read why; a new request has to say what changed.",
    ),
    Rule(
        verb="approvals.change_approved",
        about=CHANGE,
        to=(OPERATORS,),
        asks=CARRY_OUT,
        text="It is approved and waits to be carried out. Schedule or start it by {expires}.",
    ),
    Rule(
        verb="approvals.change_approved",
        about=CHANGE,
        to=BOTH,
        tone="ok",
        text="Every stage has its quorum: it is approved. The approval may be used until {expires}.",
    ),
    Rule(
        verb="approvals.decision_signed",
        about=CONDITIONS,
        to=(CONDITION_OWNER,),
        when=sets_conditions,
        asks=MEET,
        tone="warn",
        text="{by} set you a condition, due on {due}: {text}",
        place=declare_page,
    ),
    Rule(
        verb="approvals.decision_signed",
        about=CONDITIONS,
        to=(VERIFIER,),
        when=sets_conditions,
        text="{by} named you to verify a condition, due on {due}: {text}",
        place=verify_page,
    ),
    Rule(
        verb="approvals.decision_signed",
        about=CHANGE,
        to=BOTH,
        tone="ok",
        when=approves,
        text="{by} decided at a stage: {verdict}. Nothing is expected of you.",
    ),
    Rule(
        verb="approvals.change_content_changed",
        about=CHANGE,
        to=BOTH,
        tone="warn",
        text="Its content changed ({parts}): {voided}.{gates} Approvers decide again; check that it is still what you want.",
    ),
    Rule(
        verb="approvals.change_content_changed",
        about=CHANGE,
        to=(SIGNERS,),
        tone="warn",
        when=voids,
        text="Its content changed ({parts}): {voided}, yours among them. It comes back to you when its stage opens.",
    ),
    Rule(
        verb="approvals.change_reopened",
        about=CHANGE,
        to=BOTH,
        tone="warn",
        text="The urgent policy revision {policy} opened it again: it is decided under the new rules.",
    ),
    Rule(
        verb="approvals.signature_revoked",
        about=CHANGE,
        to=BOTH,
        tone="fail",
        text="{by} revoked a signature. Read what follows: a running version needs a decision within 24 hours.",
    ),
    Rule(
        verb="approvals.change_expired",
        about=CHANGE,
        to=BOTH,
        tone="warn",
        text="The approval ended unused. File a new request if the change is still wanted.",
    ),
    Rule(
        verb="approvals.change_withdrawn",
        about=CHANGE,
        to=(SIGNERS, OWNER, REQUESTER),
        text="{by} withdrew it. Nothing is expected of you any more.",
    ),
    Rule(
        verb="approvals.change_scheduled",
        about=CHANGE,
        to=BOTH,
        text="{by} scheduled it for {start}. Be reachable then.",
    ),
    Rule(
        verb="approvals.execution_started",
        about=CHANGE,
        to=(OPERATORS,),
        asks=CARRY_OUT,
        when=by_hand,
        text="Its execution waits for an operator. Take the step and report what you saw.",
    ),
    Rule(
        verb="approvals.execution_started",
        about=CHANGE,
        to=BOTH,
        when=by_hand,
        text="{by} started it by hand. The operator reports what became of it.",
    ),
    Rule(
        verb="approvals.execution_started",
        about=CHANGE,
        to=BOTH,
        when=by_the_portal,
        text="The portal started to carry it out.",
    ),
    Rule(
        verb="approvals.execution_refused",
        about=CHANGE,
        to=(OPERATORS,),
        asks=CARRY_OUT,
        when=may_start_again,
        tone="warn",
        text="The portal did not start it: {reason} Clear this up and start it again.",
    ),
    Rule(
        verb="approvals.execution_refused",
        about=CHANGE,
        to=BOTH,
        tone="warn",
        text="The portal did not start it: {reason}",
    ),
    Rule(
        verb="approvals.execution_unknown",
        about=CHANGE,
        to=(OPERATORS,),
        asks=CARRY_OUT,
        tone="fail",
        text="Nobody knows whether it took effect. Look at the target and report what you saw.",
    ),
    Rule(
        verb="approvals.execution_unknown",
        about=CHANGE,
        to=PARTY,
        tone="fail",
        text="Nobody knows whether it took effect. An operator has to look.",
    ),
    Rule(
        verb="approvals.execution_finished",
        about=CHANGE,
        to=PARTY,
        tone="ok",
        when=succeeded,
        text="It took effect. Watch it until the time planned for that has passed.",
    ),
    Rule(
        verb="approvals.execution_finished",
        about=CHANGE,
        to=PARTY,
        tone="fail",
        when=failed,
        text="It failed: {reason} What served before still does.",
    ),
    Rule(
        verb="approvals.execution_aborted",
        about=CHANGE,
        to=PARTY,
        tone="warn",
        text="{by} stopped it at or before its first step: {reason}",
    ),
    Rule(
        verb="approvals.rolled_back",
        about=CHANGE,
        to=(*BOTH, SIGNERS),
        tone="fail",
        text="It was rolled back by {by_change}. Find out why before you file again.",
    ),
    Rule(
        verb="approvals.gates_cleared",
        about=STAGE,
        to=(DECIDERS,),
        asks=DECIDE,
        text="No blocking gate fails any more. “{stage}” waits for you. {what}",
    ),
    Rule(
        verb="approvals.gates_cleared",
        about=CHANGE,
        to=BOTH,
        tone="ok",
        text="No blocking gate fails any more: it can be approved.",
    ),
    Rule(verb="approvals.change_completed", about=CHANGE, to=BOTH, tone="ok", text="It is completed."),
    Rule(
        verb="approvals.waiver_requested",
        about=WAIVER,
        to=(AUTHORITY,),
        when=of_a_draft,
        text="{by} asks you to waive {gate} until {until}. You decide once the request is filed; it is a draft.",
    ),
    Rule(
        verb="approvals.change_submitted",
        about=WAIVERS_ASKED,
        to=(AUTHORITY,),
        asks=DECIDE_WAIVER,
        text="It is filed, so you decide on the waiver of {gate} until {until}. Grant it or decline it.",
    ),
    Rule(
        verb="approvals.waiver_requested",
        about=WAIVER,
        to=(AUTHORITY,),
        when=of_what_is_filed,
        asks=DECIDE_WAIVER,
        text="{by} asks you to waive {gate} until {until}. Grant it or decline it.",
    ),
    Rule(
        verb="approvals.waiver_granted",
        about=WAIVER,
        to=(ASKED_FOR_IT, OF_ITS_CHANGE, OWNER),
        tone="ok",
        text="{by} waived {gate} until {until}. Fix what failed before it ends.",
    ),
    Rule(
        verb="approvals.waiver_declined",
        about=WAIVER,
        to=(ASKED_FOR_IT, OF_ITS_CHANGE, OWNER),
        tone="fail",
        text="{by} declined to waive {gate}. Only a fix opens it.",
    ),
    Rule(
        verb="approvals.waiver_ended",
        about=WAIVER,
        to=(ASKED_FOR_IT, OF_ITS_CHANGE, OWNER),
        tone="warn",
        text="The waiver of {gate} ended: the gate stands again.",
    ),
    Rule(
        verb="approvals.condition_declared",
        about=CONDITION,
        to=(VERIFIER,),
        asks=VERIFY,
        text="{by} declares a condition met: {declared} Look, and say whether it is.",
        place=verify_page,
    ),
    Rule(
        verb="approvals.condition_verified",
        about=CONDITION,
        to=(CONDITION_OWNER, SET_IT),
        tone="ok",
        text="{by} confirmed that a condition is met: {text}",
    ),
    Rule(
        verb="approvals.condition_not_met",
        about=CONDITION,
        to=(CONDITION_OWNER,),
        asks=MEET,
        tone="warn",
        text="{by} found a condition not met: {seen} It {is or was} due on {due} and stays open until it is met.",
        place=declare_page,
    ),
    Rule(
        verb="approvals.lapse_opened",
        about=LAPSE,
        to=(LAPSE_OWNER,),
        asks=SETTLE,
        tone="fail",
        text="{text} Settle it by {due}: renew, fix, restrict or roll back, or suspend.",
        place=settle_page,
    ),
    Rule(
        verb="approvals.lapse_opened",
        about=LAPSE,
        to=(OF_ITS_CHANGE,),
        tone="fail",
        text="A lapse is open: {text}",
    ),
    Rule(
        verb="approvals.lapse_opened",
        about=LAPSE,
        to=(ENDED_VALIDATOR,),
        tone="warn",
        text="{text} It was yours. A new validation of the version settles the lapse, which {owner} owes by {due}.",
    ),
    Rule(
        verb="approvals.lapse_closed",
        about=LAPSE,
        to=(LAPSE_OWNER, OF_ITS_CHANGE, ENDED_VALIDATOR),
        tone="ok",
        text="A lapse is settled: {text}",
    ),
    Rule(
        verb="approvals.validation_opened",
        about=VALIDATION,
        to=(DEVELOPERS, OWNER),
        text="{by} opened it. Be ready for questions.",
    ),
    Rule(
        verb="approvals.validation_concluded",
        about=VALIDATION_CONDITIONS,
        to=(CONDITION_OWNER,),
        when=concludes_with_conditions,
        asks=MEET,
        tone="warn",
        text="{by} set you a condition, due on {due}: {text}",
        place=declare_page,
    ),
    Rule(
        verb="approvals.validation_concluded",
        about=VALIDATION_CONDITIONS,
        to=(VERIFIER,),
        when=concludes_with_conditions,
        text="{by} named you to verify a condition, due on {due}: {text}",
        place=verify_page,
    ),
    Rule(
        verb="approvals.validation_concluded",
        about=VALIDATION,
        to=(DEVELOPERS, OWNER),
        text="{by} concluded it: {outcome}. Read what it asks of the version.",
    ),
    Rule(
        verb="approvals.validation_ending",
        about=VALIDATION,
        to=(VALIDATOR,),
        asks=VALIDATE_AGAIN,
        tone="warn",
        text="It holds until {until}, and the version runs. Validate it again before: a lapse opens then.",
    ),
    Rule(
        verb="approvals.validation_ending",
        about=VALIDATION,
        to=(OWNER,),
        tone="warn",
        text="It holds until {until}, and the version runs. Without another validation a lapse opens then.",
    ),
    Rule(
        verb="approvals.finding_raised",
        about=FINDING,
        to=(FINDING_OWNER,),
        asks=FIX,
        tone="warn",
        text="{by} raised {finding}, severity {severity}. Fix it by {due}.",
    ),
    Rule(
        verb="approvals.finding_closed",
        about=FINDING,
        to=(FINDING_OWNER,),
        tone="ok",
        text="{by} closed {finding}.",
    ),
    Rule(
        verb="approvals.challenge_asked",
        about=VALIDATION,
        to=(DEVELOPERS,),
        asks=ANSWER,
        tone="warn",
        text="{by} asks the developers challenge {number}. Answer it: nothing is concluded before.",
    ),
    Rule(
        verb="approvals.challenge_answered",
        about=VALIDATION,
        to=(VALIDATOR,),
        asks=ACCEPT_ANSWER,
        text="{by} answered challenge {number}. Accept the answer or ask again.",
    ),
    Rule(
        verb="approvals.evidence_asked",
        about=REMARK,
        to=(ASKED,),
        asks=GIVE_EVIDENCE,
        tone="warn",
        text="{by} asks you for evidence: {text}",
    ),
    Rule(
        verb="approvals.comment_written",
        about=REMARK,
        to=(OF_ITS_CHANGE, OWNER),
        text="{by} commented: {text}",
    ),
    Rule(
        verb="approvals.delegation_made",
        about=DELEGATION,
        to=(STAND_IN,),
        text="You stand in for {absentee} from {begins} to {ends}. What waits for them stands in your list then.",
    ),
    Rule(
        verb="approvals.delegation_made",
        about=DELEGATION,
        to=(ABSENTEE,),
        text="{by} named {stand_in} to stand in for you from {begins} to {ends}.",
    ),
    Rule(
        verb="approvals.delegation_ended",
        about=DELEGATION,
        to=(STAND_IN, ABSENTEE),
        text="{stand_in} no longer stands in for {absentee}.",
    ),
)
