"""A gate's observed words read as the fact, on the request, on its receipt and in lists alike."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals.models import ChangeRequest, Decision, GateResult
from approvals.queries.gate_rows import gate_rows
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import uncapped
from registry.models import Environment, ModelVersion
from tests.factories import approvals as make

SignIn = Callable[[User], Client]


def page_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_the_page_and_the_receipt_use_the_same_words(
    at_risk: ChangeRequest, olga: User, as_person: SignIn
) -> None:
    client = as_person(olga)
    receipt = Decision.objects.get(signer=olga)
    for url in (at_risk.get_absolute_url(), f"/decisions/{receipt.pk}/"):
        page = page_of(client, url)
        for words in ("no overlap", "nothing missing", "2 limits met", "Release limits are met"):
            assert words in page, (url, words)


def test_a_receipt_of_an_earlier_signature_still_names_its_gates(
    at_risk: ChangeRequest, olga: User, as_person: SignIn, now: datetime
) -> None:
    receipt = Decision.objects.get(signer=olga)
    receipt.live_gates = [{"gate": "PERF-01", "outcome": "pass", "observed": "0"}]
    save_as(receipt, by=None, now=now + timedelta(hours=1), fields=["live_gates"])
    assert "Release limits are met" in page_of(as_person(olga), f"/decisions/{receipt.pk}/")


def test_the_headline_says_what_fails_and_how_many_more(
    version: ModelVersion, prod: Environment, release_cast: make.Cast, now: datetime
) -> None:
    weak = make.complete_version(
        version.model, cast=release_cast, now=now, young=0.6, artifact="b", validated=False
    )
    alternatives = [{"title": "Stay", "metrics": "auc 0.8", "why_not": "Drift."}]
    change = make.submitted(weak, prod, by=release_cast.developer, now=now, alternatives=alternatives)
    assert (
        change.headline == "PERF-01 fails: Outside the locked release limits: AUC young. 2 more gates fail."
    )


def test_nothing_counted_stands_at_the_left_end_of_its_bar(at_risk: ChangeRequest) -> None:
    result = GateResult.objects.filter(change=at_risk).first()
    assert result is not None
    result.observed_value, result.limit_value, result.direction = 0.0, 0.0, "max"
    rows, _ = gate_rows([result])
    assert (rows[0].low, rows[0].high) == (0.0, 1.0)


def test_the_title_of_a_gate_that_fails_is_told_as_what_is_required(
    blocked: ChangeRequest, olga: User, as_person: SignIn
) -> None:
    """Under a red mark “Release limits are met” would read as a finding."""
    page = page_of(as_person(olga), blocked.get_absolute_url())
    failing = page[page.index('id="gate-PERF-01"') :].split("</li>")[0]
    assert "</code> Required: release limits are met" in failing
    assert "Required: release limits are met." in page[: page.index('id="gates"')]
    passing = page[page.index('id="gate-DATA-01"') :].split("</li>")[0]
    assert "Required" not in passing
    ask = page_of(as_person(blocked.requester), f"/changes/{blocked.pk}/waiver/")
    assert "PERF-01, required: release limits are met</option>" in ask


@pytest.mark.parametrize(
    ("title", "inside"),
    [
        pytest.param("No group is worse off", "no group is worse off", id="a word"),
        pytest.param("A way back exists", "a way back exists", id="one letter"),
        pytest.param("AUC is stable", "AUC is stable", id="an abbreviation"),
        pytest.param("", "", id="none"),
    ],
)
def test_a_title_goes_on_inside_a_sentence(title: str, inside: str) -> None:
    assert uncapped(title) == inside
