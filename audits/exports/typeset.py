"""Typesetting by Typst. Data goes in as JSON, so markup in it is text; no fonts or packages from outside."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

REPORTS = Path(__file__).parents[1] / "reports"
NOT_DRAWN = "could not be displayed"
# What the built-in fonts draw: Latin, Greek, Cyrillic, Hebrew, punctuation, currency, arrows, common signs.
_undrawable = re.compile(
    "[^\n\u0020-\u024f\u0300-\u030c\u0370-\u03ff\u0400-\u045f\u05d0-\u05ea\u1e00-\u1eff"
    "\u2010-\u2015\u2018-\u201f\u2020-\u2022\u2026\u202f\u2030\u20ac\u2190-\u2193\u2212\u2260\u2264\u2265]"
)
_control = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")


def pdf(report: str, data: Mapping[str, Any], *, now: datetime) -> bytes:
    """Return the report ``report`` as PDF/A-2b.

    Signs that no built-in font draws would make the file invalid: they are written as their Unicode numbers.
    """
    clean = _each(data, lambda text: _control.sub("\ufffd", text))
    try:
        return _compiled(report, {**clean, "spelled_out": False}, now)
    except typst.TypstError as error:
        if NOT_DRAWN not in str(error):
            raise
    spelled = _each(data, lambda text: _undrawable.sub(lambda sign: f"[U+{ord(sign[0]):04X}]", text))
    return _compiled(report, {**spelled, "spelled_out": True}, now)


def _compiled(report: str, data: Mapping[str, Any], now: datetime) -> bytes:
    return typst.compile(
        REPORTS / report,
        root=REPORTS,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        ignore_system_fonts=True,
        pdf_standards=["a-2b"],
        timestamp=int(now.timestamp()),
    )


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return value
