"""Bytes to text: byte order marks, UTF-8, UTF-16, and the code pages spreadsheets still write."""

import codecs

from charset_normalizer import from_bytes

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web import words

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CODE_PAGES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859_15", "mac_roman",
    "shift_jis", "gb18030", "big5", "euc_kr",
)  # fmt: skip
WESTERN = frozenset({"cp1250", "cp1252", "cp1254", "cp1257", "iso8859_15", "latin_1", "mac_roman"})
SAMPLE = 64 * 1024


def decode(content: bytes, encoding: str = "") -> tuple[str, str]:
    """Return the text and the encoding it was read in; a wrong one is refused with the offending place."""
    chosen = encoding or _marked(content) or _guessed(content)
    try:
        return content.decode(chosen), chosen
    except UnicodeDecodeError as error:
        raise invalid(
            "file",
            f"byte {words.number(error.start)} is not {chosen} text; name the file's encoding or save it as UTF-8",
        ) from error
    except LookupError as error:
        raise invalid("encoding", f"{chosen} is no known encoding") from error


def _marked(content: bytes) -> str:
    return next((name for mark, name in BOMS if content.startswith(mark)), "")


def _guessed(content: bytes) -> str:
    if sixteen := _unmarked_utf16(content[:SAMPLE]):
        return sixteen
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _code_page(content)
    return "utf-8"


def _unmarked_utf16(sample: bytes) -> str:
    """Recognise UTF-16 without mark: in western text every other byte is zero."""
    half = len(sample) // 2
    if half < 4:
        return ""
    if sample[1::2].count(0) > half * 0.7:
        return "utf-16-le"
    if sample[0::2].count(0) > half * 0.7:
        return "utf-16-be"
    return ""


def _code_page(content: bytes) -> str:
    """Guess from the lines that are not plain ASCII; between western pages prefer the one Windows writes."""
    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())[:SAMPLE]
    best = from_bytes(telling, cp_isolation=list(CODE_PAGES)).best()
    if best is None or best.encoding in WESTERN:
        return "cp1252"
    return best.encoding
