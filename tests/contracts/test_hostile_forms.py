"""Hostile input at every form of the pages: refused in words that name the field, nothing half written, never a 500."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse
from django.utils.html import escape

from mlops_portal.foundation.people import credentials
from tests.contracts import filling
from tests.contracts.expectations import PAGES, SURROUNDINGS
from tests.contracts.filling import Spoilt
from tests.contracts.test_access import Writes, address, cast, without_frame, world  # noqa: F401  (fixtures)
from tests.contracts.test_every_method import ELSEWHERE_ROLES, whole  # noqa: F401  (fixtures)
from tests.factories.registry import ModelFactory, VersionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_frame")]
FORMS = {name: needs for name, needs in {**PAGES, **SURROUNDINGS}.items() if name != "web:kit"}
# What a person adds to what is required.
FITTING = {
    "registry:environment-create": {"alias": "champion"},
    "registry:document-add": {"link": "https://documents.example/1"},
    "registry:section-add": {"title": "Another section", "text": "What it says."},
}
AT_LEAST, TAKEN_AT_LEAST = (
    75,
    45,
)  # forms shown, and taken as filled in; fewer means that the walk lost its way
FINE = {200, 204, 302, 303, 400, 403, 404, 409, 413, 415}
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
MEGABYTE = 1024 * 1024


@pytest.fixture
def clients(whole, retail, make_person, as_person):  # noqa: F811
    """Clients who together may do everything in Retail Lending; toxic pairs keep them two."""
    found = []
    for number, roles in enumerate(ELSEWHERE_ROLES):
        client = as_person(make_person(f"Ed{number} Everything", *roles, unit=retail, signs=True))
        client.raise_request_exception = False
        found.append(client)
    with credentials.checked_by(lambda *proof: None):
        yield found


@pytest.fixture
def opened(whole, clients) -> list[tuple[str, str, Any, Any]]:  # noqa: F811
    """Every form with the name of its page, its address and a client who is shown it."""
    found = open_forms(FORMS, whole, clients)
    assert len(found) >= AT_LEAST, sorted(name for name, *_ in found)
    return found


def open_forms(names: Iterable[str], whole: Any, clients: Any) -> list[tuple[str, str, Any, Any]]:  # noqa: F811
    """Open the forms of some pages."""
    found = []
    for name in names:
        needs = FORMS[name]
        for place in addresses(name, whole.get(needs.subject, {})):
            for client in clients:
                answer = client.get(place)
                form = answer.context.get("form") if answer.context and answer.status_code == 200 else None
                if hasattr(form, "fields") and all(is_shown(bound, answer) for bound in form):
                    found.append((name, place, client, form))
                    break
    return found


def addresses(name: str, given: dict[str, Any]) -> Iterator[str]:
    """Yield the addresses of a page, one for each of its forms."""
    if name == "approvals:sign":
        for verdict in ("approve", "approve_with_conditions", "request_changes", "reject", "recuse"):
            yield reverse(name, kwargs={**given, "verdict": verdict})
        return
    yield address(name, given)
    if name == "audits:exports":
        yield from (f"{address(name, given)}?what={what}" for what in ("change_log", "inventory"))


def fresh(sent: dict[str, Any]) -> dict[str, Any]:
    """Let files be read again from their beginning."""
    for value in sent.values():
        if hasattr(value, "seek"):
            value.seek(0)
    return sent


def is_shown(bound: Any, answer: Any) -> bool:
    """Tell whether a page shows a field; some show their form only where something is to be done."""
    name = next(iter(filling.controls(bound).names), bound.html_name)
    return f'name="{name}"' in answer.content.decode()


class Outcome:
    """What one post was answered and what it changed; it is taken back."""

    def __init__(self, client: Any, place: str, sent: Any, kind: str = "", *, follow: bool = False) -> None:
        client.cookies.pop("messages", None)  # of the act before, which was taken back
        with transaction.atomic():
            with Writes() as writes:
                self.answer = (
                    client.generic("POST", place, sent, kind) if kind else client.post(place, fresh(sent))
                )
            self.changed = sorted(writes.tables)
            self.next = client.get(self.answer["Location"]) if follow and "Location" in self.answer else None
            transaction.set_rollback(True)

    @property
    def is_refusal(self) -> bool:
        """Tell whether the answer says that nothing was done."""
        told = get_messages(self.answer.wsgi_request) if self.answer.status_code == 303 else ()
        return self.answer.status_code >= 400 or any(one.level_tag == "error" for one in told)

    def problem(self) -> str:
        """Say what is wrong with any answer; empty when nothing is."""
        if self.answer.status_code not in FINE:
            return str(self.answer.status_code)
        if self.is_refusal and self.changed:
            return f"{self.answer.status_code}, changed {self.changed}"
        if self.next is not None and self.next.status_code >= 500:
            return f"the next page: {self.next.status_code}"
        if self.next is not None and filling.SCRIPT in self.next.content.decode():
            return "the next page runs it"
        return ""

    def problem_with(self, one: Spoilt, *, fits: bool) -> str:
        """Say what is wrong with the answer to hostile values; ``fits``: without them the form is not refused."""
        if self.answer.status_code != 400 or self.problem():
            return self.problem()
        page = self.answer.content.decode()
        if "form" not in self.answer.context:
            return "" if one.is_named_in(page) else "shows no form and names no field"
        form = self.answer.context["form"]
        missing = [name for name in one.fields if name not in form.errors]
        if one.refused_by_form and missing:
            return f"says nothing of {missing}"
        told = " ".join(form.non_field_errors())
        if not form.errors or (fits and not set(form.errors) - {"__all__"} and not one.is_named_in(told)):
            return f"names no field: {told}"
        untold = [errors[0] for errors in form.errors.values() if escape(errors[0]) not in page]
        return f"does not show “{untold[0]}”" if untold else ""


FAR = ("9999-12-31", "9999-12-31 23:59", filling.SCRIPT)  # what a later page could break on


@pytest.mark.slow
def test_no_form_breaks(opened, plant):
    """Every hostile value is taken or refused by the name of its field, and so is every body that is no form."""
    strange = str(VersionFactory(model=ModelFactory(unit=plant)).pk)
    wrong, taken = [], set()
    for name, place, client, form in opened:
        base = {**filling.filled(form), **FITTING.get(name, {})}
        usual = Outcome(client, place, base)
        if not usual.is_refusal:
            taken.add(name)
        for one in filling.spoilt(form, base, strange=strange):
            outcome = Outcome(client, place, one.sent, follow=one.value in FAR)
            if problem := outcome.problem_with(one, fits=usual.answer.status_code != 400):
                wrong.append(f"{name} {', '.join(one.fields)[:80]}={one.value[:30]!r}: {problem}")
        for kind, outcome in bodies(place, client, form):
            if problem := outcome.problem():
                wrong.append(f"{name}, {kind}: {problem}")
    name, place, client, _ = opened[0]
    kinds = (MULTIPART, f"{FORM}; charset=nonsense", f"{FORM}; charset=utf-16", "text/xml", "²")
    outcomes = {kind: Outcome(client, place, b"<name/>", kind) for kind in kinds}
    wrong += [f"{name}, {kind}: {one.problem()}" for kind, one in outcomes.items() if one.problem()]
    assert not wrong, "\n".join(wrong)
    assert len(taken) >= TAKEN_AT_LEAST, taken


def bodies(place: str, client: Any, form: Any) -> Iterator[tuple[str, Outcome]]:
    """Post wrong content types, bytes that are no text, values twice, files and fields that nobody asked for."""
    base = filling.filled(form)
    names = [*base, "reason", "by", "now", "unit", "is_superuser", "__proto__"]
    files = {each: SimpleUploadedFile("x.html", b"\x00<script>") for each in form.fields}
    raw = "&".join(f"{each}=%FF%FE%00%ED%A0%80" for each in names).encode()
    yield "broken multipart", Outcome(client, place, b"--x\r\nbroken", f"{MULTIPART}; boundary=x")
    yield "JSON", Outcome(client, place, b'{"name": 1}', "application/json")
    yield "no UTF-8", Outcome(client, place, raw, FORM)
    yield "values twice", Outcome(client, place, {each: ["1", "²"] for each in names})
    yield "files", Outcome(client, place, {**dict.fromkeys(names, "1"), **base, **files})


def test_ten_megabytes_in_a_field_are_refused_by_name(whole, clients):  # noqa: F811
    fields = {"registry:model-edit": "description", "approvals:comment": "text"}
    forms = open_forms(fields, whole, clients)
    assert len(forms) == len(fields)
    for name, place, client, form in forms:
        field, usual = fields[name], filling.filled(form)
        outcome = Outcome(client, place, {**usual, field: "x" * 10 * MEGABYTE})
        assert (outcome.answer.status_code, outcome.changed) == (400, [])
        assert field in outcome.answer.context["form"].errors
        beyond = Outcome(client, place, {**usual, field: "x" * 13 * MEGABYTE})
        assert (beyond.answer.status_code, beyond.changed) == (400, [])
