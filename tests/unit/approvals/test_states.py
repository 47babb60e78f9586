"""The change machine, as tables."""

import pytest

from approvals.states import (
    FINAL_STATES,
    MOVES,
    OPEN_STATES,
    OWED_BY,
    TRANSITIONS,
    ChangeState,
    Meaning,
    Owes,
    Verdict,
    can_move,
    meaning_of,
    states_diagram,
)

S, M, V = ChangeState, Meaning, Verdict


def test_every_state_is_in_the_table_and_reachable_from_a_draft():
    reached, todo = set(), [S.DRAFT]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += TRANSITIONS[state]
    assert reached == set(S) == set(TRANSITIONS)


def test_from_every_open_state_an_end_can_be_reached():
    ends = set(FINAL_STATES)
    while more := {state for state in OPEN_STATES - ends if TRANSITIONS[state] & ends}:
        ends |= more
    assert ends == set(S)


@pytest.mark.parametrize(
    "state", [S.COMPLETED, S.ROLLED_BACK, S.FAILED, S.REJECTED, S.WITHDRAWN, S.EXPIRED, S.REVOKED]
)
def test_a_final_state_has_no_exit_and_nobody_owes(state):
    assert state in FINAL_STATES
    assert TRANSITIONS[state] == frozenset()
    assert OWED_BY[state] == Owes.NOBODY


def test_open_and_final_states_are_all_states_and_share_none():
    assert set(S) == OPEN_STATES | FINAL_STATES
    assert not OPEN_STATES & FINAL_STATES


def test_in_every_open_state_somebody_owes():
    assert {OWED_BY[state] for state in OPEN_STATES} == set(Owes) - {Owes.NOBODY}


@pytest.mark.parametrize(
    ("state", "to", "allowed"),
    [
        pytest.param(S.DRAFT, S.SUBMITTED, True, id="a draft is filed"),
        pytest.param(S.DRAFT, S.APPROVED, False, id="a draft is never approved unread"),
        pytest.param(S.SUBMITTED, S.APPROVED, False, id="what was filed is reviewed before it is approved"),
        pytest.param(S.IN_REVIEW, S.REJECTED, True, id="any rejection ends the round"),
        pytest.param(S.REJECTED, S.SUBMITTED, False, id="a rejected round is not reopened"),
        pytest.param(S.CHANGES_REQUESTED, S.SUBMITTED, True, id="requested changes are filed again"),
        pytest.param(
            S.CHANGES_REQUESTED, S.IN_REVIEW, False, id="nothing is reviewed again without being filed"
        ),
        pytest.param(S.APPROVED, S.EXECUTING, False, id="execution starts from a planned start only"),
        pytest.param(S.APPROVED, S.IN_REVIEW, True, id="an approval falls when the content changes"),
        pytest.param(S.SCHEDULED, S.IN_REVIEW, True, id="a planned start falls when the content changes"),
        pytest.param(S.SCHEDULED, S.REVOKED, True, id="a planned start stops when the approval is revoked"),
        pytest.param(S.EXECUTING, S.COMPLETED, False, id="nothing completes without its bake time"),
        pytest.param(
            S.EXECUTING, S.APPROVED, True, id="an abort before the first step leaves the approval standing"
        ),
        pytest.param(S.VERIFYING, S.ROLLED_BACK, True, id="a release can return during its bake time"),
        pytest.param(S.COMPLETED, S.ROLLED_BACK, False, id="a later rollback is a change of its own"),
    ],
)
def test_moves(state, to, allowed):
    assert can_move(state, to) is allowed


@pytest.mark.parametrize(
    ("stage", "verdict", "accepts_risk", "meaning"),
    [
        pytest.param(M.ATTEST, V.APPROVE, False, M.ATTEST, id="an owner attests"),
        pytest.param(M.ATTEST, V.APPROVE, True, M.ATTEST, id="an owner accepts no risk for the second line"),
        pytest.param(M.VALIDATE, V.APPROVE_WITH_CONDITIONS, False, M.VALIDATE, id="a validator validates"),
        pytest.param(M.VALIDATE, V.APPROVE, True, M.VALIDATE, id="a validator accepts no risk"),
        pytest.param(M.APPROVE, V.APPROVE, False, M.APPROVE, id="an approver approves"),
        pytest.param(
            M.APPROVE, V.APPROVE, True, M.ACCEPT_RISK, id="an approver who relies on a waiver accepts risk"
        ),
        pytest.param(
            M.APPROVE, V.APPROVE_WITH_CONDITIONS, True, M.ACCEPT_RISK, id="conditions do not hide the risk"
        ),
        pytest.param(M.RELEASE, V.APPROVE, False, M.RELEASE, id="an operator releases"),
        pytest.param(M.APPROVE, V.REJECT, True, M.REVIEW, id="a rejection accepts nothing"),
        pytest.param(M.VALIDATE, V.REQUEST_CHANGES, False, M.REVIEW, id="who asks for changes has reviewed"),
        pytest.param(M.APPROVE, V.RECUSE, False, M.ATTEST, id="a recusal attests a conflict"),
    ],
)
def test_meaning_follows_from_stage_and_verdict(stage, verdict, accepts_risk, meaning):
    assert meaning_of(stage, verdict, accepts_risk=accepts_risk) == meaning


def test_the_diagram_draws_every_move_once():
    diagram = states_diagram()
    assert diagram.startswith("stateDiagram-v2\n")
    for state, moves in MOVES.items():
        for to, why in moves.items():
            assert diagram.count(f"    {state} --> {to}: {why}\n") == 1
    assert diagram.count(" --> [*]") == len(FINAL_STATES)
