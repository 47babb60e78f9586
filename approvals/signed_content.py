"""What a signature covers where it is no dossier: the parts, what each says, and its digest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mlops_portal.foundation import canonical


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One part: what the digest covers, and the same in words, line by line."""

    name: str
    title: str
    content: Any
    lines: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return the digest of the content under its name."""
        return canonical.digest({"part": self.name, "content": self.content})


def digests_of(parts: Iterable[SignedPart]) -> dict[str, str]:
    """Return the digest of each part."""
    return {part.name: part.digest for part in parts}


def digest_of(parts: Iterable[SignedPart]) -> str:
    """Return the one digest of them all."""
    return canonical.digest(digests_of(parts))
