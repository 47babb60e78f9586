"""Samples for the component kit. Names and numbers are invented."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms

from mlops_portal.foundation.web.charts import Axis, Limit, Mark, Series, Spec, Unknown
from mlops_portal.foundation.web.filters import Facet, FacetItem
from mlops_portal.foundation.web.forms import Day
from mlops_portal.foundation.web.jobs import JobRow

MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]
AUC = [0.806, 0.807, 0.804, 0.805, 0.803, 0.801, 0.802, 0.799, 0.797, 0.796, 0.794, 0.792]
CHALLENGER = [0.818, 0.819, 0.817, 0.818, 0.816, 0.817, 0.815, 0.815, 0.814, 0.813, 0.812, 0.812]
FREQUENCY = [22, 19, 24, 26, 25, 29, 31, 30, 28, 31, 34, 36]
FAILED = [3, 2, 2, 3, 1, 2, 2, 1, 2, 2, 1, 3]


class SampleForm(forms.Form):
    """One field of each kind."""

    title = forms.CharField(initial="Raise alert threshold")
    due = Day(label="Due date")
    reason = forms.CharField(widget=forms.Textarea, help_text="Tier 2 changes need at least 40 characters.")
    tier = forms.ChoiceField(choices=[("2", "Tier 2"), ("3", "Tier 3")])
    notify = forms.BooleanField(required=False, label="Tell the owner by mail")
    kind = forms.ChoiceField(
        choices=[("analytical", "Analytical"), ("generative", "Generative"), ("agent", "Agent")],
        widget=forms.RadioSelect,
        initial="analytical",
    )

    def clean_due(self) -> Any:
        """Show a refused date."""
        raise forms.ValidationError("2026-11-10 is in the past. The earliest is 2026-11-18.")


def charts() -> dict[str, Spec]:
    """Two figures: lines with limits and an unknown stretch, bars with an open month."""
    performance = Spec(
        title="AUC by application month",
        caption="Floor of tier 1 is dashed. Band: 95 % interval.",
        finding="The challenger stays 0.012 to 0.020 above the champion, above the floor of 0.780.",
        first="Month",
        dates="month",
        difference=True,
        series=[
            Series("", MONTHS, [v - 0.006 for v in CHALLENGER], color=1, kind="band-low"),
            Series("", MONTHS, [v + 0.006 for v in CHALLENGER], color=1, kind="band-high"),
            Series("4.3.0 requested", MONTHS, CHALLENGER, color=1),
            Series("4.2.1 in production", MONTHS, AUC, color=2, dash="dash"),
        ],
        y=Axis(places=3, range=(0.775, 0.83)),
        limits=[Limit("Floor 0.780", y=0.78)],
        marks=[Mark("2025-05-01", "4.1.0")],
        unknown=[Unknown("2025-12-16", "2026-06-01", "Jan to May 2026")],
    )
    delivery = Spec(
        title="Deployments to production",
        caption="Count per month. December is hatched: month to date, not compared.",
        finding="Deployments rose from 22 to 34 a month; 1 of the 34 failed. December is month to date.",
        first="Month",
        dates="month",
        partial="2025-12",
        series=[
            Series("Deployments", MONTHS, FREQUENCY, color=1, kind="bar"),
            Series("of which failed", MONTHS, FAILED, color=5, kind="bar"),
        ],
        y=Axis(range=(0, 42)),
    )
    return {"performance": performance, "delivery": delivery}


def sample_jobs(now: datetime) -> list[JobRow]:
    """A job that waits, one that succeeded, one that failed."""

    def job(pk: int, state: str, word: str, label: str, **more: Any) -> JobRow:
        base = {
            "phase": "",
            "done": 0,
            "total": 0,
            "percent": None,
            "result": {},
            "error": "",
            "stop_requested": False,
        }
        given = {
            "pk": pk,
            "state": state,
            "label": label,
            "started_at": now,
            "finished_at": None,
            **base,
            **more,
        }
        is_final = state not in ("queued", "running")
        sample = SimpleNamespace(is_final=is_final, get_state_display=lambda: word, **given)
        return JobRow(sample, now, is_live=False)

    digest = "30c9a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5cf7e1"
    return [
        job(
            1,
            "running",
            "Running",
            "Evidence ZIP, tier 1 and 2",
            phase="Hashing documents",
            done=806,
            total=1240,
            percent=65,
            started_at=now - timedelta(seconds=110),
        ),
        job(
            2,
            "succeeded",
            "Finished",
            "SR 26-2 report, Q3.pdf",
            finished_at=now,
            result={"url": "#job-2", "label": "2.1 MB", "sha256": digest},
        ),
        job(
            3,
            "failed",
            "Failed",
            "OSCAL, ISO/IEC 42001",
            finished_at=now,
            error="Control ISO42-A10.3 has no owner; the format needs one. The control office was told at 10:12.",
        ),
    ]


def samples(now: datetime) -> Mapping[str, Any]:
    """Everything the kit shows."""
    form = SampleForm(
        {
            "title": "Raise alert threshold",
            "due": "2026-11-10",
            "reason": "",
            "tier": "2",
            "kind": "analytical",
        }
    )
    items = [
        FacetItem("1", "Tier 1", checked=True, note="19"),
        FacetItem("2", "Tier 2", checked=False, note="34"),
    ]
    return {
        "form": form,
        "figures": charts(),
        "jobs": sample_jobs(now),
        "facet": Facet("tier", "Tier", "checkbox", items),
        "now": now,
        "trend": FREQUENCY,
        "digest": "e41f08c29d7b6a5f4e3d2c1b0a99887766554433221100ffeeddccbbaa999ac2",
        "facts": [
            ("Owner", "Hanne Moller"),
            ("Next review", "31 Mar 2027"),
            ("Fallback", "4.2.0", "then scorecard 2019"),
        ],
    }
