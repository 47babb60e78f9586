"""Proving the ledger, or naming the first thing that is wrong with it."""

from audits.verification.report import Flaw, Report
from audits.verification.whole import verify_ledger

__all__ = ["Flaw", "Report", "verify_ledger"]
