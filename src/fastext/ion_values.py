"""The values of Ion in Python, symbol tables, and timestamps: what both readers share.

Strings, integers, booleans, null (None) and lobs (bytes) are Python's own. Decimals are floats:
nothing that reads them tells 1.0 from 1.00. Lists are lists, structs dicts by the text of the
field name, of which the last counts; a name without text is `$` and its symbol ID.

Source: Amazon Ion 1.0, "Specification" and "Symbols".
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    Name: TypeAlias = "Symbol | UnknownSymbol"
    Value: TypeAlias = (
        "str | int | float | bool | bytes | UnknownSymbol | Timestamp | Annotated"
        " | list[Value] | dict[str, Value] | None"
    )

# What a document may hold at most; deeper or larger ones are refused, for stack and memory's sake.
MAX_DEPTH = 64
MAX_BYTES = 16 * 1024 * 1024
MAX_VALUES = 1_000_000

# Numbers of more digits than a double can tell apart by far; each bounds the time of a conversion.
MAX_NUMBER_BYTES = 128
MAX_NUMBER_CHARACTERS = 400

# More imports than this would only make look-ups slow.
MAX_IMPORTS = 64
MAX_SYMBOL_ID = 2**31 - 1

# The symbols of every document (Ion 1.0, "System Symbols"), from symbol ID 1.
SYSTEM = ("$ion", "$ion_1_0", "$ion_symbol_table", "name", "version", "imports", "symbols",
          "max_id", "$ion_shared_symbol_table")  # fmt: skip

# AWS AppConfig's two shared symbol tables are not published: these are the names that are known,
# by their place in the table, and how many each has. Seen in answers of the service.
SHARED: "Mapping[str, tuple[int, Mapping[int, str]]]" = {
    "ops": (23, {1: "and", 2: "or", 3: "not", 4: "eq", 13: "in", 14: "split", 15: "exists"}),
    "anns": (12, {6: "by", 7: "pct", 8: "seed", 11: "key"}),
}


class Symbol(str):
    """A symbol, by its text."""

    __slots__ = ()


class UnknownSymbol:
    """A symbol of which only the ID is known: its table is not published, or it is $0."""

    __slots__ = ("sid",)

    def __init__(self, sid: int) -> None:
        self.sid = sid

    def __repr__(self) -> str:
        return f"${self.sid}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownSymbol) and other.sid == self.sid

    def __hash__(self) -> int:
        return hash(self.sid)


class Timestamp:
    """An instant: seconds since the epoch, and how it was written.

    A timestamp of less precision is the start of its period; without an offset it is in UTC.
    """

    __slots__ = ("epoch_seconds", "text")

    def __init__(self, epoch_seconds: float, text: str) -> None:
        self.epoch_seconds = epoch_seconds
        self.text = text

    def __repr__(self) -> str:
        return f"Timestamp({self.text})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and other.epoch_seconds == self.epoch_seconds

    def __hash__(self) -> int:
        return hash(self.epoch_seconds)


class Sexp(list):  # type: ignore[type-arg]
    """An S-expression."""

    __slots__ = ()


class Annotated:
    """`value`, with at least one annotation."""

    __slots__ = ("annotations", "value")

    def __init__(self, annotations: "tuple[Name, ...]", value: "Value") -> None:
        self.annotations = annotations
        self.value = value

    def __repr__(self) -> str:
        return "::".join([*map(str, self.annotations), repr(self.value)])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Annotated)
            and other.annotations == self.annotations
            and other.value == self.value
        )

    __hash__ = None  # type: ignore[assignment]


class SymbolTable:
    """The symbols of a stream at one place in it: the system's, the imported, the local ones.

    `overrides` gives texts of imported symbols, by symbol ID; they come before `SHARED`.
    """

    __slots__ = ("_imports", "_local", "_max_imported", "_overrides", "_read")

    def __init__(self, overrides: "Mapping[int, str]") -> None:
        self._overrides = overrides
        self.reset()

    def reset(self) -> None:
        """What a version marker does: only the system's symbols are left."""
        self._imports: list[tuple[str, int]] = []  # name, last symbol ID
        self._max_imported = len(SYSTEM)
        self._local: list[str | None] = []
        self._read: dict[int, Name] = {}

    def symbol(self, sid: int) -> "Name":
        """The symbol of that ID. Raises ValueError if the table has none."""
        found = self._read.get(sid)
        if found is None:
            text = self._text(sid)
            found = UnknownSymbol(sid) if text is None else Symbol(text)
            self._read[sid] = found
        return found

    def _text(self, sid: int) -> "str | None":
        if sid <= len(SYSTEM):
            return SYSTEM[sid - 1] if sid else None
        if sid > self._max_imported:
            place = sid - self._max_imported - 1
            if place >= len(self._local):
                raise ValueError(f"symbol ${sid} is not in the symbol table")
            return self._local[place]
        if sid in self._overrides:
            return self._overrides[sid]
        before = len(SYSTEM)
        for name, last in self._imports:
            if sid <= last:
                return SHARED[name][1].get(sid - before) if name in SHARED else None
            before = last
        return None

    def adopt(self, declared: "Value") -> None:
        """Become the local symbol table that a struct declares. Raises ValueError."""
        if not isinstance(declared, dict):  # $ion_symbol_table::null.struct
            return
        imports = declared.get("imports")
        if imports != "$ion_symbol_table":  # which appends to the table that is there
            self.reset()
            self._import(imports if isinstance(imports, list) else [])
        symbols = declared.get("symbols")
        self._local += (
            str(text) if isinstance(text, str) and not isinstance(text, Symbol) else None
            for text in (symbols if isinstance(symbols, list) else [])
        )

    def _import(self, imports: "Sequence[Value]") -> None:
        if len(imports) > MAX_IMPORTS:
            raise ValueError(f"over {MAX_IMPORTS} symbol tables are imported")
        for one in imports:
            name = one.get("name") if isinstance(one, dict) else None
            if not isinstance(one, dict) or not isinstance(name, str) or name in ("", "$ion"):
                continue
            size = one.get("max_id")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                if name not in SHARED:
                    raise ValueError(f"the imported symbol table {name!r} has no max_id")
                size = SHARED[name][0]
            self._max_imported += size
            if self._max_imported > MAX_SYMBOL_ID:
                raise ValueError("the imported symbol tables are too large")
            self._imports.append((name, self._max_imported))


def is_symbol_table(value: "Value") -> bool:
    """Whether a top-level value declares a local symbol table."""
    return (
        isinstance(value, Annotated)
        and value.annotations[0] == "$ion_symbol_table"
        and (value.value is None or isinstance(value.value, dict))
    )


def epoch_seconds(
    year: int, month: int, day: int, hour: int, minute: int, second: int, fraction: float
) -> float:
    """Seconds from 1970-01-01T00:00Z, by the Gregorian calendar. Raises ValueError."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= lengths[month - 1]):
        raise ValueError("no such date")
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= fraction < 1):
        raise ValueError("no such time of day")
    last = year - 1
    days = last * 365 + last // 4 - last // 100 + last // 400 + sum(lengths[: month - 1]) + day
    return (days - 719_163) * 86_400 + hour * 3600 + minute * 60 + second + fraction


def parse_timestamp(text: str) -> Timestamp:
    """Read `2012-03-04T05:06:07.8-08:00` or less: to the minute with an offset, or the date alone.

    A date may be a year, a month or a day, with Ion's final T or, as in W3C's "Date and Time
    Formats", without it. Raises ValueError.
    """
    date, _, time = text.partition("T")
    parts = date.split("-")
    if [len(part) for part in parts] not in ([4], [4, 2], [4, 2, 2]):
        raise ValueError("not a timestamp")
    year, month, day = [_number(part) for part in parts] + [1] * (3 - len(parts))
    if not time:
        return Timestamp(epoch_seconds(year, month, day, 0, 0, 0, 0.0), text)
    clock, offset_s = _offset(time)
    if len(parts) < 3 or (len(clock) not in (5, 8) and clock[8:9] != "."):
        raise ValueError("not a timestamp")
    second, fraction = 0, 0.0
    if len(clock) > 5:
        second = _number(clock[6:8])
    if len(clock) > 8:
        _number(clock[9:])
        fraction = float("0." + clock[9:])
    if clock[2] != ":" or clock[5:6] not in ("", ":"):
        raise ValueError("not a timestamp")
    moment = epoch_seconds(
        year, month, day, _number(clock[:2]), _number(clock[3:5]), second, fraction
    )
    return Timestamp(moment - offset_s, text)


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError("not a timestamp")
    return int(digits)


def _offset(time: str) -> tuple[str, int]:
    """The time of day without its offset, and that in seconds. Raises ValueError."""
    if time.endswith("Z"):
        return time[:-1], 0
    clock, sign, offset = time[:-6], time[-6:-5], time[-5:]
    hours, colon, minutes = offset[:2], offset[2:3], offset[3:]
    if sign not in ("+", "-") or colon != ":" or _number(hours) > 23 or _number(minutes) > 59:
        raise ValueError("not a timestamp with Z or an offset")
    seconds = int(hours) * 3600 + int(minutes) * 60
    return clock, seconds if sign == "+" else -seconds
