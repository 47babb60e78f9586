"""The documents of what runs today, by tier: scored anew, not as frozen at the deployment."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import services
from mlops_portal.foundation.history import save_as
from registry.models import DocumentSection
from tests.factories import approvals as make
from tests.unit.kpis.rows import ran

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(make_person, group, retail, ada, olga, vera, ines, rolf, carl, omar):
    now = timezone.now() - timedelta(days=3)
    paula = make_person("Paula Publisher", "policy_publisher", unit=group, signs=True)
    services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))
    cast = make.Cast(ada, olga, vera, ines, rolf, carl, omar)
    model = make.complete_model(unit=retail, cast=cast, tier=1, now=now)
    version = make.complete_version(model, cast=cast, now=now)
    ran(
        version,
        make.production(retail, now=now),
        now,
        state="live",
        document_score=0.2,
        document_threshold=1.0,
    )
    return version


def stock_of(client):
    return client.get(reverse("kpis:kpi-detail", args=["documentation_completeness"])).context["stock"]


def test_later_documents_raise_the_stock_and_missing_ones_are_named(served, as_person, cleo):
    client = as_person(cleo)
    full = stock_of(client)
    assert [(row.label, row.count, row.mean, row.reach) for row in full.rows] == [
        ("Tier 1", 1, "100 %", 1),
        ("All", 1, "100 %", 1),
    ]
    section = DocumentSection.objects.filter(document__version=served).first()
    section.status = "draft"
    save_as(section, by=None, now=timezone.now(), reason="Under revision")
    less = stock_of(client)
    assert less.rows[0].reach == 0
    assert [one.version for one in less.lacking] == [served]


def test_only_what_the_reader_sees_is_scored(served, as_person, dora):
    assert [row.count for row in stock_of(as_person(dora)).rows] == [0]
