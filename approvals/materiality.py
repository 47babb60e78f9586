"""Whether the difference between two versions is material, computed; the second line confirms it (RULES 3.6).

Small changes add up: against the last fully validated version, the third small change is material, and so is a
cumulative move of the primary metric or of the feature set beyond the limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_portal.foundation.web.words import share as in_percent

NAMED = 4  # features that a reason names
# Parts of a generative component or an agent whose change alters behaviour, whatever the metrics say.
BEHAVIOUR_FIELDS: Mapping[str, str] = {
    "kind": "kind",
    "base_model": "base model",
    "base_model_version": "version of the base model",
    "prompt": "prompt",
    "guardrails": "guardrails",
    "tools": "tool allow-list",
    "autonomy": "autonomy level",
    "spending_limit": "spending limit",
    "rate_limit": "rate limit",
    "stop_switch": "stop switch",
    "human_handover": "human hand-over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """What of a version counts for materiality. ``data`` maps a role (training, test, …) to digests."""

    number: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    data: Mapping[str, frozenset[str]] = field(default_factory=dict)
    primary_metric: str = ""
    primary_value: float | None = None
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    method: str = ""
    intended_use: str = ""
    artifact_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From the policy: single and cumulative limits."""

    metric_change: float
    feature_share: float
    cumulative_count: int
    cumulative_change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Materiality:
    """The finding and its sentences. ``differences`` are small ones; ``reasons`` make the change material."""

    is_material: bool
    reasons: tuple[str, ...]
    differences: tuple[str, ...]
    metric_change: float | None
    feature_share: float


def limits_from(materiality: Mapping[str, float]) -> Limits:
    """Read the limits of a policy document."""
    return Limits(
        metric_change=materiality["metric_change"],
        feature_share=materiality["feature_share"],
        cumulative_count=int(materiality["cumulative_count"]),
        cumulative_change=materiality["cumulative_change"],
    )


def relative_change(before: float | None, after: float | None) -> float | None:
    """Return how far a metric moved, as a share of where it was; from zero any move is a whole."""
    if before is None or after is None:
        return None
    if before == 0:
        return 0.0 if after == 0 else 1.0
    return round(
        abs(after - before) / abs(before), 9
    )  # 0.81 is 10 % below 0.90, whatever binary fractions say


def feature_share(before: frozenset[str], after: frozenset[str]) -> float:
    """Return the share of features added or removed, of those that were there."""
    if not before:
        return 1.0 if after else 0.0
    return min(round(len(before ^ after) / len(before), 9), 1.0)


def assess(
    *,
    before: VersionFacts | None,
    after: VersionFacts,
    validated: VersionFacts | None,
    small_changes: int,
    limits: Limits,
) -> Materiality:
    """Judge ``after`` against the version in place and against the last fully validated one.

    ``small_changes`` counts the changes since that validation that were judged not material, without this one.
    """
    if before is None:
        return Materiality(
            is_material=True,
            reasons=("There is no earlier version to compare with: the first one is material.",),
            differences=(),
            metric_change=None,
            feature_share=0.0,
        )
    moved = relative_change(before.primary_value, after.primary_value)
    share = feature_share(before.features, after.features)
    differences = _differences(before, after)
    reasons = [
        *_behaviour(before, after),
        *_single(before, after, moved=moved, share=share, limits=limits),
        *_unexplained(before, after, differences),
        *_cumulative(after, validated, small_changes=small_changes, differs=bool(differences), limits=limits),
    ]
    return Materiality(
        is_material=bool(reasons),
        reasons=tuple(reasons),
        differences=tuple(differences),
        metric_change=moved,
        feature_share=share,
    )


def _behaviour(before: VersionFacts, after: VersionFacts) -> list[str]:
    reasons = []
    if before.method != after.method:
        reasons.append(
            f"The method changed from “{before.method or 'not stated'}” to “{after.method or 'not stated'}”."
        )
    if before.intended_use != after.intended_use:
        reasons.append("The intended use changed.")
    for name in sorted(before.components.keys() | after.components.keys()):
        old, new = before.components.get(name), after.components.get(name)
        if old is None or new is None:
            reasons.append(f"The component “{name}” was {'added' if old is None else 'removed'}.")
            continue
        changed = [words for key, words in BEHAVIOUR_FIELDS.items() if old.get(key) != new.get(key)]
        if changed:
            reasons.append(f"The component “{name}” changed its {', '.join(changed)}.")
    return reasons


def _single(
    before: VersionFacts, after: VersionFacts, *, moved: float | None, share: float, limits: Limits
) -> list[str]:
    reasons = []
    if before.primary_metric != after.primary_metric:
        reasons.append(
            f"The primary metric changed from “{before.primary_metric}” to “{after.primary_metric}”."
        )
    elif moved is None:
        reasons.append(
            "The primary metric of one version is not known, so the difference cannot be called small."
        )
    elif moved > limits.metric_change:
        reasons.append(
            f"“{after.primary_metric}” moved by {in_percent(moved, 1)}; more than {in_percent(limits.metric_change)} is material."
        )
    if share > limits.feature_share:
        reasons.append(
            f"{in_percent(share)} of the features changed; more than {in_percent(limits.feature_share)} is material."
        )
    return reasons


def _unexplained(before: VersionFacts, after: VersionFacts, differences: list[str]) -> list[str]:
    if (
        before.artifact_digest == after.artifact_digest
        or differences
        or before.components != after.components
    ):
        return []
    return [
        "The artifact changed although no recorded fact did, so nobody can say that the difference is small."
    ]


def _cumulative(
    after: VersionFacts, validated: VersionFacts | None, *, small_changes: int, differs: bool, limits: Limits
) -> list[str]:
    if validated is None:
        return ["No version was fully validated yet, so small changes have nothing to add up from."]
    reasons = []
    if differs and small_changes + 1 >= limits.cumulative_count:
        number = small_changes + 1
        reasons.append(
            f"This is small change number {number} since version {validated.number} was fully validated; "
            f"number {limits.cumulative_count} is material."
        )
    moved = relative_change(validated.primary_value, after.primary_value)
    if moved is not None and moved >= limits.cumulative_change:
        reasons.append(
            f"Since version {validated.number} was fully validated the primary metric moved by {in_percent(moved, 1)}."
        )
    share = feature_share(validated.features, after.features)
    if share >= limits.cumulative_change:
        names = sorted(validated.features ^ after.features)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        reasons.append(
            f"Since version {validated.number} was fully validated {in_percent(share)} of the features changed: "
            f"{', '.join(names[:NAMED])}{more}."
        )
    return reasons


def _differences(before: VersionFacts, after: VersionFacts) -> list[str]:
    found = []
    keys = sorted(before.parameters.keys() | after.parameters.keys())
    if changed := [key for key in keys if before.parameters.get(key) != after.parameters.get(key)]:
        found.append(f"Parameters changed: {', '.join(changed)}.")
    if added := sorted(after.features - before.features):
        found.append(f"Features added: {', '.join(added)}.")
    if removed := sorted(before.features - after.features):
        found.append(f"Features removed: {', '.join(removed)}.")
    roles = sorted(before.data.keys() | after.data.keys())
    none: frozenset[str] = frozenset()
    found += [
        f"The {role} data changed."
        for role in roles
        if before.data.get(role, none) != after.data.get(role, none)
    ]
    if before.primary_value != after.primary_value:
        found.append(f"“{after.primary_metric}” went from {before.primary_value} to {after.primary_value}.")
    return found
