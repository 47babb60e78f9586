"""Who stands behind service accounts: their owners, and whoever made a token of theirs (RULES 1.7).

A token in somebody's hands lets them act through the account, whoever owns it. What counts is that it had not ended
when something was done: a token revoked earlier did nothing of it, one made or revoked later may have. A revocation
is noticed within seconds and a request under way ends, so a token counts for a moment longer.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Coalesce, Least

from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.models import ApiToken, ServiceAccount, User

NOBODY: frozenset[int] = frozenset()
LINGERS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tie:
    """A person owns an account, or made a token of it; ``until`` is when that ended, or ends by its date."""

    person_id: int
    until: datetime | None = None

    def lasts(self, since: datetime) -> bool:
        """Tell whether it had not ended at a moment."""
        return self.until is None or self.until >= since


@dataclass(frozen=True, slots=True)
class Behind:
    """The people behind some service accounts, by the user that acts for each. Whoever is no account has nobody."""

    owned: Mapping[int, Sequence[Tie]] = field(default_factory=dict)
    made: Mapping[int, Sequence[Tie]] = field(default_factory=dict)

    def owners(self, users: Collection[int], *, since: datetime) -> frozenset[int]:
        """Return who owned one of these accounts at a moment or later."""
        return _people(self.owned, users, since)

    def makers(self, users: Collection[int], *, since: datetime) -> frozenset[int]:
        """Return who made a token of one of these accounts that had not ended at a moment."""
        return _people(self.made, users, since)

    def people(self, users: Collection[int], *, since: datetime) -> frozenset[int]:
        """Return everybody behind these accounts at a moment or later."""
        return self.owners(users, since=since) | self.makers(users, since=since)


def _people(ties: Mapping[int, Sequence[Tie]], users: Collection[int], since: datetime) -> frozenset[int]:
    return frozenset(tie.person_id for pk in users for tie in ties.get(pk, ()) if tie.lasts(since))


def behind(users: Collection[int | None]) -> Behind:
    """Return who stands, or ever stood, behind those of ``users`` that are accounts; one statement for all."""
    asked = {pk for pk in users if pk is not None}
    if not asked:
        return Behind()
    columns = ("account_user", "person", "began", "ended")
    never, ends = Value(None, output_field=DateTimeField()), F("expires_at")
    tokens = ApiToken.objects.filter(account__user__in=asked).annotate(
        account_user=F("account__user"),
        person=F("created_by"),
        began=never,
        ended=Least(ends, Coalesce("revoked_at", ends)),
    )
    accounts = ServiceAccount.objects.filter(user__in=asked).order_by().values("pk")
    terms = history_model(ServiceAccount)._default_manager.filter(id__in=accounts)
    terms = terms.annotate(
        account_user=F("user_id"), person=F("owner_id"), began=F("history_date"), ended=never
    )
    made: dict[int, list[Tie]] = defaultdict(list)
    held: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    found = terms.order_by().values_list(*columns).union(tokens.order_by().values_list(*columns))
    for user_id, person_id, began, ended in found:
        if began is None:
            made[user_id].append(Tie(person_id, ended + LINGERS))
        else:
            held[user_id].append((began, person_id))
    return Behind({pk: _ties(sorted(rows)) for pk, rows in held.items()}, made)


def _ties(terms: Sequence[tuple[datetime, int]]) -> list[Tie]:
    """Let each owner's term end with the next one's."""
    ends = [began for began, _ in terms[1:]]
    return [Tie(owner, end) for (_, owner), end in zip(terms, [*ends, None], strict=True)]


def people_behind(user: User | None, *, since: datetime) -> frozenset[int]:
    """Return the people who count as ``user`` for what was done at a moment: the person, or all behind the account."""
    if user is None:
        return NOBODY
    if user.is_person:
        return frozenset({user.pk})
    return behind([user.pk]).people([user.pk], since=since)
