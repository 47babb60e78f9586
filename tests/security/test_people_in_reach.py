"""An administrator of one unit reaches no further than that unit: a password link is the person's whole access."""

import pytest
from django.urls import reverse

from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.services.persons import person_create, person_deactivate, person_invite

pytestmark = pytest.mark.django_db


@pytest.fixture
def pia(make_person, plant):
    """Pia administers Plant Operations only."""
    return make_person("Pia Plant", "administrator", unit=plant)


@pytest.mark.parametrize("name", ["adam", "ines"])
def test_nobody_outside_of_the_unit_gets_a_new_password_or_loses_access(name, pia, request, now, as_person):
    person = request.getfixturevalue(name)
    with pytest.raises(NotAllowed, match="outside of the units you administer"):
        person_invite(person=person, by=pia, now=now)
    with pytest.raises(NotAllowed, match="outside of the units you administer"):
        person_deactivate(person=person, reason="mine now", by=pia, now=now)
    page = as_person(pia).post(reverse("administration:person-invite", args=[person.pk]))
    assert page.status_code == 403
    assert "reset/key" not in page.content.decode()
    assert User.objects.get(pk=person.pk).is_active


def test_people_of_the_unit_and_newcomers_are_invited(pia, dora, now):
    newcomer = person_create(email="nils@aldermoor.example", name="Nils New", by=pia, now=now)
    assert "/accounts/password/reset/key/" in person_invite(person=dora, by=pia, now=now)
    assert "/accounts/password/reset/key/" in person_invite(person=newcomer, by=pia, now=now)


def test_whoever_administers_the_group_reaches_everybody(adam, ines, now):
    assert not person_deactivate(person=ines, reason="left", by=adam, now=now).is_active
