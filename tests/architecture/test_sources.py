"""What must hold for every source file and template, and no linter sees."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.urls import URLResolver, get_resolver

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["mlops_portal", "registry", "approvals", "monitoring", "audits", "kpis", "integrations"]
LAYERS = ["foundation", "registry", "approvals", "monitoring", "audits", "kpis", "integrations"]
RANK = {label: number for number, label in enumerate(LAYERS)}
ATTICS = {"utils.py", "helpers.py", "common.py", "misc.py"}
# The demonstration's world listens for queued tasks only to know when its worker has something to do.
MAY_CONNECT = ("mlops_portal/foundation/", "audits/", "integrations/", "mlops_portal/demonstration/world.py")


def sources(*folders):
    """Every Python file of ours, without migrations."""
    return [
        path
        for folder in folders or [*PACKAGES, "tests", "scripts", "benchmarks", "examples"]
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def templates():
    """Every template of ours."""
    return [path for folder in ["templates", *PACKAGES] for path in sorted((ROOT / folder).rglob("*.html"))]


def relative(path):
    return str(path.relative_to(ROOT))


def layer_of(path):
    """The app a file belongs to; None for the roof and for templates that all share."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "templates":
        parts = parts[1:]
    if parts[:2] == ("mlops_portal", "foundation"):
        return "foundation"
    return parts[0] if parts[0] in RANK else ("foundation" if path.suffix == ".html" else None)


def test_no_file_is_longer_than_six_hundred_lines():
    long = {relative(path): len(path.read_text().splitlines()) for path in [*sources(), *templates()]}
    assert {name: lines for name, lines in long.items() if lines > 600} == {}, "split it by noun"


def test_no_template_decides_the_digits_of_a_figure():
    """What was measured is written by `figure`, so that tables, tiles and gates show the same digits."""
    deciding = re.compile(r"\|floatformat|\|number:[1-9]")
    assert [relative(path) for path in templates() if deciding.search(path.read_text())] == []


def test_thousands_are_grouped_by_one_helper():
    """Pages and messages group in thin spaces; only commands, which write to a terminal, may use commas."""
    spoken = [
        path
        for path in sources(
            "registry", "approvals", "audits", "kpis", "integrations", "mlops_portal/foundation"
        )
        if "commands" not in path.parts and path.name != "words.py"
    ]
    grouped = [relative(path) for path in spoken if re.search(r":,(\.\d)?f?\}", path.read_text())]
    written = [
        relative(path) for path in templates() if re.search(r"(?<![\d.,])\d{1,3},\d{3}\b", path.read_text())
    ]
    assert (grouped, written) == ([], [])


def test_no_file_is_an_attic():
    assert [relative(path) for path in sources() if path.name in ATTICS] == [], "name it after what it holds"


@cache
def app_of_namespace():
    """Which app owns a namespace of addresses, read from where its patterns are written."""
    owners = {}
    for found in get_resolver().url_patterns:
        if not isinstance(found, URLResolver) or not found.namespace:
            continue
        module = found.urlconf_name
        name = module if isinstance(module, str) else getattr(module, "__name__", "")
        first = "foundation" if name.startswith("mlops_portal.foundation") else name.partition(".")[0]
        if first in RANK:
            owners[found.namespace] = first
    return owners


def upward_addresses(path, pattern):
    own = layer_of(path)
    if own is None:
        return []
    owners = app_of_namespace()
    return [
        f"{relative(path)}: {namespace}"
        for namespace in re.findall(pattern, path.read_text())
        if namespace in owners and RANK[owners[namespace]] > RANK[own]
    ]


def test_addresses_in_templates_point_down():
    pattern = r"""{%\s*url\s+["']([\w-]+):"""
    assert [hit for path in templates() for hit in upward_addresses(path, pattern)] == []


def test_addresses_in_code_point_down():
    pattern = r"""\b(?:reverse|reverse_lazy|redirect|resolve_url)\(\s*["']([\w-]+):"""
    assert [hit for path in sources(*PACKAGES) for hit in upward_addresses(path, pattern)] == []


def test_templates_include_and_extend_downwards():
    pattern = r"""{%\s*(?:include|extends)\s+["']([\w-]+)/"""
    upward = [
        f"{relative(path)}: {folder}"
        for path in templates()
        for folder in re.findall(pattern, path.read_text())
        if folder in RANK and RANK[folder] > RANK[layer_of(path)]
    ]
    assert upward == []


def test_signals_are_connected_only_where_listening_is_the_purpose():
    """Domain code emits events. Connecting to a signal elsewhere hides what a write does."""
    elsewhere = []
    for path in sources(*PACKAGES):
        if relative(path).startswith(MAY_CONNECT):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            connects = isinstance(called, ast.Attribute) and called.attr == "connect" and node.args
            if connects or (isinstance(called, ast.Name) and called.id == "receiver"):
                elsewhere.append(f"{relative(path)}:{node.lineno}")
    # Creating rights after migrations is Django's own way; it writes no governed row.
    assert [hit for hit in elsewhere if "/apps.py" not in hit] == []


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_locks_name_no_index_and_pin_by_hash(lock):
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(
        r"^\s*-{1,2}(i|f|index-url|extra-index-url|find-links|trusted-host)\b", text, re.MULTILINE
    )
    pins = re.findall(r"^[A-Za-z0-9][\w.\-\[\],]*==", text, re.MULTILINE)
    assert len(pins) > 20
    assert all(
        "--hash=sha256:" in part
        for part in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
        if "==" in part
    )


INLINE = {
    "a style attribute": r"""<[^>]*\sstyle\s*=""",
    "an event attribute": r"""<[^>]*\son[a-z]+\s*=\s*["']""",
    "a style element": r"""<style\b""",
    "an inline script": r"""<script\b(?![^>]*\bsrc\s*=)(?![^>]*type\s*=\s*["']application/json["'])[^>]*>""",
    "a script address": r"""(?:href|src|action)\s*=\s*["']\s*javascript:""",
}


@pytest.mark.parametrize("pattern", INLINE.values(), ids=INLINE)
def test_templates_hold_nothing_that_the_content_policy_blocks(pattern):
    found = [
        f"{relative(path)}: {hit.group()[:80]}"
        for path in templates()
        for hit in re.finditer(pattern, without_comments(path.read_text()), re.IGNORECASE)
    ]
    assert found == []


def without_comments(text):
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", text, flags=re.DOTALL)
    return re.sub(r"{#.*?#}", "", text)
