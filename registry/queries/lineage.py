"""Models around a model, as far as a reader may see them: the others are counted, never named."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.words import plural
from registry.models import RegisteredModel

VIEW = "registry.view"


@dataclass(frozen=True, slots=True)
class Around:
    """Models that feed a model or read it. ``unseen`` are those in units that the reader does not see."""

    seen: list[RegisteredModel] = field(default_factory=list)
    unseen: int = 0

    def __len__(self) -> int:
        return len(self.seen) + self.unseen

    @property
    def unseen_words(self) -> str:
        """Count what is not named."""
        return f"{self.unseen} more" if self.seen else plural(self.unseen, "model")


def sees(user: Any, model: RegisteredModel) -> bool:
    """Tell whether a person sees a model; the portal itself (None) sees all."""
    if user is None:
        return True
    return rights_of(user).has(VIEW, unit_id=model.unit_id, model_id=model.pk)


def around(user: Any, models: Iterable[RegisteredModel]) -> Around:
    """Keep the models that ``user`` may see, by what people read, and count the others."""
    every = sorted(models, key=lambda model: (str(model).casefold(), model.pk))
    seen = [model for model in every if sees(user, model)]
    return Around(seen, len(every) - len(seen))
