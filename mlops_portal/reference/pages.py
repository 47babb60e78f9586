"""The files of the generated reference, each from the code that it describes."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.management import get_commands, load_command_class
from drf_spectacular.renderers import OpenApiYamlRenderer

import integrations.mlflow.views  # noqa: F401  (fills the table of endpoints)
from approvals.facts import facts
from approvals.policy.document import (
    TIERS,
    Gate,
    PolicyDocument,
    StageRule,
    default_policy_text,
    parse_policy,
)
from approvals.states import MOVES, OWED_BY, states_diagram
from integrations.mlflow.endpoints import TABLE
from kpis import definitions
from mlops_portal.foundation import events
from mlops_portal.foundation.api.document import written
from mlops_portal.foundation.people import rights
from mlops_portal.foundation.people.roles import ROLES, TOXIC_PAIRS, Role
from mlops_portal.foundation.people.services.grants import ADMINISTRATOR
from mlops_portal.foundation.web import notices, settling
from mlops_portal.reference import settings_page
from mlops_portal.reference.markdown import page, table

OWN_APPS = ("mlops_portal", "registry", "approvals", "audits", "kpis", "integrations")


def _how_many_grant(role: Role) -> str:
    if role.name == ADMINISTRATOR:
        return "two people grant it once there are two, and two revoke it"
    return "two people grant it" if role.deciding else "one person grants it"


def roles() -> str:
    """Roles × rights, and what one person may not hold together."""
    heads = ["Right", "Meaning", *(role.label for role in ROLES.values())]
    rows = [
        (
            f"`{right.name}`",
            right.label,
            *("●" if right.name in role.rights else "" for role in ROLES.values()),
        )
        for right in rights.declared()
    ]
    named = [(role.label, role.description, _how_many_grant(role)) for role in ROLES.values()]
    pairs = sorted(" and ".join(sorted(ROLES[name].label for name in pair)) for pair in TOXIC_PAIRS)
    return page(
        "Roles and rights",
        "A grant covers a business unit with everything below it, or by exception one model.",
        table(("Role", "What it is for", "Granted"), named),
        "## Rights",
        table(heads, rows),
        "## Never together on overlapping units",
        "\n".join(f"- {pair}" for pair in pairs),
    )


def verbs() -> str:
    """Verbs of the ledger."""
    rows = [(f"`{verb.name}`", verb.label) for verb in events.verbs()]
    return page(
        "Events",
        "Acts that the ledger records beside every change of a row. Each name is registered by the app that emits it.",
        table(("Verb", "In words"), rows),
    )


def told() -> str:
    """Whom acts tell."""
    rows = [
        (
            f"`{rule.verb}`",
            ", ".join(receivers.name for receivers in rule.to),
            rule.text.replace("{by}", "*who*").replace("{", "*").replace("}", "*"),
            f"`{rule.asks.name}`" if rule.asks else "",
        )
        for rule in notices.rules()
    ]
    ends = [(f"`{row.verb}`", f"`{row.ask.name}`", row.outcome) for row in settling.endings()]
    return page(
        "Notices",
        "What comes under the bell, and to whom. Never told are whoever did it and whoever may not open the page it leads "
        "to. One act tells one person once: what is expected of them goes before what they should know, and of two rows "
        f"the first counts. A stage, a rating or a role that more than {notices.MOST} people could decide is told to whoever "
        "took it; it stands in the lists of the others. Bulk registration tells nobody, an import tells once. What was "
        "read or is settled is forgotten after 90 days. Words between asterisks are taken from the record.",
        table(("After", "Is told", "Text", "Expected of them"), rows),
        "## What settles them",
        "A notice that expects something settles when it is done or no longer stands, and says in these words what became "
        "of it, with who did it and when; whoever lost sight of the record reads “No longer needed”. What is asked again "
        "settles the earlier notice. An act that asks several things of somebody settles with the last of them.",
        table(("After", "Settles", "Words"), ends),
    )


def change_states() -> str:
    """The life of a change request."""
    rows = [
        (state.label, to.label, why, OWED_BY[to].label)
        for state, moves in MOVES.items()
        for to, why in moves.items()
    ]
    return page(
        "States of a change request",
        f"```mermaid\n{states_diagram()}```",
        table(("From", "To", "When", "Who then owes"), rows),
    )


def commands() -> str:
    """Commands of the portal's own apps."""
    own = {config.name for config in apps.get_app_configs() if config.name.split(".")[0] in OWN_APPS}
    parts = []
    for name, app in sorted(get_commands().items()):
        if app not in own:
            continue
        command: Any = load_command_class(str(app), name)
        parser = command.create_parser("manage.py", name)
        usual = (*command.base_stealth_options, "help", "version", "settings", "pythonpath", "verbosity")
        hidden = {*usual, "traceback", "no_color", "force_color", "skip_checks"}
        rows = [
            (
                f"`{', '.join(action.option_strings) or action.metavar or action.dest}`",
                (action.help or "") % {"default": action.default},
            )
            for action in parser._actions
            if action.dest not in hidden and type(action).__name__ != "_SubParsersAction"
        ]
        rows += _subcommands(parser)
        told = [f"## {name}", command.help.strip()]
        parts += [*told, table(("Argument", "Meaning"), rows)] if rows else told
    return page("Commands", "`manage.py COMMAND`; `--help` says the same.", *parts)


def _subcommands(parser: Any) -> list[tuple[str, str]]:
    return [
        (f"`{choice.dest}`", choice.help or "")
        for action in parser._actions
        if type(action).__name__ == "_SubParsersAction"
        for choice in action._choices_actions
    ]


def kpis() -> str:
    """Definitions of the KPIs."""
    parts = []
    for kpi in definitions.every():
        rows = [
            ("Unit", kpi.unit),
            ("Better is", kpi.direction),
            ("Formula", kpi.formula),
            ("Left out", "; ".join(kpi.exclusions)),
            ("Source", kpi.source),
            ("Version", kpi.version),
            ("Shown beside", ", ".join(definitions.get(name).label for name in kpi.beside) or "nothing"),
        ]
        rows += [
            (f"Limits, {f'tier {tier}' if tier else 'every tier'}", _scale(scale))
            for tier, scale in kpi.scales.items()
        ]
        parts += [f"## {kpi.label} (`{kpi.name}`)", kpi.sentence, table(("", ""), rows)]
    return page(
        "KPIs",
        "Formulas are code with a version. The limits are defaults; a dated target of two people overrides them.",
        *parts,
    )


def _scale(scale: Any) -> str:
    bands = ", ".join(f"{name} to {limit:g}" for name, limit in scale.steps)
    return f"{bands}, else {scale.otherwise}"


def policy() -> str:
    """The shipped policy."""
    document = parse_policy(default_policy_text(), facts=facts.types())
    return page(
        f"Policy {document.id}: {document.title}",
        document.purpose,
        "## Stages",
        table(
            (
                "Stage",
                "Role",
                "Meaning of the signature",
                "Kinds",
                "Tiers",
                "People",
                "Hours by tier",
                "Never",
            ),
            [_stage(stage) for stage in document.stages],
        ),
        "## Gates",
        table(
            (
                "Gate",
                "Title",
                "Control",
                "Kinds",
                "Tiers",
                "Environments",
                "Governance",
                "Fails",
                "Waived by",
            ),
            [_gate(gate) for gate in document.gates],
        ),
        "## Rules",
        *(f"### {gate.id} {gate.title}\n\n```cel\n{gate.rule.strip()}\n```" for gate in document.gates),
        "## Documents",
        _sections(document),
    )


def _stage(stage: StageRule) -> tuple[object, ...]:
    hours = ", ".join(f"{tier}: {hours}" for tier, hours in sorted(stage.sla_hours.items()))
    kinds, tiers = _list(stage.kinds), _list(stage.tiers)
    return (
        stage.title,
        stage.role,
        stage.meaning.label,
        kinds,
        tiers,
        stage.quorum,
        hours,
        _list(stage.exclusions),
    )


def _gate(gate: Gate) -> tuple[object, ...]:
    waiver = "never" if gate.waiver is None else gate.waiver.authority.replace("_", " ")
    scope = gate.scope
    where = (_list(scope.kinds), _list(scope.tiers), _list(scope.environments), _list(scope.governance))
    return (gate.id, gate.title, gate.control, *where, gate.severity.label.lower(), waiver)


def _sections(document: PolicyDocument) -> str:
    heads = ("Section", "Document", *(f"Tier {tier}" for tier in TIERS), "By law for")
    rows = [
        (
            one.title,
            one.kind.replace("_", " "),
            *("●" if tier in one.tiers else "" for tier in TIERS),
            _list(one.law),
        )
        for one in document.sections
    ]
    return table(heads, rows)


def _list(values: Any) -> str:
    return ", ".join(str(value).replace("_", " ") for value in sorted(values))


def mlflow() -> str:
    """Endpoints of the MLflow registry protocol."""
    rows = [
        (method, f"`/api/2.0/mlflow/{place}`", ", ".join(f"`{param.name}`" for param in endpoint.params))
        for place, methods in sorted(TABLE.items())
        for method, endpoint in sorted(methods.items())
    ]
    return page(
        "MLflow registry protocol",
        "Set `MLFLOW_REGISTRY_URI` to the portal's address and `MLFLOW_TRACKING_TOKEN` to a token of a service account.",
        table(("Method", "Path", "Parameters"), rows),
    )


def openapi() -> str:
    """The OpenAPI document of the REST API."""
    return written(OpenApiYamlRenderer).decode()


PAGES: dict[str, Callable[[], str]] = {
    "roles.md": roles,
    "events.md": verbs,
    "notices.md": told,
    "openapi.yaml": openapi,
    "change-states.md": change_states,
    "settings.md": settings_page.text,
    "commands.md": commands,
    "kpis.md": kpis,
    "policy.md": policy,
    "mlflow.md": mlflow,
}
