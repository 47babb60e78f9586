"""The page of a request leads to its evidence pack and its history."""

import pytest

from tests.factories import approvals as make

pytestmark = pytest.mark.django_db


def test_who_may_export_finds_the_pack_in_the_head(released, cleo, ada, as_person):
    link = f'href="/changes/{released.pk}/evidence-pack/"'
    head = as_person(cleo).get(released.get_absolute_url()).content.decode().split("</header>")
    assert any(link in part for part in head)
    assert link not in as_person(ada).get(released.get_absolute_url()).content.decode()
    assert f'href="/changes/{released.pk}/history/"' in "".join(head)


def test_a_draft_has_none(released, cleo, release_cast, as_person, now):
    version = make.complete_version(released.model, cast=release_cast, now=now)
    draft = make.draft(version, released.environment, by=release_cast.developer, now=now)
    assert "evidence-pack" not in as_person(cleo).get(draft.get_absolute_url()).content.decode()
