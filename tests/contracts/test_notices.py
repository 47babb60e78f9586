"""Which acts tell whom, walked over the tables themselves and over what a played portfolio wrote from them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from mlops_portal.demonstration.build import build
from mlops_portal.foundation import events, operations
from mlops_portal.foundation.people import rights
from mlops_portal.foundation.web import notices
from mlops_portal.foundation.web.models import Notification

# Verbs that tell nobody, each with the reason.
BY_THE_HUNDRED = "pipelines write it by the hundred; the lists show it"
ON_ITS_PAGE = "one's own work, read on the page of the record"
BY_ITS_SERVICE = "the service tells it by itself, in words that fit several records or a secret"
FOLLOWED = "another verb of the same act tells it"
NO_READER = "nobody is expected to do anything"
SILENT = {
    "approvals.challenge_accepted": ON_ITS_PAGE,
    "approvals.change_drafted": ON_ITS_PAGE,
    "approvals.decision_refused": "evidence for the ledger",
    "approvals.decisions_voided": FOLLOWED,
    "approvals.execution_result_refused": "evidence for the ledger",
    "approvals.execution_step_taken": "its start and its end are told",
    "approvals.materiality_confirmed": ON_ITS_PAGE,
    "approvals.policy_drafted": "policies belong to no unit; their page shows the draft",
    "approvals.policy_published": "what it changes for a request is told by that request",
    "approvals.signing_failed": "evidence for the ledger",
    "approvals.stage_assigned": BY_ITS_SERVICE,
    "audits.accesses_recorded": "evidence for the ledger",
    "audits.export_downloaded": ON_ITS_PAGE,
    "audits.export_started": ON_ITS_PAGE,
    "audits.ledger_verified": "its page shows the outcome",
    "audits.payloads_purged": NO_READER,
    "audits.rows_written_together": BY_THE_HUNDRED,
    "audits.signing_key_added": NO_READER,
    "audits.signing_key_rotated": NO_READER,
    "kpis.snapshots_frozen": ON_ITS_PAGE,
    "kpis.snapshots_taken": NO_READER,
    "people.access_asked": BY_ITS_SERVICE,
    "people.access_declined": BY_ITS_SERVICE,
    "people.access_granted": BY_ITS_SERVICE,
    "people.authenticator_added": BY_ITS_SERVICE,
    "people.authenticator_removed": BY_ITS_SERVICE,
    "people.password_set": BY_ITS_SERVICE,
    "people.person_deactivated": "the person reads nothing any more",
    "people.person_invited": "whoever makes the link gives it to the person",
    "people.recovery_codes_made": BY_ITS_SERVICE,
    "registry.adoption_changed": "computed, shown with its reason",
    "registry.deployment_aborted": FOLLOWED,
    "registry.deployment_failed": FOLLOWED,
    "registry.deployment_finished": FOLLOWED,
    "registry.deployment_rolled_back": FOLLOWED,
    "registry.deployment_started": FOLLOWED,
    "registry.deployment_superseded": FOLLOWED,
    "registry.import_mapping_saved": ON_ITS_PAGE,
    "registry.lifecycle_changed": "follows what runs, which is told",
    "registry.task_closed": NO_READER,
}
RECORDS = (
    "alias alias_deleted alias_set artifact_checked artifact_identified component_changed consumer_added "
    "consumer_notified consumer_released dataset_described dataset_linked dataset_registered dependency_added "
    "dependency_removed deployments_recorded document_approved document_saved documents_attested environment_closed "
    "environment_created environment_updated field_changed metrics_recorded model_attested model_deleted "
    "model_registered model_renamed model_validated models_registered monitoring_plan_saved pipeline_linked "
    "pipeline_registered section_approved section_not_applicable section_saved tag_deleted tag_set version_deleted "
    "version_registered version_staged version_updated versions_registered"
)
SILENT |= {f"registry.{name}": BY_THE_HUNDRED for name in RECORDS.split()[1:]}
pytestmark = pytest.mark.django_db
TONES = {"info", "ok", "warn", "fail"}
RULES = notices.rules()


def test_every_verb_tells_somebody_or_says_why_not():
    known, telling = {verb.name for verb in events.verbs()}, {rule.verb for rule in RULES}
    shipped = {
        name for name in known if name.split(".")[0] in {"approvals", "audits", "kpis", "people", "registry"}
    }
    assert telling - known == set(), "a rule speaks of a verb that nobody emits"
    assert telling & SILENT.keys() == set()
    assert shipped - telling - SILENT.keys() == set(), "say in a table who is told, or here why nobody is"
    assert SILENT.keys() - known == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.verb}: {rule.to[0].name}")
def test_every_row_is_a_sentence_for_somebody(rule):
    names = {name for _, name, _, _ in Formatter().parse(rule.text) if name is not None}
    assert rule.to
    assert rule.tone in TONES
    assert rule.text[-1] in ".}", "a text ends as a sentence, or with words that end as one"
    assert "" not in names
    assert not rule.text.startswith(" ")


class Portfolio:
    """What a played portfolio told, and who did the act of each notice."""

    def __init__(self) -> None:
        self.verbs: set[str] = set()
        self.by_themselves: list[str] = []
        self.twice: list[str] = []

    def at_end_of_act(self, act: operations.Act) -> None:
        heard = list(act.buffer(notices.EVENTS))
        newest = Notification.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        notices.at_end_of_act(act)
        if not heard:
            return
        rows = list(Notification.objects.filter(pk__gt=newest))
        self.verbs |= {event.verb for event in heard}
        actors = {event.actor_id for event in heard if event.verb not in TELLS_ACTOR}
        self.by_themselves += [str(row) for row in rows if {str(row.person_id)} == actors]
        people = [row.person_id for row in rows]
        self.twice += [str(row) for row in rows if people.count(row.person_id) > 1]


TELLS_ACTOR = {rule.verb for rule in RULES if rule.tells_actor}
END = datetime(2026, 11, 17, 9, 40, tzinfo=UTC)


@pytest.fixture(scope="module")
def played(django_db_setup: None, django_db_blocker: Any) -> Iterator[Portfolio]:
    """Play a small portfolio and listen at the end of each act."""
    told = Portfolio()
    hooks = operations._flush_hooks
    place = hooks.index(notices.at_end_of_act)
    with django_db_blocker.unblock(), transaction.atomic():
        rights._tree.revision = -1
        hooks[place] = told.at_end_of_act
        try:
            told.world = build(models=12, seed=7, now=END, say=lambda text: None)
        finally:
            hooks[place] = notices.at_end_of_act
        yield told
        transaction.set_rollback(True)


def test_a_portfolio_tells_by_itself(played):
    wanted = {
        "approvals.change_submitted",
        "approvals.change_approved",
        "approvals.change_rejected",
        "approvals.decision_signed",
        "approvals.execution_finished",
        "registry.rating_proposed",
        "registry.task_opened",
        "registry.limits_locked",
    }
    assert wanted - played.verbs == set()


def test_nobody_is_told_what_they_did_themselves(played):
    assert played.by_themselves == []


def test_one_notice_for_one_person_for_one_act(played):
    assert played.twice == []


def test_what_came_long_ago_is_read_and_what_is_old_is_gone(played):
    rows = Notification.objects.all()
    assert not rows.filter(created_at__lt=END - timedelta(days=14), read_at__isnull=True).exists()
    assert not rows.filter(created_at__lt=END - timedelta(days=90), read_at__isnull=False).exists()
    assert rows.filter(read_at__isnull=True).values("person").distinct().count() >= 8


def test_every_link_opens_for_whoever_is_told(played):
    """Nobody gets 403 or 404, or a page of something else, on the link of a notice."""
    shut = []
    seen: set[tuple[int, str]] = set()
    for row in Notification.objects.exclude(link="").select_related("person").order_by("-pk"):
        kind = (row.person_id, "".join(letter for letter in row.link if not letter.isdigit()))
        if kind in seen:
            continue
        seen.add(kind)
        client = Client()
        client.force_login(row.person, backend="allauth.account.auth_backends.AuthenticationBackend")
        status = client.get(row.link).status_code
        if status != 200:
            shut.append(f"{status} {row.link} for {row.person}: {row}")
    assert len(seen) > 10
    assert shut == []
