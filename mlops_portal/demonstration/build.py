"""Building the portfolio: all lives of the catalogue on one timeline, with the upkeep that nights bring."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from approvals.services import upkeep
from kpis.services.snapshots import snapshot_take
from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.bulk import fill
from mlops_portal.demonstration.catalogue import blueprints
from mlops_portal.demonstration.stories import life_of
from mlops_portal.demonstration.timeline import Life, Timeline
from mlops_portal.demonstration.world import World, settle
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.web import notifications
from registry.services.governance import governance_evaluate_all

MONTHS = 18
PLAYED = 200  # up to here every model lives its life; a larger portfolio has a story and the rest in batches
STORY = 12
NIGHTS = timedelta(days=3)  # between two looks at what ended
UNREAD = timedelta(days=14)  # what came earlier has been read
EVALUATE_EVERY = 15  # looks: between them every deployment evaluates its own model


def build(*, models: int, seed: int, now: datetime, say: Callable[[str], None]) -> World:
    """Play 18 months of ``models`` models up to ``now`` through the services."""
    timeline = Timeline(now - timedelta(days=round(MONTHS * 30.44)), now)
    world = World(timeline, seed=seed, say=say)
    say("People, units, environments and the policy …")
    settle(world)
    _play(world, blueprints(min(models, STORY if models > PLAYED else models)))
    if models > PLAYED:
        fill(world, first=STORY, last=models)
    say("The KPIs' numbers …")
    snapshot_take(now=world.end)
    return world


def _play(world: World, plans: Sequence[Blueprint]) -> None:
    timeline = world.timeline
    for plan in plans:
        timeline.add(life_of(world, plan), at=timeline.ago(days=plan.began))
    timeline.add(_nights(world))
    told = -1

    def tell(now: datetime) -> None:
        nonlocal told
        month = (now.year, now.month)
        number = month[0] * 12 + month[1]
        if number != told:
            told = number
            world.say(f"{now:%B %Y} …")

    with credentials.checked_by(world.check_identity):
        timeline.run(before=tell, after=world.work)
        _tonight(world)


def _nights(world: World) -> Life[None]:
    count = 0
    while True:
        yield (world.now + NIGHTS).replace(hour=1, minute=30, second=0, microsecond=0)
        count += 1
        upkeep.approvals_expire(now=world.now)
        upkeep.waivers_end(now=world.now)
        upkeep.conditions_lapse(now=world.now)
        upkeep.lapses_follow_service(now=world.now)
        if count % EVALUATE_EVERY == 0:
            upkeep.lapses_of_validity(now=world.now)
            governance_evaluate_all(now=world.now)


def _tonight(world: World) -> None:
    """Bring everything to the present moment, as the last night and the last minute did."""
    world.say("Today …")
    upkeep.waivers_end(now=world.end)
    upkeep.bakes_complete(now=world.end)
    upkeep.conditions_lapse(now=world.end)
    upkeep.lapses_follow_service(now=world.end)
    governance_evaluate_all(now=world.end)
    upkeep.changes_refresh(now=world.end)
    world.work()
    _read_notices(world)


def _read_notices(world: World) -> None:
    """Let everybody have read what came before the last two weeks, and the night forget what is old."""
    read_at = world.end - UNREAD
    for person in world.people.values():
        notifications.mark_read(person=person, now=read_at, before=read_at)
    notifications.purge(now=world.end)
