"""Small Markdown: headings, tables, the line that says where a file comes from."""

from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by `manage.py docs`. Change the code it names, not this file. -->"


def cell(value: object) -> str:
    """Return a text that stays in its cell."""
    return " ".join(str(value).replace("|", "\\|").split())


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


def page(title: str, *parts: str) -> str:
    """Return a whole file."""
    return "\n\n".join([f"# {title}", GENERATED, *parts]) + "\n"
