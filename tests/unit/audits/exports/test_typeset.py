"""The report: markup in data is text, and hostile signs neither break it nor make it invalid."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audits.exports import typeset

NOW = datetime(2026, 11, 17, 9, 40, tzinfo=UTC)
REPORT = {
    "title": "CR-7 Title", "kind": "Release evidence report", "organisation": "Aldermoor", "classification": "Confidential",
    "made": "now", "made_by": "Cleo", "zone": "UTC", "as_of": "now", "aligned": "aligned", "facts": [["Model", "pd"]],
    "ledger": [["Tree head", "ab" * 32]], "dossier": {"number": 1, "digest": "cd" * 32}, "parts": [], "gates": [],
    "signatures": [], "conditions": [], "waivers": [], "validations": [], "steps": [], "executions": [], "rollback": [],
    "metrics": [], "history": [],
}  # fmt: skip
HOSTILE = [
    '#panic("x")', "$ x^2 $", "#[*bold*]", "= heading", "@ref <label>", "\\#{}[]()`~_*", '#read("/etc/passwd")',
    "<script>alert(1)</script>", "\u202eright to left", "zero\u200bwidth", "a\x00b\x1b[31m", "\ufffe\uffff", "x" * 5000,
]  # fmt: skip


def signed(text: str) -> dict:
    block = dict.fromkeys(
        ("name", "role", "meaning", "what", "rationale", "at", "digest", "method", "void"), text
    )
    return {
        **REPORT,
        "title": text,
        "signatures": [block],
        "facts": [[text, text]],
        "rollback": [["Plan", text]],
    }


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markup_in_data_is_text(text):
    data = typeset.pdf("release.typ", signed(text), now=NOW)
    assert data.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in data


@pytest.mark.parametrize("text", ["李雷", "😀 done", "ไทย"])
def test_signs_without_a_glyph_are_spelled_out_and_the_file_stays_valid(text, monkeypatch):
    seen = []
    compiled = typeset._compiled
    monkeypatch.setattr(
        typeset, "_compiled", lambda report, data, now: seen.append(data) or compiled(report, data, now)
    )
    assert b"<pdfaid:part>2</pdfaid:part>" in typeset.pdf("release.typ", signed(text), now=NOW)
    assert [data["spelled_out"] for data in seen] == [False, True]
    assert "[U+" in json.dumps(seen[-1])


def test_reports_import_no_packages_and_read_no_files():
    reports = list(Path(typeset.REPORTS).glob("*.typ"))
    assert reports
    for path in reports:
        text = path.read_text()
        assert "@preview" not in text
        assert "#import" not in text
        assert "read(" not in text
