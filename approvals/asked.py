"""What approvers asked to be changed, item by item, and what the requester answers to each.

An item is open until the request is filed again; filing needs an answer to every one. Answers are content: they are in
the dossier that the next round decides about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.models import ChangeRequest, Decision
from approvals.states import Verdict


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be changed."""

    decision_id: int
    place: int  # from 1
    text: str
    answer: str

    @property
    def name(self) -> str:
        """The name of its field in a form."""
        return f"answer-{self.decision_id}-{self.place}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one person asked for at one stage."""

    decision: Decision
    items: Sequence[Item]

    @property
    def is_open(self) -> bool:
        """Tell whether the request was not filed again since."""
        return self.decision.voided_at is None


def asked_of(change: ChangeRequest) -> list[Asked]:
    """Return every request for changes with the answers so far, the newest first."""
    answers = {(row["decision"], row["place"]): row["answer"] for row in change.answers}
    decisions = Decision.objects.filter(change=change, verdict=Verdict.REQUEST_CHANGES)
    return [
        Asked(
            row,
            [
                Item(row.pk, place, str(text), answers.get((row.pk, place), ""))
                for place, text in enumerate(row.items, start=1)
            ],
        )
        for row in decisions.select_related("signer", "stage").order_by("-decided_at", "-pk")
    ]


def open_items(change: ChangeRequest) -> list[Item]:
    """Return the items that are to be answered before the request is filed again."""
    return [item for asked in asked_of(change) if asked.is_open for item in asked.items]


def with_answers(
    change: ChangeRequest, items: Sequence[Item], given: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the answers of a request with those ``given`` to its open items; answers of earlier rounds stay.

    Raises:
        ValueError: an answer is to no open item, or is no text.
    """
    texts = {(item.decision_id, item.place): item.text for item in items}
    kept = [row for row in change.answers if (row["decision"], row["place"]) not in texts]
    fresh = {(item.decision_id, item.place): item.answer for item in items}
    for row in given:
        key = (row.get("decision"), row.get("place"))
        if key not in texts or not isinstance(row.get("answer"), str):
            raise ValueError("Answer the items that are asked for, each by its decision and place.")
        fresh[key] = row["answer"].strip()
    return kept + [
        {"decision": decision, "place": place, "item": texts[decision, place], "answer": answer}
        for (decision, place), answer in fresh.items()
        if answer
    ]
