"""A query written once answers as the one it was written from."""

import pytest

from mlops_portal.foundation.people.models import RoleGrant
from mlops_portal.foundation.prepared import Prepared
from registry.models import ModelVersion

pytestmark = pytest.mark.django_db


def of(key):
    return RoleGrant.objects.filter(user_id=key, is_effective=True).values_list("role", "unit_id")


def test_it_answers_each_key_as_the_query_would(ada, vera, dora):
    prepared = Prepared(of)
    for person in (ada, dora, vera, ada):
        assert sorted(prepared.rows(person.pk)) == sorted(of(person.pk))
    assert prepared.rows(-1) == []


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda key: RoleGrant.objects.values_list("role"), id="no key"),
        pytest.param(lambda key: ModelVersion.objects.filter(pk=key).values_list("parameters"), id="JSON"),
    ],
)
def test_what_cannot_be_prepared_says_so(build):
    with pytest.raises(ValueError, match="Cannot be prepared"):
        Prepared(build).rows(1)
