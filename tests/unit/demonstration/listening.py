"""Listens to what each act of a portfolio tells, while it is played."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlops_portal.foundation import operations
from mlops_portal.foundation.web import notices
from mlops_portal.foundation.web.models import Notification

TELLS_ACTOR = {rule.verb for rule in notices.rules() if rule.tells_actor}


class Listener:
    """Which verbs told somebody, and what should never be: people told of their own act, or twice of one."""

    def __init__(self) -> None:
        self.verbs: set[str] = set()
        self.by_themselves: list[str] = []
        self.twice: list[str] = []

    def at_end_of_act(self, act: operations.Act) -> None:
        """Tell, and look at what was told."""
        heard = list(act.buffer(notices.EVENTS))
        if not heard:
            return
        newest = Notification.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        notices.at_end_of_act(act)
        rows = list(Notification.objects.filter(pk__gt=newest))
        self.verbs |= {event.verb for event in heard}
        actors = {event.actor_id for event in heard if event.verb not in TELLS_ACTOR}
        self.by_themselves += [str(row) for row in rows if {str(row.person_id)} == actors]
        people = [row.person_id for row in rows]
        self.twice += [str(row) for row in rows if people.count(row.person_id) > 1]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Stand in for the telling."""
        hooks = operations._flush_hooks
        place = hooks.index(notices.at_end_of_act)
        hooks[place] = self.at_end_of_act
        try:
            yield
        finally:
            hooks[place] = notices.at_end_of_act
