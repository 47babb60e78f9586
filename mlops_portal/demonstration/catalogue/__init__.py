"""The portfolio as data: models with a story first, then those that live an ordinary life."""

from collections.abc import Iterator
from dataclasses import replace

from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.catalogue.featured import FEATURED

EVERY: tuple[Blueprint, ...] = FEATURED
REGIONS = ("North", "South", "West", "East", "Iberia", "Baltics", "Alps", "Benelux")


def blueprints(count: int) -> list[Blueprint]:
    """Return ``count`` plans: the catalogue, then regional variants of its ordinary models."""
    plans = list(EVERY[:count])
    variants = _variants()
    while len(plans) < count:
        plans.append(next(variants))
    return plans


def _variants() -> Iterator[Blueprint]:
    ordinary = [plan for plan in EVERY if plan.story == "usual"]
    round_number = 0
    while True:
        region = REGIONS[round_number % len(REGIONS)]
        suffix = "" if round_number < len(REGIONS) else f" {round_number // len(REGIONS) + 1}"
        for plan in ordinary:
            name = f"{plan.name}-{region.lower()}{suffix.strip()}"
            title = f"{plan.title}, {region}{suffix}"
            yield replace(plan, name=name, title=title, uses=(), upstream=(), versions=min(plan.versions, 3))
        round_number += 1
