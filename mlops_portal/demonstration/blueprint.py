"""What a model of the portfolio is made of, as data. The catalogue holds one for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric: where it begins, what each version gains, and how far from the beginning the release limit lies."""

    name: str
    start: float
    gain: float
    margin: float
    suite: str = "performance"
    higher_is_better: bool = True

    @property
    def limit(self) -> float:
        """The release limit."""
        return round(self.start - self.margin if self.higher_is_better else self.start + self.margin, 4)

    def at(self, step: int, noise: float = 0.0) -> float:
        """Return the value of version number ``step``, counted from 0. Gains get smaller."""
        moved = self.gain * (1 - 0.82**step) / 0.18
        return round(self.start + (moved if self.higher_is_better else -moved) + noise, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A model: who it is for, what it does, how risky it is, where and how often it is released."""

    name: str
    title: str
    unit: str
    use_case: str
    does: str
    tier: int = 3
    kind: str = "analytical"
    algorithm: str = "gradient boosting"
    measures: tuple[Measure, ...] = ()
    segments: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    consumers: tuple[str, ...] = ()
    objective: str = ""
    objective_metric: str = ""
    baseline: float | None = None
    target: float | None = None
    benefit: str = ""
    regimes: tuple[str, ...] = ()
    ai_class: str = "minimal"
    decisions_per_day: int | None = None
    affects_people: bool = False
    places: tuple[str, ...] = ()
    began: int = 500  # days ago
    versions: int = 3
    rhythm: int = 90  # days between versions
    base_model: str = ""
    base_model_version: str = ""
    prompt: tuple[str, ...] = ()
    vendor: str = ""
    uses: tuple[str, ...] = ()  # units that use it too
    upstream: tuple[str, ...] = ()
    agent: Mapping[str, Any] = field(default_factory=dict)
    story: str = "usual"
    waits: str = ""  # the stage at which its newest request waits today, or `start`, `requester`, `draft`
    hours: float = 6  # since when it waits there
    worse: str = ""  # the segment that the newest version treats worse
    experiment: str = ""  # proof_of_concept or exploratory
    fails: str = ""  # why its second release is taken back within hours

    @property
    def incident(self) -> str:
        """The number, in the system of record for incidents, of what took its second release back."""
        return f"INC-{300 + sum(map(ord, self.name)) % 500}" if self.fails else ""

    @property
    def primary(self) -> Measure:
        """The measure that versions are compared by."""
        return self.measures[0]


def auc(start: float = 0.79, gain: float = 0.006, margin: float = 0.02) -> tuple[Measure, ...]:
    """Measures of a classifier."""
    return (
        Measure("AUC", start, gain, margin),
        Measure("Calibration error", 0.018, 0.0008, 0.006, "calibration", higher_is_better=False),
    )


def recall(start: float = 0.86, gain: float = 0.008, margin: float = 0.04) -> tuple[Measure, ...]:
    """Measures of a detector."""
    return (
        Measure("Recall", start, gain, margin),
        Measure("False alarms per day", 14.0, 0.6, 6.0, "operations", higher_is_better=False),
    )


def error(name: str, start: float, gain: float, margin: float) -> tuple[Measure, ...]:
    """Measures of a forecast: an error that falls."""
    return (Measure(name, start, gain, margin, higher_is_better=False),)


def language(name: str = "Task success", start: float = 0.88) -> tuple[Measure, ...]:
    """Measures of a language model, with the suites that the policy asks for."""
    return (
        Measure(name, start, 0.008, 0.04),
        Measure("Grounded answers", 0.952, 0.004, 0.03, "groundedness"),
        Measure("Refusals of unsafe requests", 0.985, 0.001, 0.02, "safety"),
        Measure("Injections withstood", 0.961, 0.003, 0.03, "prompt_injection"),
        Measure("Toxic answers", 0.0021, 0.0002, 0.003, "toxicity", higher_is_better=False),
    )
