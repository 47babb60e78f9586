"""Answers of the registry and of approvals to what gates ask, for many subjects in a fixed number of statements."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from approvals.facts import Answer, Subject, facts
from approvals.model_facts.evidence import evidence_facts
from approvals.model_facts.inventory import inventory_facts
from approvals.model_facts.operation import operation_facts
from approvals.model_facts.records import Records, load
from approvals.policy.vocabulary import VOCABULARY

__all__ = ["Records", "load", "register", "resolve_all", "sharing"]

_shared: ContextVar[Records | None] = ContextVar("records", default=None)


@contextmanager
def sharing(records: Records) -> Iterator[None]:
    """Answer from records that the caller has read: it may hold rows that are not saved yet."""
    token = _shared.set(records)
    try:
        yield
    finally:
        _shared.reset(token)


def resolve_all(subjects: Sequence[Subject], now: datetime) -> Mapping[Subject, Mapping[str, Answer]]:
    """Answer every fact of the vocabulary for all ``subjects``."""
    records = _shared.get() or load(subjects, now)
    return {
        subject: {
            **inventory_facts(subject, records),
            **evidence_facts(subject, records),
            **operation_facts(subject, records),
        }
        for subject in subjects
    }


def register() -> None:
    """Declare the vocabulary of the shipped policy; called once, when the app is ready."""
    if not facts.declared().keys() & {declaration.name for declaration in VOCABULARY}:
        facts.register_group(VOCABULARY, resolve_all)
