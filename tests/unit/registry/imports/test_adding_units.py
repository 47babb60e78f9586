"""Units that the file names and the portal lacks: added with the rows that need them, or not at all."""

from pathlib import Path

import pytest

from mlops_portal.foundation.errors import DomainError, NotAllowed
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, UnitClosure
from mlops_portal.foundation.people.services.units import unit_create, units_create
from mlops_portal.foundation.work import running
from mlops_portal.foundation.work.models import Job
from registry.imports import mapping, service
from registry.imports.suggesting import suggest
from registry.models import RegisteredModel

pytestmark = pytest.mark.django_db

US_2025 = Path(__file__).parents[5] / "shared/data/inventory-us-federal/2025_part_agencies.csv"
DOCUMENT = {
    "name": "fleet",
    "source": "fleet",
    "key": ["Id"],
    "unit": "Unit",
    "fields": {"name": "Model", "decisions_per_day": "Volume"},
}
HEAD = "Id,Model,Unit,Volume\n"


@pytest.fixture
def fleet(group, adam, now):
    """Return functions that preview and run an import by an administrator, as the pages do."""

    class Fleet:
        by, content = adam, b""

        def common(self, text, document=DOCUMENT):
            built = mapping.build(document)
            return {
                "content": text.encode(), "name": "fleet.csv", "mapping": built, "unit": group, "by": self.by,
                "now": now, "adds_units": True,
            }  # fmt: skip

        def preview(self, text, **kwargs):
            return service.import_preview(**self.common(text, **kwargs))

        def run(self, text, **kwargs):
            run = service.import_start(**self.common(text, **kwargs))
            running.run(run.job_number)
            run.refresh_from_db()
            return run

    return Fleet()


def test_several_units_are_added_in_as_many_statements_as_two(group, now, django_assert_max_num_queries):
    with django_assert_max_num_queries(25):
        made = units_create(
            named={f"unit-{n}": f"Unit {n}" for n in range(60)}, parent=group, by=None, now=now
        )
    assert {unit.depth for unit in made.values()} == {1}
    assert UnitClosure.objects.filter(ancestor=group).exclude(descendant=group).count() == 60
    assert made["unit-7"].history.count() == 1


def test_the_run_does_what_the_preview_promised(fleet, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 2)
    text = HEAD + "1,rover,Mars,5\n2,lander,Mars,5\n3,dome,Moon,5\n4,press,Mars,5\n5,spare,,5\n"
    preview = fleet.preview(text)
    assert preview.counts == {"created": 5, "updated": 0, "unchanged": 0, "failed": 0}
    assert preview.new_units == (("Mars", 3), ("Moon", 1))
    run = fleet.run(text)
    assert {name: getattr(run, name) for name in preview.counts} == preview.counts
    assert list(RegisteredModel.objects.order_by("name").values_list("name", "unit__name")) == [
        ("dome", "Moon"), ("lander", "Mars"), ("press", "Mars"), ("rover", "Mars"), ("spare", "Aldermoor Group"),
    ]  # fmt: skip
    assert run.state == "finished"


@pytest.mark.skipif(not US_2025.exists(), reason="shared/data is not beside the checkout")
def test_an_administrator_imports_the_inventory_of_2025_with_a_guessed_mapping(fleet):
    content = US_2025.read_text(encoding="utf-8-sig")
    headers = next(iter(content.splitlines())).split(",")
    document = suggest(headers, name="2025")
    promised = fleet.preview(content, document=document).counts
    assert promised == {"created": 117, "updated": 0, "unchanged": 0, "failed": 0}
    run = fleet.run(content, document=document)
    assert (run.state, run.created, run.failed) == ("finished", 117, 0)
    assert fleet.run(content, document=document).unchanged == 117


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param("1,,Mars,5\n", id="a row that does not fit adds no unit"),
        pytest.param("1,rover,Mars,many\n", id="a row with a bad value adds no unit"),
    ],
)
def test_a_row_that_fails_leaves_no_unit_behind(fleet, rows):
    fleet.run(HEAD + rows)
    assert not BusinessUnit.objects.filter(name="Mars").exists()


def test_a_chunk_that_fails_leaves_no_unit_behind(fleet, monkeypatch):
    def fail(*args, **kwargs):
        raise DomainError("the disk is full")

    monkeypatch.setattr(service.ImportRowError.objects, "bulk_create", fail)
    run = fleet.run(HEAD + "1,rover,Mars,5\n")
    assert (run.state, run.message) == ("failed", "the disk is full")
    assert not BusinessUnit.objects.filter(name="Mars").exists()


def test_a_closed_unit_takes_nothing_and_is_not_added_again(fleet, group, now):
    moon = unit_create(code="moon", name="Moon", parent=group, by=None, now=now)
    moon.closed_at = now
    save_as(moon, by=None, now=now, fields=["closed_at"])
    preview = fleet.preview(HEAD + "1,dome,Moon,5\n")
    assert [str(problem) for problem in preview.problems] == ["row 2, column Unit: the unit “Moon” is closed"]


def test_units_are_not_promised_below_the_last_level(fleet, group, now):
    below = group
    for name in ("a", "b", "c"):
        below = unit_create(code=name, name=name, parent=below, by=None, now=now)
    common = fleet.common(HEAD + "1,rover,Mars,5\n") | {"unit": below}
    assert service.import_preview(**common).counts["failed"] == 1


def test_who_may_not_add_units_is_not_promised_any(fleet, olga, retail):
    common = fleet.common(HEAD + "1,rover,Mars,5\n") | {"by": olga, "unit": retail}
    with pytest.raises(NotAllowed):
        service.import_preview(**common)


def test_an_import_that_wrote_nothing_failed_and_so_did_its_job(fleet):
    run = fleet.run(HEAD + "1,rover,,many\n2,lander,,some\n")
    job = Job.objects.get(pk=run.job_number)
    assert (run.state, run.message) == ("failed", "None of the 2 rows could be imported.")
    assert (job.state, job.error) == ("failed", run.message)


def test_an_import_that_lost_some_rows_says_so_on_its_job(fleet):
    run = fleet.run(HEAD + "1,rover,,5\n2,lander,,some\n")
    job = Job.objects.get(pk=run.job_number)
    assert (run.state, job.state) == ("finished", "succeeded")
    assert job.result["word"] == "Finished, 1 failed"
