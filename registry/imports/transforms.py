"""Small steps from the text of a cell to the value of a field. Each says why when a text does not fit."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

Transform = Callable[[Any], Any]

YES = frozenset({"yes", "y", "true", "1", "x", "ja"})
NO = frozenset({"no", "n", "false", "0", "nee"})
EXAMPLE = datetime(2026, 11, 17)  # noqa: DTZ001 - only shows how a form reads
DATE_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y")
SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


class Unfit(ValueError):
    """The text has no value of the wanted kind; ``reason`` is the same for every text that fails alike."""

    def __init__(self, reason: str, *, text: Any = None) -> None:
        self.reason, self.text = reason, "" if text is None else short(str(text))
        super().__init__(f"“{self.text}” {reason}" if self.text else reason)


def fold(text: str) -> str:
    """Return the form in which texts are compared: blanks collapsed, case ignored."""
    return " ".join(text.split()).casefold()


def compile_transform(given: Any) -> Transform:
    """Turn one item of a mapping's ``transforms`` into a function; raises ValueError with the reason."""
    if isinstance(given, str) and given in _PLAIN:
        return _PLAIN[given]
    if isinstance(given, dict) and len(given) == 1:
        name, options = next(iter(given.items()))
        if name in _WITH_OPTIONS:
            return _WITH_OPTIONS[name](options)
    raise ValueError(f"one of {', '.join((*_PLAIN, *_WITH_OPTIONS))} is needed")


def to_boolean(text: str, yes: frozenset[str] = YES, no: frozenset[str] = NO) -> bool:
    """Read a yes or no."""
    word = fold(text)
    if word in yes:
        return True
    if word in no:
        return False
    raise Unfit("is neither yes nor no", text=text)


def to_date(text: str, formats: tuple[str, ...] = DATE_FORMATS) -> date:
    """Read a date in one of the formats; a lone year or month is not a date.

    Slashes leave open which number is the day: without a format for them a date is read only where no month fits both.
    """
    for form in formats:
        try:
            found = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
        if found.year < 1900:
            raise Unfit("lies before 1900", text=text)
        return found.date()
    if formats == DATE_FORMATS and (slashed := SLASHED.fullmatch(text.strip())):
        return _slashed(*map(int, slashed.groups()), text=text)
    days = [form for form in formats if "%H" not in form] or formats
    shown = " or ".join(EXAMPLE.strftime(form) for form in days)
    raise Unfit(f"is no date such as {shown}", text=text)


def _slashed(first: int, second: int, year: int, *, text: str) -> date:
    day, month = max(first, second), min(first, second)
    if day <= 12 and day != month:
        raise Unfit("can be two days, with slashes; write 2026-11-17 or 17.11.2026", text=text)
    try:
        return to_date(f"{year}-{month}-{day}")
    except Unfit as unfit:
        raise Unfit(unfit.reason, text=text) from None


def _values(options: Any) -> Transform:
    if not isinstance(options, dict) or not options:
        raise ValueError("values: an object of text: value is needed")
    known = {fold(str(text)): value for text, value in options.items()}

    def pick(text: Any) -> Any:
        try:
            return known[fold(str(text))]
        except KeyError:
            raise Unfit("is not in the mapping's list of values", text=text) from None

    return pick


def _dates(options: Any) -> Transform:
    formats = _texts(options, "dates")
    for form in formats:
        try:
            datetime(2001, 2, 3).strftime(form)  # noqa: DTZ001 - only asks whether the format is one
        except ValueError as error:
            raise ValueError(f"dates: {form} is no date format") from error
    return lambda text: to_date(str(text), formats)


def _booleans(options: Any) -> Transform:
    if not isinstance(options, dict) or set(options) - {"yes", "no"}:
        raise ValueError("booleans: an object with yes and no, each a list of words, is needed")
    words = {
        name: frozenset(fold(word) for word in _texts(options.get(name, []), name)) for name in ("yes", "no")
    }
    return lambda text: to_boolean(str(text), words["yes"], words["no"])


def _split(options: Any) -> Transform:
    if not isinstance(options, str) or not options:
        raise ValueError("split: the text between two parts is needed")

    def parts(text: Any) -> list[str]:
        """Split; a JSON array, which forms and registers write into cells, is taken as it is."""
        plain = str(text).strip()
        if plain.startswith("["):
            try:
                return [str(part).strip() for part in json.loads(plain) if str(part).strip()]
            except (ValueError, RecursionError):
                return [plain]
        return [part.strip() for part in plain.split(options) if part.strip()]

    return parts


def _cut(options: Any) -> Transform:
    if not isinstance(options, int) or isinstance(options, bool) or options < 2:
        raise ValueError("cut: a number of characters from 2 is needed")
    return lambda text: text if len(str(text)) <= options else str(text)[: options - 1].rstrip() + "…"


def _replace(options: Any) -> Transform:
    if not isinstance(options, dict) or not all(
        isinstance(text, str) for pair in options.items() for text in pair
    ):
        raise ValueError("replace: an object of text: text is needed")
    pairs: Mapping[str, str] = dict(options)

    def replaced(text: Any) -> str:
        for old, new in pairs.items():
            text = str(text).replace(old, new)
        return text

    return replaced


def _texts(given: Any, name: str) -> tuple[str, ...]:
    if isinstance(given, list) and given and all(isinstance(text, str) for text in given):
        return tuple(given)
    raise ValueError(f"{name}: a list of texts is needed")


def short(text: str) -> str:
    """Return a text on one line, cut so that a message stays readable."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 60 else f"{plain[:59]}…"


_PLAIN: dict[str, Transform] = {
    "strip": lambda text: str(text).strip(),
    "collapse": lambda text: " ".join(str(text).split()),
    "lower": lambda text: str(text).lower(),
    "upper": lambda text: str(text).upper(),
}
_WITH_OPTIONS: dict[str, Callable[[Any], Transform]] = {
    "values": _values,
    "dates": _dates,
    "booleans": _booleans,
    "split": _split,
    "cut": _cut,
    "replace": _replace,
}
