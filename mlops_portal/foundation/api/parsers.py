"""Bodies of requests: JSON in UTF-8, of bounded size and depth."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from mlops_portal.foundation.errors import TooLarge

MEGABYTE = 1024 * 1024
HALF = b"\\ud"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is given twice: which of the values was meant, nobody can say."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"“{name[:80]}” is given twice")
        found[name] = value
    return found


class JsonParser(BaseParser):
    """Reads JSON; whatever is not JSON is an error of the caller, however it is broken."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.

        Raises:
            TooLarge: it exceeds the bound of request bodies.
            ParseError: it is not JSON in UTF-8, or nested beyond reason.
        """
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        content = stream.read(most + 1)
        if len(content) > most:
            raise TooLarge(f"The body is larger than {most // MEGABYTE} MB.")
        try:
            found = json.loads(
                content.decode("utf-8"),
                parse_constant=_refuse_constant,
                object_pairs_hook=_without_repetition,
            )
            if HALF in content.lower():  # an escape may be half of a character, which no answer could repeat
                json.dumps(found, ensure_ascii=False).encode()
            return found
        except RecursionError:
            raise ParseError("The JSON is nested too deep.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON in UTF-8: {error}") from error
