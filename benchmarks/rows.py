"""One line of the table of benchmarks."""

from typing import NamedTuple


class Row(NamedTuple):
    """A measured figure beside its goal (empty: reported only)."""

    name: str
    value: float
    unit: str
    goal: str = ""
