"""Models, versions and what stands around them, built through the registry's services by the portal itself."""

from datetime import UTC, datetime
from typing import Any

import factory

from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.services.units import unit_create
from registry import services
from registry.models import (
    Component,
    Consumer,
    Dataset,
    Deployment,
    Environment,
    ModelVersion,
    RegisteredModel,
)

NOW = datetime(2026, 11, 17, 9, 40, tzinfo=UTC)


class ThroughService(factory.Factory):
    """Builds a record by its service: each factory names it in ``call``, and the declared values are its arguments."""

    class Meta:
        abstract = True

    by = None
    now = NOW

    @classmethod
    def call(cls, **values: Any) -> Any:
        """Call the service."""
        raise NotImplementedError

    @classmethod
    def _create(cls, model_class: type, *args: Any, **kwargs: Any) -> Any:
        return cls.call(**kwargs)


class UnitFactory(ThroughService):
    """A unit on the first level."""

    class Meta:
        model = BusinessUnit

    code = factory.Sequence(lambda number: f"unit-{number}")
    name = factory.Sequence(lambda number: f"Unit {number}")

    @classmethod
    def call(cls, **values: Any) -> BusinessUnit:
        """Create the unit."""
        return unit_create(**values)


class ModelFactory(ThroughService):
    """A registered model. ``generative`` and ``agent`` set the kind, ``experiment`` declares a proof of concept."""

    class Meta:
        model = RegisteredModel

    class Params:
        generative = factory.Trait(kind="generative")
        agent = factory.Trait(kind="agent")
        experiment = factory.Trait(is_proof_of_concept=True)

    unit = factory.SubFactory(UnitFactory)
    name = factory.Sequence(lambda number: f"model-{number}")

    @classmethod
    def call(cls, **values: Any) -> RegisteredModel:
        """Register the model."""
        return services.model_register(**values)


class VersionFactory(ThroughService):
    """The next version of a model. ``identified`` records an artifact digest."""

    class Meta:
        model = ModelVersion

    class Params:
        identified = factory.Trait(artifact_sha256=factory.Sequence(lambda number: f"{number:064x}"))

    model = factory.SubFactory(ModelFactory)
    source = factory.Sequence(lambda number: f"s3://models/{number}")

    @classmethod
    def call(cls, **values: Any) -> ModelVersion:
        """Register the version."""
        return services.version_register(**values)


class ComponentFactory(ThroughService):
    """A further part of a model."""

    class Meta:
        model = Component

    model = factory.SubFactory(ModelFactory)
    name = factory.Sequence(lambda number: f"Part {number}")

    @classmethod
    def call(cls, **values: Any) -> Component:
        """Add the component."""
        return services.component_add(**values)


class ConsumerFactory(ThroughService):
    """An application that uses a model."""

    class Meta:
        model = Consumer

    model = factory.SubFactory(ModelFactory)
    name = factory.Sequence(lambda number: f"Application {number}")

    @classmethod
    def call(cls, **values: Any) -> Consumer:
        """Add the consumer."""
        return services.consumer_add(**values)


class DatasetFactory(ThroughService):
    """A data set with a digest of its own."""

    class Meta:
        model = Dataset

    unit = factory.SubFactory(UnitFactory)
    name = factory.Sequence(lambda number: f"data-{number}")
    digest = factory.Sequence(lambda number: f"{number:064x}")

    @classmethod
    def call(cls, **values: Any) -> Dataset:
        """Register the data set."""
        return services.dataset_register(**values)


class EnvironmentFactory(ThroughService):
    """A test environment; ``production`` makes it one that is governed."""

    class Meta:
        model = Environment

    class Params:
        production = factory.Trait(is_production=True)

    unit = factory.SubFactory(UnitFactory)
    name = factory.Sequence(lambda number: f"environment-{number}")
    provider = "aws"
    region = "eu-central-1"

    @classmethod
    def call(cls, **values: Any) -> Environment:
        """Create the environment."""
        return services.environment_create(**values)


class DeploymentFactory(ThroughService):
    """A deployment in progress; ``live`` finishes it. In production the apps above are asked, as ever."""

    class Meta:
        model = Deployment

    class Params:
        live = factory.Trait(finish=True)

    version = factory.SubFactory(VersionFactory)
    environment = factory.SubFactory(EnvironmentFactory)
    finish = False

    @classmethod
    def call(cls, *, finish: bool, **values: Any) -> Deployment:
        """Start the deployment and, on wish, finish it."""
        deployment = services.deployment_start(**values)
        if finish:
            deployment = services.deployment_finish(deployment=deployment, by=values["by"], now=values["now"])
        return deployment
