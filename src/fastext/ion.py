"""Amazon Ion 1.0, binary and text: the form in which rules of feature flags reach us.

Only what documents of AWS AppConfig need, and no more of it than `ion_values` allows: whatever is
malformed or too large ends as one IonError that names the byte, or the line and column.
Loaded only when an Ion document or a rule arrives.
"""

from fastext.errors import IonError
from fastext.ion_binary import VERSION_MARKER, read_binary
from fastext.ion_text import read_text, read_text_value
from fastext.ion_values import (
    MAX_BYTES,
    MAX_SYMBOL_ID,
    Annotated,
    Sexp,
    Symbol,
    Timestamp,
    UnknownSymbol,
    parse_timestamp,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastext.ion_values import Value

__all__ = ["Annotated", "Sexp", "Symbol", "Timestamp", "UnknownSymbol", "parse_symbols",
           "parse_timestamp", "read_ion", "read_text_value"]  # fmt: skip


def read_ion(data: bytes, symbols: "Mapping[int, str]") -> "list[Value]":
    """The values of a document: binary if it begins with a version marker, else text in UTF-8.

    `symbols` gives texts of symbols that come from shared symbol tables, by symbol ID; they come
    before those that are known.

    Raises IonError.
    """
    if len(data) > MAX_BYTES:
        raise IonError(f"over {MAX_BYTES} bytes of Ion are not read")
    if data.startswith(VERSION_MARKER):
        return read_binary(data, symbols)
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as fault:
        raise IonError(f"neither binary Ion nor UTF-8 (at byte {fault.start})") from None
    return read_text(text.removeprefix("\ufeff"), symbols)


def parse_symbols(content: bytes) -> dict[int, str]:
    """Read the file of FASTEXT_ION_SYMBOLS: a JSON object of texts by symbol ID, {"14": "gt"}.

    The IDs are those of the documents, as the log names them. Raises ValueError with the
    predicate of a sentence.
    """
    import json

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is not a JSON object")
    for sid, text in found.items():
        if not (sid.isascii() and sid.isdecimal() and len(sid) < 11 and int(sid) <= MAX_SYMBOL_ID):
            raise ValueError(f"has a symbol ID that is none: {sid!r}")
        if not isinstance(text, str) or not text or any("\ud800" <= c <= "\udfff" for c in text):
            raise ValueError(f"has no text for symbol ID {sid}")
    return {int(sid): text for sid, text in found.items()}
