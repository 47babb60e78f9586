"""The dossier: exactly what is decided about, in one canonical form.

A dossier is a list of named parts, each with its own SHA-256; the digest of the whole covers the parts' digests and
names. Only content belongs here. What moves by itself (ages, incidents, windows) is kept beside it, else an approval
would void itself overnight.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mlops_portal.foundation import canonical

FORMAT = "mlops-portal/dossier/1"
DECISION_FORMAT = "mlops-portal/decision/1"
WAIVER_FORMAT = "mlops-portal/waiver/1"
# The order is the reader's. Every part is present in every dossier, an empty one as an empty mapping.
PARTS: Mapping[str, str] = {
    "request": "Request",
    "artifact": "Model artifact",
    "version": "Version metadata and parameters",
    "metrics": "Metrics and test data",
    "documents": "Documents",
    "validation": "Validation",
    "risk": "Risk assessment",
    "plan": "Environment and traffic plan",
    "rollback": "Rollback target",
    "policy": "Policy revision",
    "waivers": "Waivers relied on",
    "gates": "Gates and the evidence they used",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a dossier: plain JSON content and its digest."""

    name: str
    title: str
    content: Any
    digest: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is decided about. ``digest`` is what signatures refer to."""

    parts: tuple[Part, ...]
    digest: str

    def part(self, name: str) -> Part:
        """Return the part of that name."""
        return next(part for part in self.parts if part.name == name)

    def text(self) -> str:
        """Return the canonical JSON text, from which `read_dossier` restores the same digests."""
        content = {
            "format": FORMAT,
            "parts": [{"name": part.name, "content": part.content} for part in self.parts],
        }
        return canonical.canonical_bytes(content).decode("utf-8")


class Difference(StrEnum):
    """How a field moved between two dossiers."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs, by its path within the part."""

    path: str
    difference: Difference
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class PartComparison:
    """One part before and now."""

    name: str
    title: str
    digest: str
    is_changed: bool
    changes: tuple[FieldChange, ...]


def build_dossier(parts: Mapping[str, Any]) -> Dossier:
    """Build a dossier from plain content by part name. An unknown or a missing part is a `ValueError`."""
    if unknown := sorted(parts.keys() - PARTS.keys()):
        raise ValueError(f"A dossier has no part called {', '.join(unknown)}.")
    if missing := sorted(PARTS.keys() - parts.keys()):
        raise ValueError(f"The dossier lacks the part {', '.join(missing)}.")
    built = tuple(_part(name, parts[name]) for name in PARTS)
    return Dossier(built, _whole(built))


def _part(name: str, content: Any) -> Part:
    plain = canonical.plain(content)
    # The name is inside, so that equal content of two parts has two digests.
    return Part(name, PARTS[name], plain, canonical.digest({"part": name, "content": plain}))


def _whole(parts: Sequence[Part]) -> str:
    return canonical.digest({"format": FORMAT, "parts": [[part.name, part.digest] for part in parts]})


def read_dossier(text: str) -> Dossier:
    """Restore a dossier from `Dossier.text`; digests are computed again, never trusted."""
    stored = json.loads(text)
    if stored.get("format") != FORMAT:
        raise ValueError(f"This is not a dossier of format {FORMAT}.")
    return build_dossier({part["name"]: part["content"] for part in stored["parts"]})


def compare(old: Dossier, new: Dossier) -> tuple[PartComparison, ...]:
    """Say part by part what changed from ``old`` to ``new``, field by field."""
    before = {part.name: part for part in old.parts}
    return tuple(_compared(before[part.name], part) for part in new.parts)


def _compared(before: Part, after: Part) -> PartComparison:
    if before.digest == after.digest:
        return PartComparison(after.name, after.title, after.digest, False, ())
    # The digests decide. Where no field differs, only the order of entries does.
    found = tuple(_changes(before.content, after.content, "")) or (
        FieldChange("order of entries", Difference.CHANGED, before.content, after.content),
    )
    return PartComparison(after.name, after.title, after.digest, True, found)


def told(before: Part, after: Part) -> tuple[str, ...]:
    """Say in one line each how a part changed, for the signature dialog."""
    return tuple(
        f"{change.path}: {change.difference}"
        + ("" if change.difference != Difference.CHANGED else _short(change))
        for change in _changes(before.content, after.content, "")
    )


def _short(change: FieldChange) -> str:
    before, after = (json.dumps(value, ensure_ascii=False) for value in (change.before, change.after))
    return f" from {before} to {after}" if len(before) + len(after) < 120 else ""


def _changes(before: Any, after: Any, path: str) -> list[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        return [
            change
            for key in keys
            for change in _pair(before, after, key, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(before, list) and isinstance(after, list):
        keyed = _by_identity(before), _by_identity(after)
        if keyed[0] is not None and keyed[1] is not None:
            return _changes(keyed[0], keyed[1], path)
    return [] if _equal(before, after) else [FieldChange(path, Difference.CHANGED, before, after)]


def _pair(before: Mapping[str, Any], after: Mapping[str, Any], key: str, path: str) -> list[FieldChange]:
    if key not in after:
        return [FieldChange(path, Difference.REMOVED, before[key], None)]
    if key not in before:
        return [FieldChange(path, Difference.ADDED, None, after[key])]
    return _changes(before[key], after[key], path)


def _equal(before: Any, after: Any) -> bool:
    # JSON knows one kind of number but tells true from 1, Python does the reverse.
    return isinstance(before, bool) == isinstance(after, bool) and before == after


def _by_identity(items: list[Any]) -> dict[str, Any] | None:
    """Read a list of mappings by their ``id`` or ``name``, so that a moved row is no difference of its fields."""
    for key in ("id", "name"):
        if all(isinstance(item, dict) and key in item for item in items):
            found = {str(item[key]): item for item in items}
            if len(found) == len(items):
                return found
    return None


def decision_statement(
    *,
    dossier_digest: str,
    stage: str,
    verdict: str,
    meaning: str,
    conditions: Sequence[Mapping[str, Any]],
    waivers: Sequence[str],
    rationale: str,
    signer: str,
    on_behalf_of: str = "",
) -> dict[str, Any]:
    """Return what a signature says, in the form that is kept beside it (RULES 4.1)."""
    return canonical.plain(
        {
            "format": DECISION_FORMAT,
            "dossier": dossier_digest,
            "stage": stage,
            "verdict": str(verdict),
            "meaning": str(meaning),
            "conditions": list(conditions),
            "waivers": sorted(waivers),
            "rationale": rationale,
            "signer": signer,
            "on_behalf_of": on_behalf_of,
        }
    )


def decision_digest(**statement: Any) -> str:
    """Return what a signature signs: the SHA-256 of a decision over exactly one dossier (RULES 4.1)."""
    return canonical.digest(decision_statement(**statement))


def waiver_statement(
    *,
    dossier_digest: str,
    waiver: str,
    gate: str,
    says: Sequence[str],
    evaluated_at: datetime | None,
    reason: str,
    compensating_control: str,
    valid_until: datetime,
    verdict: str,
    meaning: str,
    rationale: str,
    signer: str,
) -> dict[str, Any]:
    """Return what the signature under a waiver says: the gate as it stands, what was asked for, and the answer.

    ``evaluated_at`` is given where the gate was not asked for the signature: what it says is what it said then.
    """
    dated = {"evaluated_at": evaluated_at} if evaluated_at else {}
    return canonical.plain(
        {
            **dated,
            "format": WAIVER_FORMAT,
            "dossier": dossier_digest,
            "waiver": waiver,
            "gate": gate,
            "says": list(says),
            "reason": reason,
            "compensating_control": compensating_control,
            "valid_until": valid_until,
            "verdict": verdict,
            "meaning": str(meaning),
            "rationale": rationale,
            "signer": signer,
        }
    )


def gate_content(
    *,
    gate_id: str,
    rule: str,
    applies_when: str,
    severity: str,
    facts: Mapping[str, Any],
    live: Collection[str],
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """Return what of a gate belongs into the dossier: its rule, its facts without the ``live`` ones, its evidence."""
    return {
        "id": gate_id,
        "rule": rule,
        "applies_when": applies_when,
        "severity": str(severity),
        "facts": {name: _frozen(value) for name, value in sorted(facts.items()) if name not in live},
        "evidence": dict(sorted(digests.items())),
    }


def _frozen(value: Any) -> Any:
    """Put lists into one order: resolvers answer sets."""
    return sorted(value) if isinstance(value, list | tuple | set | frozenset) else value
