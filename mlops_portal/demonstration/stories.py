"""Which life a plan tells."""

from collections.abc import Callable, Mapping

from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.lives import experiment, usual
from mlops_portal.demonstration.timeline import Life
from mlops_portal.demonstration.world import World

LIVES: Mapping[str, Callable[[World, Blueprint], Life[None]]] = {"usual": usual, "experiment": experiment}


def life_of(world: World, plan: Blueprint) -> Life[None]:
    """Return the life that the plan tells."""
    return LIVES[plan.story](world, plan)
