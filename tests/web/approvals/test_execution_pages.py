"""A change while it is carried out: the panel of its page asks for itself until the end, the board shows where it went."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, Execution
from approvals.queries import execution_panel
from approvals.states import ChangeState
from approvals.views.decision_bar import Standing, bar_for
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.work.worker import run_pending
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from registry.services.models import model_register
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}
NOW = datetime.fromisoformat("2026-11-17T10:40:00+00:00")


def text_of(client: Client, url: str, **headers: str) -> str:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    return answer.content.decode()


def asks(page: str) -> tuple[str, str] | None:
    """Return where the panel asks and how often, or None when it does not."""
    found = re.search(r'id="executions"[^>]*? hx-get="([^"]+)" hx-trigger="([^"]+)"', page)
    return (found[1].replace("&amp;", "&"), found[2]) if found else None


@pytest.fixture
def light(in_force: object, retail: BusinessUnit, release_cast: make.Cast, now: datetime) -> RegisteredModel:
    """Return a tier 4 model with a complete record."""
    return make.complete_model(unit=retail, cast=release_cast, tier=4, now=now, name="Next best offer")


def started(
    model: RegisteredModel, place: Environment, cast: make.Cast, now: datetime, **fields: object
) -> ChangeRequest:
    """File, approve and start a release of a new version."""
    fields = {"artifact": "a", **fields}
    version = make.complete_version(model, cast=cast, now=now, artifact=str(fields.pop("artifact")))
    change = make.submitted(version, place, by=cast.developer, now=now, **fields)
    make.approve_by(change, [cast.owner, cast.risk_officer], now=now + timedelta(minutes=10))
    services.change_execute_now(change=change, by=cast.operator, now=timezone.now())
    change.refresh_from_db()
    return change


def test_the_panel_is_followed_from_start_to_end(
    light: RegisteredModel, prod: Environment, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    change = started(light, prod, release_cast, now)
    operator = as_person(release_cast.operator)
    page = text_of(operator, change.get_absolute_url())
    asked = asks(page)
    assert asked == (f"/changes/{change.pk}/execution/?opened=scheduled&said=scheduled", "every 2s")
    assert 'aria-live="polite" id="execution-news"' in page

    part = text_of(operator, asked[0], **HTMX)
    assert "<html" not in part
    assert "hx-swap-oob" not in part, "nothing new, nothing said"

    run_pending(clock=timezone.now)
    part = text_of(operator, asked[0], **HTMX)
    assert f'hx-swap-oob="innerHTML:#execution-news">{change.code}: Verifying. Being watched until ' in part
    assert 'hx-swap-oob="innerHTML:#verdict-h">Being watched until ' in part, "head, verdict and panel agree"
    assert " UTC" not in part, "a page has one time zone, the reader's"
    assert f"Started by {release_cast.operator.name}" in part
    home_page = text_of(operator, "/")
    watched = home_page[home_page.index("Approved changes to carry out") :].split("</section>")[0]
    assert change.get_absolute_url() in watched
    page = text_of(operator, change.get_absolute_url())
    deployment = Deployment.objects.get(change_id=change.pk)
    bar = page[page.index('class="decide') :]
    assert "Being watched until" in bar
    assert f"/deployments/{deployment.pk}/suspend/" in bar
    assert "No way back was approved with this release" in bar
    assert "Roll back" not in text_of(as_person(release_cast.owner), change.get_absolute_url())
    assert 'hx-swap-oob="innerHTML:#change-state"' in part
    assert "The rest of this page shows the request as scheduled." in part
    assert "Succeeded" in part
    watched = asks(part)
    assert watched == (f"/changes/{change.pk}/execution/?opened=scheduled&said=verifying", "every 30s")
    assert "hx-swap-oob" not in text_of(operator, watched[0], **HTMX), "said once"

    services.change_complete(change=change, now=timezone.now() + timedelta(days=9))
    part = text_of(operator, watched[0], **HTMX)
    assert f'#execution-news">{change.code}: Completed</div>' in part
    assert asks(part) is None
    assert asks(text_of(operator, change.get_absolute_url())) is None


def test_the_panel_swaps_nothing_that_a_person_decides_or_types_in(
    light: RegisteredModel, prod: Environment, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    change = started(light, prod, release_cast, now)
    part = text_of(as_person(release_cast.operator), f"/changes/{change.pk}/execution/?said=approved", **HTMX)
    assert re.findall(r'<(?:form|input|textarea|select|dialog|section class="decide)', part) == []
    assert set(re.findall(r'hx-swap-oob="innerHTML:#([\w-]+)"', part)) == {
        "execution-news",
        "change-state",
        "verdict-h",
    }


def test_the_panel_stands_alone_without_scripts(
    filed: ChangeRequest, ada: User, dora: User, as_person: SignIn
) -> None:
    page = text_of(as_person(ada), f"/changes/{filed.pk}/execution/")
    assert "<html" in page
    assert "Nothing was started." in page
    assert asks(page) is None
    assert as_person(dora).get(f"/changes/{filed.pk}/execution/").status_code == 404


@pytest.mark.parametrize(
    "query", ["opened=%00&said=%00", "opened=<script>&said=x", "said=completed&said=failed"]
)
def test_what_the_address_claims_is_never_repeated(
    filed: ChangeRequest, ada: User, as_person: SignIn, query: str
) -> None:
    part = text_of(as_person(ada), f"/changes/{filed.pk}/execution/?{query}", **HTMX)
    assert "<script>" not in part


@pytest.mark.parametrize(
    ("state", "moment", "expected"),
    [
        pytest.param("scheduled", NOW + timedelta(seconds=30), "2s", id="a start within two minutes"),
        pytest.param("scheduled", NOW + timedelta(days=3), "30s", id="a start planned for later"),
        pytest.param("scheduled", NOW - timedelta(hours=1), "30s", id="a start that was refused"),
        pytest.param("executing", NOW - timedelta(seconds=5), "2s", id="a step that was just begun"),
        pytest.param("executing", NOW - timedelta(hours=2), "30s", id="a step that waits for a person"),
        pytest.param("executing", None, "2s", id="no attempt on record yet"),
        pytest.param("verifying", NOW + timedelta(minutes=1), "2s", id="a bake about to end"),
        pytest.param("verifying", NOW + timedelta(hours=24), "30s", id="a bake of a day"),
        pytest.param("approved", NOW, "", id="approved: nothing goes on"),
        *(pytest.param(state, NOW, "", id=f"{state}: over") for state in ("completed", "failed", "rolled_back", "revoked")),
    ],
)  # fmt: skip
def test_the_panel_asks_often_only_while_something_happens(
    state: str, moment: datetime | None, expected: str
) -> None:
    change = ChangeRequest(state=ChangeState(state), scheduled_at=moment, bake_ends_at=moment)
    attempts = [Execution(started_at=moment)] if moment else []
    assert execution_panel.pace_of(change, attempts, now=NOW) == expected


def test_the_board_says_by_which_change_a_version_came_and_which_acts_are_open(
    light: RegisteredModel, prod: Environment, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    first = started(light, prod, release_cast, now)
    run_pending(clock=timezone.now)
    operator, reader = as_person(release_cast.operator), as_person(release_cast.owner)
    deployment = Deployment.objects.get(change_id=first.pk)
    page = text_of(operator, "/deployments/board/")
    assert f'href="{first.get_absolute_url()}">{first.code}</a>' in page
    assert "Verifying" in page
    assert "No way back was approved with this release: file a rollback request." in page
    assert f'<a href="/deployments/{deployment.pk}/roll-back/">What you can do instead' in page
    assert f'href="/deployments/{deployment.pk}/suspend/"' in page
    assert f"/deployments/{deployment.pk}/" in text_of(reader, "/deployments/board/")
    assert "Suspend" not in text_of(reader, "/deployments/board/")

    services.change_complete(change=first, now=timezone.now() + timedelta(days=9))
    second = started(light, prod, release_cast, now, artifact="b")
    run_pending(clock=timezone.now)
    deployment = Deployment.objects.get(change_id=second.pk)
    for address in (second.get_absolute_url(), "/deployments/board/"):
        page = text_of(operator, address)
        assert f'href="/deployments/{deployment.pk}/roll-back/"' in page
    assert "No way back was approved" not in page
    assert first.code not in page


def test_where_no_way_back_is_approved_its_page_shows_no_form_but_leads_to_a_request(
    light: RegisteredModel, prod: Environment, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    change = started(light, prod, release_cast, now)
    run_pending(clock=timezone.now)
    deployment, operator = Deployment.objects.get(change_id=change.pk), as_person(release_cast.operator)
    page = text_of(operator, deployment.get_absolute_url())
    assert 'aria-disabled="true" aria-describedby="why-roll-back"' in page
    assert '<p class="lede" id="why-roll-back">No way back was approved with this release' in page
    assert f'<a class="btn" href="/deployments/{deployment.pk}/roll-back/"' not in page

    address = f"/deployments/{deployment.pk}/roll-back/"
    page = text_of(operator, address)
    assert page.count("No way back was approved with this release") == 1
    assert 'id="action-form"' not in page
    assert 'name="password"' not in page
    assert f"/changes/new/?model={light.pk}&amp;environment={prod.pk}&amp;kind=rollback" in page
    assert "File a rollback request for " in page
    given = {"reason": "Error rate doubled.", "password": "x", "code": "1"}
    refused = operator.post(address, given)
    assert refused.status_code == 409
    assert "No way back was approved with this release" in refused.content.decode()


def test_an_operator_files_a_rollback_in_the_browser_and_nothing_else(
    light: RegisteredModel, prod: Environment, release_cast: make.Cast, retail: BusinessUnit, plant: BusinessUnit,
    make_person: Callable[..., User], now: datetime, as_person: SignIn,
) -> None:  # fmt: skip
    started(light, prod, release_cast, now)
    run_pending(clock=timezone.now)
    second = make.complete_version(light, cast=release_cast, now=now, artifact="b")
    elsewhere = model_register(name="Press tonnage", unit=plant, by=None, now=now)
    operator = as_person(release_cast.operator)
    assert 'href="/changes/new/"' in text_of(operator, "/changes/")
    chosen = operator.get("/changes/new/").context["form"].fields["model"].queryset
    assert list(chosen) == [light], f"not {elsewhere}: nobody rolls back there"
    assert operator.get(f"/changes/new/?model={elsewhere.pk}").status_code == 404

    place = f"/changes/new/?model={light.pk}&environment={prod.pk}&kind=rollback"
    form = operator.get(place).context["form"]
    assert [kind for kind, _ in form.fields["kind"].choices] == ["rollback"]
    about = {"version": second.pk, "environment": prod.pk, "content-limits-count": 0}
    for kind in ("deploy", "retire", "suspend", "resume"):
        assert operator.post(place, about | {"kind": kind}).status_code == 400
    assert operator.post(place, about | {"kind": "rollback"}).status_code == 303
    draft = ChangeRequest.objects.get(kind="rollback")
    assert (draft.requester, draft.state, draft.version) == (release_cast.operator, "draft", second)
    own = f"/changes/{draft.pk}/"
    assert f'href="{own}edit/"' in text_of(operator, own)
    assert f'action="{own}file/"' in text_of(operator, f"{own}edit/")
    assert operator.get(f"{own}withdraw/").status_code == 200

    other = make.draft(second, prod, by=release_cast.developer, now=now)
    colleague = as_person(make_person("Otto Second", "operator", unit=retail))
    for step in ("edit", "file", "withdraw"):
        assert operator.get(f"/changes/{other.pk}/{step}/").status_code in (403, 404)
        assert operator.post(f"/changes/{other.pk}/{step}/", {"reason": "x"}).status_code in (403, 404)
        assert colleague.get(f"{own}{step}/").status_code == 404, "a draft of somebody else"
    viewer = as_person(make_person("Vic Viewer", "viewer", unit=retail))
    assert viewer.get(place).status_code == 403
    assert ChangeRequest.objects.filter(kind="rollback").count() == 1


@pytest.mark.parametrize(
    ("connector", "by_hand"),
    [
        pytest.param("", False, id="a retirement is recorded by the portal itself"),
        pytest.param("registry_alias", False, id="an alias moves by itself"),
        pytest.param("manual", True, id="an operator reaches the place by hand"),
    ],
)
def test_what_the_portal_carries_out_can_be_planned(
    version: ModelVersion,
    retail: BusinessUnit,
    release_cast: make.Cast,
    now: datetime,
    connector: str,
    by_hand: bool,
) -> None:
    place = make.production(retail, now=now, connector=connector) if connector else None
    kind = "deploy" if place else "retire"
    change = make.draft(version, place, by=release_cast.developer, now=now, kind=kind)
    change.state = ChangeState.APPROVED
    bar = bar_for(change, Standing(), user=release_cast.operator, now=now)
    assert bar is not None
    plan = next(one for one in bar.choices if one.label == "Plan the start")
    assert [blocker.code for blocker in plan.blockers] == (["manual"] if by_hand else [])


def test_a_failure_by_hand_is_told_once_and_the_release_says_when_it_failed(
    light: RegisteredModel, retail: BusinessUnit, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    place = make.production(retail, now=now, name="branch-server", connector="manual")
    change, reader = started(light, place, release_cast, now), as_person(release_cast.owner)
    assert '<span class="note">Started by Omar Celik</span>' in text_of(reader, change.get_absolute_url())
    execution = Execution.objects.get(change=change)
    services.execution_confirm(
        execution=execution,
        succeeded=False,
        note="The disk is full; nothing was copied.",
        by=release_cast.operator,
        now=timezone.now(),
    )
    page = text_of(reader, change.get_absolute_url())
    assert "nothing was copied.. " not in page
    assert "nothing was copied. Started by Omar Celik" in page
    assert re.search(r"<b>Release</b><small>Failed <time", page)
    assert "Planned for" not in page
