"""Sentences that say what the records say: nobody of the story claims a limit met that fails, or a number that is not there."""

from collections.abc import Sequence
from typing import Any

from approvals.models import ChangeRequest, GateResult, Stage
from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.texts import CLAIMS, CLOSINGS, OPENINGS
from registry.models import MetricValue, ModelVersion, ThresholdSet
from registry.states import GRADE_ORDER, Grade

CLAIMED = 3  # claims in one rationale
NOT_PASSED = (GateResult.Outcome.FAIL, GateResult.Outcome.NO_DATA, GateResult.Outcome.WAIVED)


def best_metrics(version: ModelVersion) -> dict[tuple[str, str], MetricValue]:
    """Return each metric of a version by name and segment, in its strongest grade."""
    rows = sorted(version.metrics.all(), key=lambda row: (GRADE_ORDER[Grade(row.grade)], row.pk))
    return {(row.name, row.segment): row for row in rows}


def limits_missed(version: ModelVersion) -> list[str]:
    """Say which locked limits of the model a version misses: "AUC, Age 18 to 25: 0.757, minimum 0.763"."""
    locked = ThresholdSet.objects.filter(model_id=version.model_id, locked_at__isnull=False)
    newest = locked.order_by("-number").first()
    found, metrics = [], best_metrics(version)
    for limit in newest.limits if newest else []:
        metric = metrics.get((limit["metric"], limit.get("segment", "")))
        if metric is None:
            continue
        is_minimum = limit["direction"] == "min"
        if metric.value < limit["release"] if is_minimum else metric.value > limit["release"]:
            word = "minimum" if is_minimum else "maximum"
            found.append(f"{limit['title']}: {metric.value:g}, {word} {limit['release']:g}")
    return found


def rationale(change: ChangeRequest, stage: Stage, turn: int) -> str:
    """Return why somebody approves: what passes and what does not, as the gates of the request say it."""
    results = list(change.gate_results.filter(is_current=True).order_by("position"))
    passing = [CLAIMS[row.gate] for row in results if row.outcome == row.Outcome.PASS and row.gate in CLAIMS]
    start = turn % len(passing) if passing else 0
    chosen = [*passing[start:], *passing[:start]][:CLAIMED]
    openings = OPENINGS[stage.key]
    opening = openings[turn % len(openings)]
    lines = [f"{opening}: {_listed(chosen)}." if chosen else f"{opening}."]
    for row in results:
        if row.is_blocking and row.outcome in NOT_PASSED:
            word = "is waived" if row.outcome == row.Outcome.WAIVED else "does not pass"
            lines.append(f"{row.gate} {word}: {'; '.join(row.shortfalls)}.".replace("..", "."))
    lines.append(CLOSINGS[turn % len(CLOSINGS)])
    return " ".join(lines)


def purpose(version: ModelVersion, before: ModelVersion | None) -> str:
    """Return what a release is for: what differs from the version in place, and how the primary metric moved."""
    if before is None:
        return "First release here: the rules in use today are slower and miss more."
    if before.pk == version.pk:
        return f"Puts {version.label} in place again."
    added = [name for name in version.features if name not in before.features]
    removed = [name for name in before.features if name not in version.features]
    parts = [f"adds {_listed(_plain(added))}"] if added else []
    parts += [f"leaves out {_listed(_plain(removed))}"] if removed else []
    if version.prompts != before.prompts:
        parts.append("changes the system prompt")
    if version.prompts and not parts:
        parts.append("changes settings only")
    what = _listed(parts) if parts else "retrained on newer data with the same features"
    return f"{what[0].upper()}{what[1:]}. {_moved(version, before)}"


def _moved(version: ModelVersion, before: ModelVersion) -> str:
    name = version.model.primary_metric
    now, was = best_metrics(version).get((name, "")), best_metrics(before).get((name, ""))
    if now is None or was is None:
        return f"{name} was not measured for both versions."
    return f"{name} {now.value:g} against {was.value:g} of {before.label}."


def alternatives(
    plan: Blueprint, version: ModelVersion, serving: ModelVersion | None
) -> list[dict[str, Any]]:
    """Return the alternatives of a request: versions that exist with their very numbers, and what is not measured."""
    rows = []
    if serving is None:
        rows.append(
            {
                "title": "Stay with the rules in use today",
                "metrics": "not measured",
                "gates": "not run",
                "why_not": "Slower, and nobody measures how much they miss.",
            }
        )
    else:
        rows.append(_alternative(f"Stay on {serving.label}, in production", version, serving))
        earlier = version.model.versions.filter(number__lt=serving.number).order_by("-number").first()
        if earlier is not None:
            rows.append(_alternative(f"Return to {earlier.label}", version, earlier))
    segment = plan.worse or (plan.segments[0] if plan.segments else "the smallest segment")
    return [
        *rows,
        {
            "title": f"Refit with more cases of {segment}",
            "metrics": "not measured yet",
            "gates": "not run",
            "why_not": "Needs the outcomes of another quarter; planned for the next release.",
        },
    ]


def _alternative(title: str, version: ModelVersion, other: ModelVersion) -> dict[str, Any]:
    missed = limits_missed(other)
    return {
        "title": title,
        "metrics": metric_words(other),
        "gates": f"misses {'; '.join(missed)}" if missed else "misses no locked limit",
        "why_not": _moved(version, other),
    }


def metric_words(version: ModelVersion) -> str:
    """Write the primary metric of a version and its weakest group."""
    model, metrics = version.model, best_metrics(version)
    name = model.primary_metric
    overall = metrics.get((name, ""))
    groups = [row for (metric, segment), row in metrics.items() if metric == name and segment]
    words = [f"{name} {overall.value:g}"] if overall else []
    if groups:
        pick = min if model.primary_metric_higher_is_better else max
        weakest = pick(groups, key=lambda row: row.value)
        words.append(f"weakest group {weakest.segment} {weakest.value:g}")
    return "; ".join(words) or "not measured"


def validation_summary(plan: Blueprint, version: ModelVersion) -> str:
    """Return what a validator signs: what was run again, and every locked limit that is missed."""
    again = [row for row in version.metrics.all() if row.grade == Grade.REPRODUCED]
    lines = [f"{plan.title} {version.label} was examined on held-out data."]
    lines.append(
        _reproduced(version, again) if again else "Results of the pipeline were read, not run again."
    )
    missed = limits_missed(version)
    lines.append(
        f"Outside the locked limits: {'; '.join(missed)}." if missed else "No locked limit is missed."
    )
    return " ".join(lines)


def _reproduced(version: ModelVersion, again: Sequence[MetricValue]) -> str:
    first = {(row.name, row.segment): row for row in version.metrics.all() if row.grade != Grade.REPRODUCED}
    apart = []
    for row in again:
        told = first.get((row.name, row.segment))
        if told is None or told.lower is None or told.upper is None:
            continue
        if not told.lower <= row.value <= told.upper:
            about = f"{row.name}, {row.segment}" if row.segment else row.name
            apart.append(f"{about} {row.value:g} instead of {told.value:g}")
    if apart:
        return f"Run again, these came out beside their interval: {'; '.join(apart)}."
    return "All results were reproduced within their intervals."


def weakness(plan: Blueprint, version: ModelVersion, before: ModelVersion | None) -> str:
    """Say how far the worse group of a version is from its limit and from the version before."""
    name = version.model.primary_metric
    value = best_metrics(version)[name, plan.worse].value
    lines = [line for line in limits_missed(version) if plan.worse in line]
    was = best_metrics(before).get((name, plan.worse)) if before else None
    if was is not None and before is not None:
        lines.append(f"{before.label} reached {was.value:g} for {plan.worse}")
    return f"{'. '.join(lines)}." if lines else f"{name} for {plan.worse}: {value:g}."


def _plain(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
