"""The search grammar: ``name LIKE 'churn%' AND tags.team = 'risk'`` becomes conditions, nothing of it becomes SQL text.

Only AND joins comparisons. How a condition reaches a column is `conditions`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from integrations.mlflow.errors import invalid

FILTER_MAX = 20_000
CONDITIONS_MAX = 50
LIST_MAX = 1_000
VERSION_LIMIT = 2**31

TEXT_COMPARATORS = ("=", "!=", "LIKE", "ILIKE")
LIST_COMPARATORS = ("IN", "NOT IN")
NUMBER_COMPARATORS = ("=", "!=", ">", ">=", "<", "<=")

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<path>[^\W\d]\w*\s*\.\s*(?:`[^`]*`|"[^"]*"|[\w]+(?:\.\w+)*))
  | (?P<string>'(?:[^']|'')*'|"[^"]*")
  | (?P<backtick>`[^`]*`)
  | (?P<number>-?\d+(?:\.\d+)?(?!\w))
  | (?P<word>[^\W\d]\w*)
  | (?P<operator>!=|<>|>=|<=|==|=|<|>|!)
  | (?P<mark>[(),;])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_RESERVED = frozenset(("AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE", "LIKE", "ILIKE"))
_ORDER = re.compile(r"\s*(?:`(?P<ticked>[^`]*)`|(?P<plain>[\w.]+))(?:\s+(?P<direction>\w+))?\s*")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a filter, with its kind."""

    kind: str
    text: str

    def says(self, *words: str) -> bool:
        """Tell whether this is one of the words, whatever its case."""
        return self.kind in ("word", "operator", "mark") and self.text.upper() in words


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. ``key`` is an attribute, or with ``is_tag`` the key of a tag."""

    key: str
    comparator: str
    value: str | int | tuple[str, ...]
    is_tag: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One item of an ordering."""

    key: str
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be searched and ordered by in one of the two searches."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    lists: tuple[str, ...]
    orders: tuple[str, ...]
    order_names: dict[str, str]
    default_order: tuple[Order, ...]
    tie_break: tuple[Order, ...]
    unknown_order: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute a filter may name."""
        return (*self.texts, *self.numbers)


MODELS = Grammar(
    texts=("name",),
    numbers=(),
    lists=("name",),
    orders=("name", "timestamp", "last_updated_timestamp"),
    order_names={"timestamp": "last_updated_timestamp"},
    default_order=(Order("name"),),
    tie_break=(Order("name"),),
    unknown_order="Invalid order by key '{key}' specified. Valid keys are {keys}",
)
VERSIONS = Grammar(
    texts=("name", "run_id", "source_path"),
    numbers=("version_number",),
    lists=("name", "run_id"),
    orders=("name", "version_number", "creation_timestamp", "last_updated_timestamp"),
    order_names={},
    default_order=(
        Order("last_updated_timestamp", ascending=False),
        Order("name"),
        Order("version_number", ascending=False),
    ),
    tie_break=(Order("name"), Order("version_number", ascending=False)),
    unknown_order="Invalid attribute key '{key}' specified. Valid keys are {keys}",
)


def parse_filter(text: str | None, grammar: Grammar) -> tuple[Condition, ...]:
    """Read a filter.

    Raises:
        ProtocolError: the filter, or a part of it that the message names, is not in the grammar.
    """
    if not text or not text.strip():
        return ()
    if len(text) > FILTER_MAX:
        raise invalid(f"'filter' exceeds the maximum length of {FILTER_MAX} characters")
    clauses = _clauses(_tokens(text), text)
    if len(clauses) > CONDITIONS_MAX:
        raise invalid(f"The filter has more than {CONDITIONS_MAX} comparisons.")
    return tuple(_condition(clause, grammar) for clause in clauses)


def parse_order(items: Sequence[str], grammar: Grammar) -> tuple[Order, ...]:
    """Read the items of an ordering and make it total with the tie-break.

    Raises:
        ProtocolError: an item is unknown, malformed or named twice.
    """
    orders = [_order(item, grammar) for item in items]
    keys = [order.key for order in orders]
    if len(set(keys)) != len(keys):
        raise invalid(f"`order_by` contains duplicate fields: {list(items)}")
    if not orders:
        return grammar.default_order
    return (*orders, *(order for order in grammar.tie_break if order.key not in keys))


def _tokens(text: str) -> list[Token]:
    return [
        Token(match.lastgroup or "other", match.group())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    ]


def _clauses(tokens: list[Token], text: str) -> list[list[Token]]:
    """Split at AND."""
    if any(token.says(";") for token in tokens):
        raise invalid(
            f"Search filter contained multiple expression {text!r}. Provide AND-ed expression list."
        )
    clauses: list[list[Token]] = [[]]
    for token in tokens:
        if token.says("AND"):
            clauses.append([])
        else:
            clauses[-1].append(token)
    if not all(clauses):
        raise invalid("Invalid clause(s) in filter string: AND")
    return clauses


def _bad_clause(clause: Sequence[Token]) -> Exception:
    return invalid("Invalid clause(s) in filter string: " + ", ".join(token.text for token in clause))


def _condition(clause: list[Token], grammar: Grammar) -> Condition:
    if len(clause) < 3 or not _is_identifier(clause[0]):
        raise _bad_clause(clause)
    comparator, rest = _comparator(clause)
    if len(rest) == 1 and rest[0].kind == "word" and rest[0].text.upper() in _RESERVED:
        raise _bad_clause(clause)
    key, is_tag = _identifier(clause[0], grammar)
    if comparator in LIST_COMPARATORS:
        value: str | int | tuple[str, ...] = _list(clause, rest, key, is_tag, grammar)
    elif len(rest) == 1:
        value = _scalar(clause, rest[0], key, is_tag, grammar)
    else:
        raise _bad_clause(clause)
    _check_comparator(comparator, key, is_tag, grammar)
    return Condition(key, comparator, value, is_tag)


def _is_identifier(token: Token) -> bool:
    return token.kind in ("path", "backtick", "string") or (
        token.kind == "word" and token.text.upper() not in _RESERVED
    )


def _comparator(clause: list[Token]) -> tuple[str, list[Token]]:
    second, third = clause[1], clause[2]
    if second.says("NOT") and third.says("IN"):
        return "NOT IN", clause[3:]
    if second.says("IN", "LIKE", "ILIKE") or second.kind == "operator":
        return second.text.upper(), clause[2:]
    raise _bad_clause(clause)


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "`'\"":
        return text[1:-1]
    return text


def _identifier(token: Token, grammar: Grammar) -> tuple[str, bool]:
    entity, _, rest = token.text.partition(".") if token.kind == "path" else ("attribute", ".", token.text)
    entity, key = entity.strip(), _unquote(rest.strip())
    if entity in ("tag", "tags"):
        return key, True
    if entity != "attribute":
        raise invalid(f"Invalid entity type '{entity}'. Valid entity types are ('attribute', 'tag', 'tags')")
    if key not in grammar.attributes:
        raise invalid(
            f"Invalid attribute key '{key}' specified. Valid keys are {set_words(grammar.attributes)}"
        )
    return key, False


def set_words(words: Sequence[str]) -> str:
    """Write a set of words in one order."""
    return "'{" + ", ".join(repr(word) for word in words) + "}'"


def _scalar(clause: list[Token], token: Token, key: str, is_tag: bool, grammar: Grammar) -> str | int:
    if not is_tag and key in grammar.numbers:
        return _number(token, key)
    if token.kind == "string":
        return token.text[1:-1].replace("''", "'") if token.text[0] == "'" else token.text[1:-1]
    if token.kind == "number":
        if is_tag or not grammar.numbers:
            subject = "tag (e.g. 'my-value')" if is_tag else "attributes"
            raise invalid(f"Expected a quoted string value for {subject}. Got value {token.text}")
        raise invalid(
            f"Only the {set_words(grammar.numbers)} attributes support comparison with numeric values."
        )
    if token.kind not in ("word", "path", "backtick"):
        raise _bad_clause(clause)
    raise invalid(
        "Parameter value is either not quoted or unidentified quote types used for string value "
        f"{token.text}. Use either single or double quotes."
    )


def _number(token: Token, key: str) -> int:
    text = _unquote(token.text)
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise invalid(f"Expected an integer value for attribute {key}. Got value {token.text[:100]}")
    return max(-VERSION_LIMIT, min(int(text), VERSION_LIMIT))


def _list(
    clause: list[Token], rest: list[Token], key: str, is_tag: bool, grammar: Grammar
) -> tuple[str, ...]:
    if len(rest) < 2 or not rest[0].says("(") or not rest[-1].says(")"):
        raise _bad_clause(clause)
    if is_tag or key not in grammar.lists:
        raise invalid(
            f"Only {list(grammar.lists)} attributes support comparison with a list of quoted string values."
        )
    items, marks = rest[1:-1:2], rest[2:-1:2]
    if not items:
        raise invalid(
            "While parsing a list in the query, expected a non-empty list of string values, but got empty list"
        )
    if any(item.kind == "mark" for item in items) or not all(mark.says(",") for mark in marks):
        raise invalid(
            "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list."
        )
    if any(item.kind != "string" for item in items):
        shown = ", ".join(item.text for item in items[:20])
        raise invalid(
            "While parsing a list in the query, expected string value, punctuation, or whitespace, "
            f"but got different type in list: ({shown})"
        )
    if len(items) > LIST_MAX:
        raise invalid(f"A list in the query has more than {LIST_MAX} values.")
    return tuple(_unquote(item.text) for item in items)


def _check_comparator(comparator: str, key: str, is_tag: bool, grammar: Grammar) -> None:
    if is_tag:
        if comparator not in TEXT_COMPARATORS:
            raise invalid(f"Invalid comparator for tag: {comparator}")
    elif key in grammar.numbers:
        if comparator not in NUMBER_COMPARATORS:
            raise invalid(f"Invalid comparator for attribute {key}: {comparator}")
    elif comparator not in (*TEXT_COMPARATORS, *LIST_COMPARATORS):
        raise invalid(f"Invalid comparator for attribute: {comparator}")


def _order(item: str, grammar: Grammar) -> Order:
    match = _ORDER.fullmatch(item)
    if match is None:
        raise invalid(f"Invalid order_by clause '{item[:200]}'. Could not be parsed.")
    direction = (match["direction"] or "asc").lower()
    if direction not in ("asc", "desc"):
        raise invalid(f"Invalid ordering key in order_by clause '{item[:200]}'.")
    key = (match["ticked"] or match["plain"] or "").removeprefix("attribute.")
    if key not in grammar.orders:
        raise invalid(grammar.unknown_order.format(key=key, keys=set_words(grammar.orders)))
    return Order(grammar.order_names.get(key, key), direction == "asc")
