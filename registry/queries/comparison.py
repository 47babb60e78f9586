"""Two versions side by side: everything that differs, and the metrics of both whether they differ or not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from mlops_portal.foundation.web.words import SideBySide, side_by_side
from registry.models import (
    Document,
    DocumentSection,
    MetricValue,
    ModelVersion,
    VersionDataset,
    VersionPipeline,
)

CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was, and what it is now; None means it does not exist there."""

    name: str
    was: Any
    now: Any


@dataclass(frozen=True, slots=True)
class MetricPair:
    """One metric of both versions; ``difference`` is None unless both have it."""

    name: str
    segment: str
    suite: str
    was: MetricValue | None
    now: MetricValue | None

    @property
    def difference(self) -> float | None:
        """Now minus was."""
        return None if self.was is None or self.now is None else self.now.value - self.was.value

    @property
    def written(self) -> SideBySide:
        """Both values and their difference as pages write them."""
        return side_by_side(self.was.value if self.was else None, self.now.value if self.now else None)


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a text difference: ``sign`` is '+', '-', ' ' or '…' for what was left out."""

    sign: str
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True, slots=True)
class TextDifference:
    """A text that changed, such as a prompt."""

    name: str
    lines: list[DiffLine]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs from ``was`` to ``now``."""

    was: ModelVersion
    now: ModelVersion
    facts: list[Difference] = field(default_factory=list)
    parameters: list[Difference] = field(default_factory=list)
    features: list[Difference] = field(default_factory=list)
    metrics: list[MetricPair] = field(default_factory=list)
    datasets: list[Difference] = field(default_factory=list)
    pipelines: list[Difference] = field(default_factory=list)
    documents: list[Difference] = field(default_factory=list)
    prompts: list[TextDifference] = field(default_factory=list)
    guardrails: list[Difference] = field(default_factory=list)

    @property
    def changes(self) -> int:
        """How many things differ, metrics left out."""
        parts = (
            self.facts, self.parameters, self.features, self.datasets, self.pipelines,
            self.documents, self.prompts, self.guardrails,
        )  # fmt: skip
        return sum(len(part) for part in parts)


def mapping_differences(was: dict[str, Any], now: dict[str, Any]) -> list[Difference]:
    """Return the keys whose values differ, by name."""
    keys = sorted(set(was) | set(now))
    return [Difference(key, was.get(key), now.get(key)) for key in keys if was.get(key) != now.get(key)]


def text_difference(was: str, now: str) -> list[DiffLine]:
    """Return a line difference with two lines of context."""
    before, after = was.splitlines(), now.splitlines()
    lines: list[DiffLine] = []
    for group in SequenceMatcher(a=before, b=after, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        first = group[0]
        lines.append(DiffLine("…", None, None, f"lines {first[3] + 1} to {group[-1][4]} of {len(after)}"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                pairs = zip(range(i1, i2), range(j1, j2), strict=True)
                lines += [DiffLine(" ", i + 1, j + 1, after[j]) for i, j in pairs]
                continue
            lines += [DiffLine("-", i + 1, None, before[i]) for i in range(i1, i2)]
            lines += [DiffLine("+", None, j + 1, after[j]) for j in range(j1, j2)]
    return lines


def _named(rows: Sequence[dict[str, Any]], value: str) -> dict[str, Any]:
    return {str(row.get("name", "")): row.get(value) for row in rows}


def _prompts(was: ModelVersion, now: ModelVersion) -> list[TextDifference]:
    old, new = _named(was.prompts, "text"), _named(now.prompts, "text")
    return [
        TextDifference(one.name, text_difference(str(one.was or ""), str(one.now or "")))
        for one in mapping_differences(old, new)
    ]


def _metrics(was: ModelVersion, now: ModelVersion) -> list[MetricPair]:
    values: dict[tuple[str, str, str], dict[int, MetricValue]] = {}
    for row in MetricValue.objects.filter(version__in=[was, now]).order_by("suite", "name", "segment", "pk"):
        values.setdefault((row.suite, row.name, row.segment), {})[row.version_id] = row
    return [
        MetricPair(name, segment, suite, found.get(was.pk), found.get(now.pk))
        for (suite, name, segment), found in sorted(
            values.items(), key=lambda item: (item[0][2] != "", item[0])
        )
    ]


def _links(rows: Iterable[Any], name: str, was: ModelVersion, now: ModelVersion) -> list[Difference]:
    sides: dict[int, dict[str, Any]] = {was.pk: {}, now.pk: {}}
    for row in rows:
        linked = getattr(row, name)
        role = f" ({row.get_role_display().lower()})" if hasattr(row, "role") else ""
        sides[row.version_id][f"{linked.name}{role}"] = getattr(linked, "label", "") or str(linked)
    return mapping_differences(sides[was.pk], sides[now.pk])


def _documents(was: ModelVersion, now: ModelVersion) -> list[Difference]:
    sides: dict[int | None, dict[str, Any]] = {was.pk: {}, now.pk: {}}
    documents = Document.objects.filter(version__in=[was, now]).order_by("pk")
    titles = {document.pk: document for document in documents}
    for section in DocumentSection.objects.filter(document__in=titles).order_by("pk"):
        document = titles[section.document_id]
        key = f"{document.get_kind_display()}: {section.title}"
        sides[document.version_id][key] = f"{section.get_status_display()}, {len(section.text.split())} words"
    for document in titles.values():
        sides[document.version_id].setdefault(document.get_kind_display(), f"edition {document.edition}")
    return mapping_differences(sides[was.pk], sides[now.pk])


FACTS = (
    ("Artifact", "artifact_sha256"), ("Source", "source"), ("Commit", "commit"), ("Base model", "base_model"),
    ("Input schema", "input_schema"), ("Training started", "training_started_at"), ("Run", "run_id"),
)  # fmt: skip


def compare_versions(was: ModelVersion, now: ModelVersion) -> Comparison:
    """Compare two versions in six statements, however much they hold."""
    facts = [Difference(label, getattr(was, name), getattr(now, name)) for label, name in FACTS]
    features = mapping_differences(
        {str(one): "present" for one in was.features}, {str(one): "present" for one in now.features}
    )
    both = {"version__in": [was, now]}
    datasets = VersionDataset.objects.filter(**both).select_related("dataset").order_by("pk")
    pipelines = VersionPipeline.objects.filter(**both).select_related("pipeline").order_by("pk")
    return Comparison(
        was=was,
        now=now,
        facts=[one for one in facts if one.was != one.now],
        parameters=mapping_differences(was.parameters, now.parameters),
        features=features,
        metrics=_metrics(was, now),
        datasets=_links(datasets, "dataset", was, now),
        pipelines=_links(pipelines, "pipeline", was, now),
        documents=_documents(was, now),
        prompts=_prompts(was, now),
        guardrails=mapping_differences(_named(was.guardrails, "setting"), _named(now.guardrails, "setting")),
    )
