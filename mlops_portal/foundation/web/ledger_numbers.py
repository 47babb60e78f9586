"""Ledger numbers beside what pages tell: the application that keeps the ledger offers them, others show them."""

from collections.abc import Callable, Iterable, Mapping

Subject = tuple[str, str]
Provider = Callable[[Iterable[Subject]], Mapping[Subject, int]]

_provider: list[Provider] = []


def register(provider: Provider) -> None:
    """Set who knows the numbers: subjects as model label and id, answered with the first entry of each."""
    _provider[:] = [provider]


def numbers_of(subjects: Iterable[Subject]) -> Mapping[Subject, int]:
    """Return the ledger number of each subject that has one; nothing while no ledger is installed."""
    return _provider[0](subjects) if _provider else {}
