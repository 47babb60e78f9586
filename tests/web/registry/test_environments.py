"""Environments as the units below them see them: the place, and of what runs there only their own."""

import pytest
from django.urls import reverse

from registry.services.models import model_register
from tests.factories.registry import DeploymentFactory, EnvironmentFactory, VersionFactory

pytestmark = pytest.mark.django_db


def test_a_unit_looks_at_the_environment_of_the_unit_above_and_at_its_own_deployments_there(
    group, retail, plant, as_person, make_person, now
):
    shared = EnvironmentFactory(unit=group, name="group-prod")
    for name, unit in (("pd", retail), ("pumps", plant), ("valves", plant)):
        model = model_register(name=name, unit=unit, by=None, now=now)
        DeploymentFactory(version=VersionFactory(model=model), environment=shared, now=now, live=True)
    client = as_person(make_person("Uma Reader", "viewer", unit=retail))

    rows = client.get(reverse("registry:environment-list"), {"export": "csv"})
    lines = b"".join(rows.streaming_content).decode().splitlines()
    place = dict(zip(lines[0].lstrip("\ufeff").split(","), lines[1].split(","), strict=True))
    assert (place["Environment"], place["Live versions"]) == ("group-prod", "1")

    page = client.get(reverse("registry:environment-detail", args=[shared.pk]))
    assert page.status_code == 200
    text = page.content.decode()
    assert "pd" in text
    assert "pumps" not in text
