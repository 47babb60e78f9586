"""Which acts tell whom, walked over the tables themselves. What they tell in a portfolio is in tests/unit/demonstration."""

import re
from string import Formatter

import pytest

from mlops_portal.foundation import events
from mlops_portal.foundation.people import rights
from mlops_portal.foundation.web import notices, settling
from mlops_portal.foundation.web.models import Notification

# Verbs that tell nobody, each with the reason.
BY_THE_HUNDRED = "pipelines write it by the hundred; the lists show it"
ON_ITS_PAGE = "one's own work, read on the page of the record"
BY_ITS_SERVICE = "the service tells it by itself, in words that fit several records or a secret"
FOLLOWED = "another verb of the same act tells it"
NO_READER = "nobody is expected to do anything"
SILENT = {
    "approvals.challenge_accepted": ON_ITS_PAGE,
    "approvals.validation_report_attached": ON_ITS_PAGE,
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
    "audits.export_files_written": FOLLOWED,
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


def test_whatever_is_asked_for_ends_by_some_act():
    asked, ended = {rule.asks for rule in RULES if rule.asks}, {row.ask for row in settling.endings()}
    assert {ask.name for ask in asked - ended} == set(), "say in the table by which verb it ends"
    told_by_services = {"people.decide_access"}
    assert {ask.name for ask in ended - asked} == told_by_services
    names = [ask.name for ask in asked | ended]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", settling.endings(), ids=lambda row: f"{row.verb}: {row.ask.name}")
def test_every_ending_says_in_words_what_became_of_it(row):
    assert row.verb in {verb.name for verb in events.verbs()}
    assert re.fullmatch(r"[A-Z][a-z :,]+[a-z]", row.outcome), (
        "it goes on with “by …” and “on …”, and names no record"
    )
    assert len(row.outcome) <= Notification._meta.get_field("outcome").max_length
    if row.ask.right:
        assert row.ask.right in {right.name for right in rights.declared()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.verb}: {rule.to[0].name}")
def test_every_row_is_a_sentence_for_somebody(rule):
    names = {name for _, name, _, _ in Formatter().parse(rule.text) if name is not None}
    assert rule.to
    assert rule.tone in TONES
    assert rule.text[-1] in ".}", "a text ends as a sentence, or with words that end as one"
    assert "" not in names
    assert not rule.text.startswith(" ")
