"""Time for the demonstration: lives of models as generators, resumed in the order of the times they wait for.

A life yields the moment at which it wants to go on; everything between two yields happens at that moment. What lies
after the end never happens, which is how requests come to wait today.
"""

import heapq
import random
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

Result = TypeVar("Result")
Life = Generator[datetime, None, Result]

OPENING_HOUR, CLOSING_HOUR = 7, 16  # UTC; the group works in Central European time
FRIDAY = 4


class Timeline:
    """The clock of the portfolio. Lives of one moment go in the order in which they began."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin, self.end = begin, end
        self.now = begin
        self._waiting: list[tuple[datetime, int, Life[Any]]] = []
        self._count = 0

    def add(self, life: Life[Any], at: datetime | None = None) -> None:
        """Let a life begin at ``at``, else now."""
        self._push(at or self.now, life)

    def _push(self, at: datetime, life: Life[Any]) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (max(at, self.now), self._count, life))

    def run(self, *, before: Callable[[datetime], None], after: Callable[[], None]) -> None:
        """Live until the end; ``before`` and ``after`` are called around every step."""
        while self._waiting and self._waiting[0][0] <= self.end:
            self.now, _, life = heapq.heappop(self._waiting)
            before(self.now)
            until = next(life, None)
            if until is not None:
                self._push(until, life)
            after()
        self.now = self.end
        for _, _, life in self._waiting:
            life.close()
        self._waiting.clear()

    def ago(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Return the moment that long before the end."""
        return self.end - timedelta(days=days, hours=hours)


def office_hours(moment: datetime, chance: random.Random) -> datetime:
    """Return a moment within working hours, not before ``moment`` and at most a weekend and a night after it."""
    moment = moment.astimezone(UTC)
    if moment.hour >= CLOSING_HOUR:
        moment = _morning(moment + timedelta(days=1), chance)
    elif moment.hour < OPENING_HOUR:
        moment = _morning(moment, chance)
    while moment.weekday() > FRIDAY:
        moment = _morning(moment + timedelta(days=1), chance)
    return moment


def _morning(moment: datetime, chance: random.Random) -> datetime:
    start = moment.replace(hour=OPENING_HOUR, minute=0, second=0, microsecond=0)
    return start + timedelta(minutes=chance.randint(5, 170), seconds=chance.randint(0, 59))
