"""The portfolio as data: the stories first, in the order in which a smaller portfolio leaves them out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from mlops_portal.demonstration.blueprint import Blueprint, Measure, auc, error, language, recall

HERE = Path(__file__).parent
FAMILIES: Mapping[str, Callable[..., tuple[Measure, ...]]] = {
    "auc": auc,
    "recall": recall,
    "error": error,
    "language": language,
}
# The first twelve hold a story of every kind that a small portfolio must show.
FIRST = (
    "bureau-score", "retail-credit-pd", "card-fraud", "sanctions-names", "cash-forecast", "weld-seam-vision",
    "demand-sensing", "letter-assistant", "offer-ranking", "dispute-agent", "warranty-classifier", "voice-summary",
)  # fmt: skip
NEWEST_DAYS = 40  # before today, at least: a release takes a fortnight of that
NEWEST_SPREAD = 75
REGIONS = ("North", "South", "West", "East", "Iberia", "Baltics", "Alps", "Benelux")


def _read(name: str) -> list[Blueprint]:
    rows = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return [_plan(row) for row in rows]


def _plan(row: dict[str, Any]) -> Blueprint:
    family, *numbers = row["measures"]
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return Blueprint(**{**plain, "measures": FAMILIES[family](*numbers)})


def _ordered() -> tuple[Blueprint, ...]:
    plans = {plan.name: plan for plan in [*_read("bank.yaml"), *_read("industry.yaml")]}
    first = [plans.pop(name) for name in FIRST]
    rest = sorted(plans.values(), key=lambda plan: plan.story == "usual")
    return (*first, *rest)


EVERY: tuple[Blueprint, ...] = _ordered()


def blueprints(count: int) -> list[Blueprint]:
    """Return ``count`` plans: the catalogue, then regional variants of its ordinary models."""
    plans = list(EVERY[:count])
    variants = _variants()
    while len(plans) < count:
        plans.append(next(variants))
    return plans


def _variants() -> Iterator[Blueprint]:
    ordinary = [plan for plan in EVERY if plan.story == "usual" and not plan.waits]
    round_number = 0
    while True:
        region = REGIONS[round_number % len(REGIONS)]
        again = round_number // len(REGIONS)
        suffix = f" {again + 1}" if again else ""
        for plan in ordinary:
            name = f"{plan.name}-{region.lower()}{suffix.strip()}"
            yield replace(
                plan, name=name, title=f"{plan.title}, {region}{suffix}", uses=(), upstream=(), versions=1
            )
        round_number += 1
