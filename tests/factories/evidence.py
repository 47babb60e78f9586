"""What stands around models and versions: evidence, ratings, limits, uses, tasks, labels; built through services."""

from datetime import timedelta
from typing import Any

import factory

from registry import services
from registry.models import (
    Alias,
    CustomField,
    Document,
    FeaturePipeline,
    MetricValue,
    ModelDependency,
    ModelTag,
    MonitoringPlan,
    RecordTask,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
)
from registry.questionnaire import load_questionnaire
from registry.states import TaskKind
from tests.factories.registry import ModelFactory, ThroughService, UnitFactory, VersionFactory

TEXT = "Twelve months of default for consumer loans, in words that are long enough to count."


def mildest_answers() -> dict[str, str]:
    """Answer each question with its first choice, as far as it is asked."""
    questionnaire = load_questionnaire()
    answers = {one.id: one.choices[0].value for one in questionnaire.questions}
    return {one.id: answers[one.id] for one in questionnaire.asked(answers)}


class MetricFactory(ThroughService):
    """One measured value of a version; ``segment`` makes it one of a group."""

    class Meta:
        model = MetricValue

    version = factory.SubFactory(VersionFactory)
    name = factory.Sequence(lambda number: f"metric-{number}")
    value = 0.8
    segment = ""

    @classmethod
    def call(cls, *, version: Any, by: Any, now: Any, **values: Any) -> MetricValue:
        """Record the value."""
        services.metrics_record(version=version, metrics=[values], by=by, now=now)
        return MetricValue.objects.get(version=version, name=values["name"], segment=values["segment"])


class DocumentFactory(ThroughService):
    """A document with one section in draft; ``version`` binds it to one."""

    class Meta:
        model = Document

    model = factory.SubFactory(ModelFactory)
    kind = "model_card"
    title = factory.Sequence(lambda number: f"Model card {number}")
    sections = ({"key": "purpose", "title": "Purpose", "text": TEXT},)

    @classmethod
    def call(cls, **values: Any) -> Document:
        """Save the document."""
        return services.document_save(**values)


class MonitoringPlanFactory(ThroughService):
    """The plan in force of a model."""

    class Meta:
        model = MonitoringPlan

    model = factory.SubFactory(ModelFactory)
    measures = (
        {
            "measure": "psi",
            "dimension": "drift",
            "cadence_hours": 24,
            "watch": 0.1,
            "act": 0.2,
            "route": "owner",
        },
    )

    @classmethod
    def call(cls, **values: Any) -> MonitoringPlan:
        """Save the plan."""
        return services.monitoring_plan_save(**values)


class ThresholdSetFactory(ThroughService):
    """Proposed limits; ``locked_by`` locks them as that person, a minute later."""

    class Meta:
        model = ThresholdSet

    model = factory.SubFactory(ModelFactory)
    limits = ({"code": "PERF-01", "metric": "auc", "direction": "min", "release": 0.78},)
    rationale = "Floor of the tier."
    locked_by = None

    @classmethod
    def call(cls, *, locked_by: Any, **values: Any) -> ThresholdSet:
        """Propose and, on wish, lock."""
        found = services.threshold_set_propose(**values)
        if locked_by is None:
            return found
        return services.threshold_set_lock(
            limits=found, by=locked_by, now=values["now"] + timedelta(minutes=1)
        )


class RatingFactory(ThroughService):
    """A proposed rating with the mildest answers; ``decided_by`` approves it as that person."""

    class Meta:
        model = RiskAssessment

    model = factory.SubFactory(ModelFactory)
    answers = factory.LazyFunction(mildest_answers)
    rationale = "As every year."
    proposed_by = None
    decided_by = None

    @classmethod
    def call(cls, *, decided_by: Any, **values: Any) -> RiskAssessment:
        """Propose and, on wish, approve."""
        found = services.rating_propose(**values)
        if decided_by is None:
            return found
        return services.rating_decide(
            rating=found, approve=True, note="Agreed.", by=decided_by, now=values["now"]
        )


class UnitUseFactory(ThroughService):
    """A use that another unit asked for; ``by`` is the person who asks."""

    class Meta:
        model = UnitUse

    model = factory.SubFactory(ModelFactory)
    using_unit = factory.SubFactory(UnitFactory)
    purpose = "Rating"

    @classmethod
    def call(cls, **values: Any) -> UnitUse:
        """Ask for the use."""
        return services.use_request(**values)


class DependencyFactory(ThroughService):
    """A model that reads another one's output."""

    class Meta:
        model = ModelDependency

    model = factory.SubFactory(ModelFactory)
    upstream = factory.SubFactory(ModelFactory)

    @classmethod
    def call(cls, **values: Any) -> ModelDependency:
        """Add the dependency."""
        return services.dependency_add(**values)


class PipelineFactory(ThroughService):
    """A feature pipeline."""

    class Meta:
        model = FeaturePipeline

    unit = factory.SubFactory(UnitFactory)
    name = factory.Sequence(lambda number: f"features-{number}")

    @classmethod
    def call(cls, **values: Any) -> FeaturePipeline:
        """Register the pipeline."""
        return services.pipeline_register(**values)


class AliasFactory(ThroughService):
    """A name that points to a version."""

    class Meta:
        model = Alias

    version = factory.SubFactory(VersionFactory)
    name = "candidate"

    @classmethod
    def call(cls, *, version: Any, **values: Any) -> Alias:
        """Point the alias."""
        return services.alias_set(model=version.model, version=version, **values)


class ModelTagFactory(ThroughService):
    """A free label of a model."""

    class Meta:
        model = ModelTag

    model = factory.SubFactory(ModelFactory)
    key = factory.Sequence(lambda number: f"label-{number}")
    value = "one"

    @classmethod
    def call(cls, **values: Any) -> ModelTag:
        """Set the label."""
        return services.model_tag_set(**values)


class CustomFieldFactory(ThroughService):
    """A field that an administrator declared; a choice between red and blue."""

    class Meta:
        model = CustomField

    unit = factory.SubFactory(UnitFactory)
    label = factory.Sequence(lambda number: f"Field {number}")
    type = "choice"
    choices = factory.LazyFunction(lambda: ["red", "blue"])

    @classmethod
    def call(cls, **values: Any) -> CustomField:
        """Declare the field."""
        return services.custom_field_save(**values)


class RecordTaskFactory(ThroughService):
    """An open duty on a record."""

    class Meta:
        model = RecordTask

    model = factory.SubFactory(ModelFactory)
    kind = TaskKind.values[-1]
    text = "Something is missing."

    @classmethod
    def call(cls, **values: Any) -> RecordTask:
        """Open the task."""
        return services.task_open(**values)
