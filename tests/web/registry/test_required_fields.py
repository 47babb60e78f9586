"""Fields that a unit requires: asked of whoever fills in the record, not of a machine that knows only the name."""

import pytest
from django.utils import timezone

from registry.models import RecordTask, RegisteredModel
from registry.services.arrivals import model_arrived
from registry.services.custom_fields import custom_field_save
from registry.states import TaskKind

pytestmark = pytest.mark.django_db
URL = "/models/register/"


@pytest.fixture
def required(retail, in_use):
    """Retail Lending requires the cost centre of every model."""
    save = {"by": None, "now": timezone.now()}
    return custom_field_save(unit=retail, label="Cost centre", type="number", required=True, **save)


@pytest.fixture
def in_use(retail, plant):
    """Another unit requires something else."""
    save = {"by": None, "now": timezone.now()}
    return custom_field_save(unit=plant, label="Machine", type="text", required=True, **save)


def test_the_page_asks_once_the_unit_is_chosen(required, retail, olga, as_person):
    client = as_person(olga)
    typed = {"name": "churn", "unit": retail.pk, "kind": "analytical", "origin": "in_house"}
    assert "Cost centre" not in client.get(URL).content.decode()
    asked = client.post(URL, typed)
    page = asked.content.decode()
    assert asked.status_code == 400
    assert 'name="custom.cost-centre"' in page
    assert "Machine" not in page
    assert not RegisteredModel.objects.exists()
    wrong = client.post(URL, {**typed, "custom.cost-centre": "many"})
    assert wrong.status_code == 400
    assert "“many” is not a number." in wrong.content.decode()
    assert client.post(URL, {**typed, "custom.cost-centre": "4711"}).status_code == 303
    assert RegisteredModel.objects.get().custom == {"cost-centre": 4711}


@pytest.mark.parametrize("unit", ["", "0", "x", "9" * 30])
def test_a_unit_that_is_none_is_refused(required, olga, as_person, unit):
    assert as_person(olga).post(URL, {"name": "churn", "unit": unit}).status_code == 400


def test_a_machine_registers_what_it_knows_and_leaves_a_task(required, retail):
    model = model_arrived(name="churn", unit_id=retail.pk, by=None, now=timezone.now())
    assert model.custom == {}
    assert RecordTask.objects.filter(model=model, kind=TaskKind.COMPLETE_RECORD).exists()
