"""The evidence pack of a release: report, tables, dossier and decisions as signed, entries with their proofs."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model
from django.utils import timezone

from approvals.dossier_format import FORMAT, read_dossier
from audits.exports import release_report
from audits.exports.release_content import Release, entry_ids, release_of
from audits.exports.scopes import What
from audits.exports.text_files import csv_bytes
from audits.exports.typeset import pdf
from audits.packs import RESERVED, Enter, build_pack
from audits.queries import ledger_state
from audits.reading.records import ToldStep, steps_of
from mlops_portal.foundation.canonical import canonical_bytes, digest
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import exact, spaced

HISTORY_PAGE = 200
Progress = Callable[[int, int, str], None]

# What is in a pack, in the order in which a reader opens it; the README names those that are there.
CONTENTS = {
    "release.pdf": "the report, for reading",
    "record.json": "the same facts as data",
    "gates.csv": "every gate of the present revision",
    "decisions.csv": "every signature: who, in which meaning, over which digest",
    "history.csv": "changes of the records, field by field, with the number of the ledger's entry",
    "dossier.json": "the dossier of the present revision, exactly as it was signed",
    "dossiers/": "the dossiers of earlier revisions",
    "dossier_parts.json": "each part of each dossier with its digest, and the dossier's digest over them",
    "decisions.json": "each signed statement with its digest",
    "entries.jsonl": "the ledger's entries about these records and about this pack, with proofs of inclusion",
    "checkpoint.txt": "the signed state of the ledger",
    "public_key.pem": "the key it was signed with: compare it with one from another source",
    "manifest.json": "the digest of every file",
    "verify.py": "checks all of this without the portal: python3 verify.py . --key FINGERPRINT in this folder, or the ZIP for the dot",
}

README = """Evidence of {title}

{contents}

All times are UTC.

{witness}. {aligned}
Classification: {classification}.
"""


def build(change_id: int, *, user: User, at: datetime, progress: Progress, enter: Enter) -> bytes:
    """Return the pack of one change request.

    Raises:
        NotFound: ``user`` may not export it.
        NotNumbered: an entry has no number yet.
    """
    with timezone.override(UTC):
        return _build(change_id, user=user, at=at, progress=progress, enter=enter)


def _build(change_id: int, *, user: User, at: datetime, progress: Progress, enter: Enter) -> bytes:
    release = release_of(change_id, user=user, at=at)
    progress(1, 5, "Reading the history")
    history = list(_history(release, user))
    progress(2, 5, "Writing the tables")
    report = release_report.report_of(release, history=history, ledger=ledger_state(), by=user, now=at)
    files = {
        "record.json": json.dumps(report, indent=1, ensure_ascii=False).encode(),
        "gates.csv": csv_bytes(_gate_rows(release)),
        "decisions.csv": csv_bytes(_decision_rows(report)),
        "history.csv": csv_bytes(_history_rows(history)),
        "decisions.json": _as_json(_statements(release)),
        **_dossiers(release),
    }
    progress(3, 5, "Typesetting the report")
    files["release.pdf"] = pdf("release.typ", report, now=at)
    files["README.txt"] = _readme(report, files).encode()
    progress(4, 5, "Proving the entries")
    about = {
        "change": release.change.code,
        "title": release.change.title,
        "classification": report["classification"],
        "as_of": at.isoformat(),
        "time_zone": report["zone"],
        "made_by": str(user.pk),
    }
    shown = entry_ids(release.records(), user=user)
    return build_pack(files, shown, kind=What.PACK, now=at, about=about, enter=enter)


def _readme(report: dict[str, Any], files: Mapping[str, bytes]) -> str:
    witness = release_report.WITNESS
    there = {*files, *RESERVED, *(f"{name.partition('/')[0]}/" for name in files if "/" in name)}
    return README.format(
        title=report["title"],
        contents="\n".join(f"{name:<22}{text}" for name, text in CONTENTS.items() if name in there),
        witness=witness[0].upper() + witness[1:],
        aligned=report["aligned"],
        classification=report["classification"],
    )


def _as_json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _statements(release: Release) -> list[dict[str, str]]:
    """Every signed statement in its canonical form: its SHA-256 is what the person signed."""
    return [
        {
            "canonical": canonical_bytes(one.statement).decode(),
            "digest": one.digest,
            "about": f"{one.subject_label} {one.subject_id}",
            "signer": one.printed_name,
            "meaning": one.meaning,
            "signed_at": one.signed_at.isoformat(),
            "method": one.get_method_display(),
        }
        for one in release.signatures
    ]


def _dossiers(release: Release) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    parts: list[dict[str, str]] = []
    for stored in release.dossiers:
        name = "dossier.json" if stored == release.dossier else f"dossiers/revision-{stored.number}.json"
        files[name] = stored.content.encode()
        dossier = read_dossier(stored.content)
        for part in dossier.parts:
            content = {"part": part.name, "content": part.content}
            parts.append({"canonical": canonical_bytes(content).decode(), "digest": digest(content)})
        whole = {"format": FORMAT, "parts": [[part.name, part.digest] for part in dossier.parts]}
        parts.append({"canonical": canonical_bytes(whole).decode(), "digest": digest(whole)})
    if parts:
        files["dossier_parts.json"] = _as_json(parts)
    return files


def _gate_rows(release: Release) -> Iterator[list[Any]]:
    yield [
        "Gate", "Title", "Control", "Blocks", "Outcome", "Observed", "Limit", "Evidence grade", "Message",
        "Evidence digest", "Waiver", "Evaluated at",
    ]  # fmt: skip
    for one in release.gates:
        yield [
            one.gate,
            one.title,
            one.control,
            "yes" if one.is_blocking else "no",
            spaced(one.outcome),
            one.observed,
            one.limit,
            one.get_grade_display(),
            one.message,
            one.evidence_digest,
            str(one.waiver_id or ""),
            exact(one.evaluated_at),
        ]


def _decision_rows(report: dict[str, Any]) -> Iterator[list[Any]]:
    heads = ["name", "role", "meaning", "what", "rationale", "signed_at", "digest", "method", "void"]
    yield [spaced(head).capitalize() for head in heads]
    for block in report["signatures"]:
        yield [block[head] for head in heads]


def _history(release: Release, user: User) -> Iterator[tuple[str, ToldStep]]:
    version = [release.change.version] if release.change.version else []
    records: list[Model] = [release.change, *version, *release.deployments]
    found = [(str(record), step) for record in records for step in _all_steps(record, user)]
    yield from sorted(found, key=lambda pair: pair[1].step.at, reverse=True)


def _all_steps(record: Model, user: User) -> Iterator[ToldStep]:
    before = None
    while True:
        steps, before = steps_of(record, user=user, before=before, size=HISTORY_PAGE, moment=exact)
        yield from steps
        if before is None:
            return


def _history_rows(history: list[tuple[str, ToldStep]]) -> Iterator[list[Any]]:
    yield ["Entry number", "Entry", "At", "Actor", "Record", "What", "Field", "Before", "After", "Reason"]
    for record, told in history:
        step = told.step
        head = [
            "" if told.number is None else told.number,
            told.short_id,
            exact(step.at),
            step.actor,
            record,
            told.word,
        ]
        for change in told.changes:
            yield [*head, change.label, change.before, change.after, step.reason]
        if not told.changes:
            yield [*head, "", "", "", step.reason]
