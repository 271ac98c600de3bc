"""Text Ion 1.0 to values, as the files of local development and rules are written.

Beyond the specification, because documents of AWS AppConfig are written so: a string may annotate
(`"key"::value`), and a month or day may stand without its final T (`2024-01`). Operators as
symbols of S-expressions are not read; rules have none.

Source: Amazon Ion 1.0, "Specification" and "Strings and Clobs".
"""

from fastext.ion_scanner import DIGITS, LETTERS, STOP, Scanner, number
from fastext.ion_values import (
    MAX_DEPTH,
    MAX_NUMBER_CHARACTERS,
    MAX_VALUES,
    Annotated,
    Sexp,
    Symbol,
    SymbolTable,
    UnknownSymbol,
    is_symbol_table,
    parse_timestamp,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastext.ion_values import Name, Value

_NAME_STARTS = LETTERS | frozenset("\"'")

_NULLS = frozenset({"null", "bool", "int", "float", "decimal", "timestamp", "string", "symbol",
                    "blob", "clob", "struct", "list", "sexp"})  # fmt: skip
_KEYWORDS = {"true": True, "false": False, "nan": float("nan")}


def read_text(text: str, symbols: "Mapping[int, str]") -> "list[Value]":
    """All values of a stream. Raises IonError."""
    return _Reader(text, SymbolTable(symbols)).stream()


def read_text_value(text: str) -> "Value":
    """The one value of `text`, such as a rule. Raises IonError."""
    return _Reader(text, SymbolTable({})).only()


class _Reader(Scanner):
    def __init__(self, text: str, table: SymbolTable) -> None:
        super().__init__(text)
        self._table = table
        self._count = 0

    def stream(self) -> "list[Value]":
        values = []
        while self._peek():
            start = self._at
            value = self._value(0)
            if is_symbol_table(value):
                assert isinstance(value, Annotated)
                try:
                    self._table.adopt(value.value)
                except ValueError as fault:
                    raise self._fault(str(fault), start) from None
            elif self._is_version_marker(start):
                if value != "$ion_1_0":
                    raise self._fault(f"this is not Ion 1.0, but {value!r}", start)
                self._table.reset()
            else:
                values.append(value)
        return values

    def only(self) -> "Value":
        value = self._value(0)
        if self._peek():
            raise self._fault("more than one value")
        return value

    def _is_version_marker(self, start: int) -> bool:
        word = self._text[start : self._at]
        parts = word.split("_")
        return len(parts) == 3 and parts[0] == "$ion" and (parts[1] + parts[2]).isdecimal()

    # -- values

    def _value(self, depth: int) -> "Value":
        """The next value with its annotations."""
        names: list[Name] = []
        if depth > MAX_DEPTH:
            raise self._fault(f"nested deeper than {MAX_DEPTH} levels")
        while True:
            self._peek()
            value = self._bare(depth)
            end = self._at
            if not self._take("::"):
                self._at = end
                return Annotated(tuple(names), value) if names else value
            if isinstance(value, str):
                names.append(Symbol(value))
            elif isinstance(value, UnknownSymbol):
                names.append(value)
            else:
                raise self._fault("only a symbol or a string can annotate", end)

    def _bare(self, depth: int) -> "Value":
        here, start = self._here(), self._at
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._fault(f"over {MAX_VALUES} values")
        if here in LETTERS:
            return self._identifier()
        if here == "'" and not self._text.startswith("'''", start):
            return Symbol(self._quoted("'"))
        if here in ('"', "'"):
            return self._string()
        if here == "(":
            return self._sexp(depth)
        if here == "[":
            return self._list(depth)
        if here == "{":
            return self._lob() if self._text.startswith("{{", start) else self._struct(depth)
        if here in DIGITS or here in ("+", "-"):
            return self._number()
        raise self._fault(f"unexpected {here!r}" if here else "a value is missing")

    def _sexp(self, depth: int) -> Sexp:
        start = self._at
        self._at += 1
        items = Sexp()
        while not self._take(")"):
            self._check_end(start)
            items.append(self._value(depth + 1))
        return items

    def _list(self, depth: int) -> "list[Value]":
        start = self._at
        self._at += 1
        items: list[Value] = []
        while not self._take("]"):
            self._check_end(start)
            items.append(self._value(depth + 1))
            if not self._take(",") and self._peek() != "]":
                self._check_end(start)
                raise self._fault("a comma or ] is missing")
        return items

    def _struct(self, depth: int) -> "dict[str, Value]":
        start = self._at
        self._at += 1
        fields = {}
        while not self._take("}"):
            self._check_end(start)
            name_at = self._at
            name = self._bare(depth) if self._here() in _NAME_STARTS else None
            if not isinstance(name, (str, UnknownSymbol)):
                raise self._fault("not the name of a field", name_at)
            if not self._take(":"):
                raise self._fault("a colon is missing behind the name of a field")
            text = repr(name) if isinstance(name, UnknownSymbol) else str(name)
            fields[text] = self._value(depth + 1)
            if not self._take(",") and self._peek() != "}":
                self._check_end(start)
                raise self._fault("a comma or } is missing")
        return fields

    def _check_end(self, start: int) -> None:
        if not self._peek():
            raise self._fault(f"{self._text[start]!r} is never closed", start)

    # -- scalars

    def _identifier(self) -> "Value":
        start = self._at
        word = self._word(LETTERS | DIGITS)
        if word == "null":
            if self._here() == ".":
                self._at += 1
                if self._word(LETTERS | DIGITS) not in _NULLS:
                    raise self._fault("null of no type that there is", start)
            return None
        if word in _KEYWORDS:
            return _KEYWORDS[word]
        if word[0] == "$" and len(word) > 1 and DIGITS.issuperset(word[1:]):
            if len(word) > 11:
                raise self._fault("too large a symbol ID", start)
            try:
                return self._table.symbol(int(word[1:]))
            except ValueError as fault:
                raise self._fault(str(fault), start) from None
        return Symbol(word)

    def _number(self) -> "Value":
        text, start = self._text, self._at
        end = start
        while end < len(text) and text[end] not in STOP:
            end += 1
        word = text[start:end]
        if len(word) > MAX_NUMBER_CHARACTERS:
            raise self._fault(f"a number of over {MAX_NUMBER_CHARACTERS} characters")
        self._at = end
        try:
            if word[4:5] in ("-", "T") and DIGITS.issuperset(word[:4]):
                return parse_timestamp(word)
            return number(word)
        except ValueError as fault:
            raise self._fault(f"{word!r} is {fault}", start) from None
