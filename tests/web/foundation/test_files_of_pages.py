"""Pages that are no lists give their tables as files, too: the inbox as filtered, roles and rights whole."""

import csv
import io

import pytest

from audits.models import AccessLog
from audits.services.accesses import write_remembered
from mlops_portal.foundation.people.rights import declared
from mlops_portal.foundation.people.roles import ROLES

pytestmark = pytest.mark.django_db


def rows_of(client, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def test_roles_and_rights_come_whole(adam, as_person):
    client = as_person(adam)
    page = client.get("/admin/roles/").content.decode()
    assert 'href="?export=csv" download' in page
    rows = rows_of(client, "/admin/roles/?export=csv")
    assert [row["Name"] for row in rows] == [right.name for right in declared()]
    for row in rows:
        for role in ROLES.values():
            held = row["Name"] in role.rights
            assert row[role.label] == ("yes" if held else "no")
    assert page.count('<th scope="row">') == len(rows)


def test_no_other_format_is_offered(adam, as_person):
    assert as_person(adam).get("/admin/roles/?export=xlsx").status_code == 400
    assert as_person(adam).get("/approvals/?export=pdf").status_code == 400


def test_taking_them_is_recorded(adam, as_person):
    rows_of(as_person(adam), "/admin/roles/?export=csv")
    rows_of(as_person(adam), "/approvals/?export=csv")
    write_remembered()
    about = set(AccessLog.objects.filter(actor_id=str(adam.pk)).values_list("subject_label", flat=True))
    assert about == {"roles and rights", "approvals.ChangeRequest"}


@pytest.mark.parametrize(
    ("queue", "column"),
    [("mine", "Request"), ("others", "Request"), ("conditions", "Set by"), ("decided", "Request")],
)
def test_an_empty_queue_is_a_file_with_a_head(adam, as_person, queue, column):
    answer = as_person(adam).get(f"/approvals/?queue={queue}&export=csv")
    lines = b"".join(answer).decode().splitlines()
    assert len(lines) == 1
    assert column in lines[0]
