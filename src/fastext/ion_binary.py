"""Binary Ion 1.0 to values.

Source: Amazon Ion 1.0, "Binary Encoding". A value is a type descriptor, whose high half is the
type and whose low half the length or, with 14, a sign that the length follows.
"""

import struct

from fastext.errors import IonError
from fastext.ion_values import (
    MAX_DEPTH,
    MAX_NUMBER_BYTES,
    MAX_VALUES,
    Annotated,
    Sexp,
    SymbolTable,
    Timestamp,
    UnknownSymbol,
    epoch_seconds,
    is_symbol_table,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastext.ion_values import Name, Value

VERSION_MARKER = b"\xe0\x01\x00\xea"

# What stands in the stream to fill space (Ion 1.0, "NOP padding").
_NOTHING: "Value" = Sexp()

_BOOL, _LIST, _SEXP, _STRUCT, _ANNOTATED = 1, 11, 12, 13, 14

# A VarUInt of more bytes than this exceeds every length and symbol ID.
_MAX_VARUINT_BYTES = 9


def read_binary(data: bytes, symbols: "Mapping[int, str]") -> "list[Value]":
    """All values of a stream that begins with a version marker. Raises IonError."""
    return _Reader(data, SymbolTable(symbols)).stream()


class _Reader:
    def __init__(self, data: bytes, table: SymbolTable) -> None:
        self._data = data
        self._table = table
        self._count = 0
        self._scalars: dict[int, Callable[[int, int], Value]] = {
            2: self._positive,
            3: self._negative,
            4: self._float,
            5: self._decimal,
            6: self._timestamp,
            7: self._symbol,
            8: self._string,
            9: self._lob,
            10: self._lob,
        }

    def stream(self) -> "list[Value]":
        data, at, values = self._data, 0, []
        while at < len(data):
            if data[at] == VERSION_MARKER[0]:
                if data[at : at + 4] != VERSION_MARKER:
                    raise self._fault("not a version marker of Ion 1.0", at)
                self._table.reset()
                at += 4
                continue
            start = at
            value, at = self._value(at, len(data), 0)
            if is_symbol_table(value):
                assert isinstance(value, Annotated)
                try:
                    self._table.adopt(value.value)
                except ValueError as fault:
                    raise self._fault(str(fault), start) from None
            elif value is not _NOTHING:
                values.append(value)
        return values

    def _fault(self, what: str, at: int) -> IonError:
        return IonError(f"{what} (at byte {at})")

    # -- values

    def _value(self, at: int, end: int, depth: int) -> "tuple[Value, int]":
        """The value that starts at `at`, and where it stops, at `end` at the latest."""
        start = at
        if at >= end:
            raise self._fault("a value is missing", at)
        kind, length = self._data[at] >> 4, self._data[at] & 15
        at += 1
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._fault(f"over {MAX_VALUES} values", start)
        if depth > MAX_DEPTH:
            raise self._fault(f"nested deeper than {MAX_DEPTH} levels", start)
        if kind == 15 or (kind == _ANNOTATED and not 3 <= length <= 14):
            raise self._fault("not a value", start)
        if length == 15:
            return None, at
        if kind == _BOOL:
            if length > 1:
                raise self._fault("not a boolean", start)
            return length == 1, at
        sorted_struct = kind == _STRUCT and length == 1
        if length == 14 or sorted_struct:
            length, at = self._varuint(at, end)
            if sorted_struct and not length:
                raise self._fault("an ordered struct without fields", start)
        stop = at + length
        if stop > end:
            raise self._fault("a value runs beyond what holds it", start)
        if kind == 0:
            return _NOTHING, stop
        if kind in self._scalars:
            return self._scalars[kind](at, stop), stop
        if kind == _STRUCT:
            return self._struct(at, stop, depth), stop
        if kind == _ANNOTATED:
            return self._annotated(at, stop, depth), stop
        return self._items(Sexp() if kind == _SEXP else [], at, stop, depth), stop

    def _items(self, items: "list[Value]", at: int, stop: int, depth: int) -> "list[Value]":
        while at < stop:
            value, at = self._value(at, stop, depth + 1)
            if value is not _NOTHING:
                items.append(value)
        return items

    def _struct(self, at: int, stop: int, depth: int) -> "dict[str, Value]":
        fields = {}
        while at < stop:
            start = at
            sid, at = self._varuint(at, stop)
            name = self._symbol_of(sid, start)
            value, at = self._value(at, stop, depth + 1)
            if value is not _NOTHING:
                fields[repr(name) if isinstance(name, UnknownSymbol) else str(name)] = value
        return fields

    def _annotated(self, at: int, stop: int, depth: int) -> Annotated:
        start = at
        length, at = self._varuint(at, stop)
        names_stop = at + length
        if not length or names_stop >= stop:
            raise self._fault("annotations without a value, or a value without annotations", start)
        names = []
        while at < names_stop:
            sid_at = at
            sid, at = self._varuint(at, names_stop)
            names.append(self._symbol_of(sid, sid_at))
        if self._data[at] >> 4 == _ANNOTATED:
            raise self._fault("annotations of annotations", at)
        value, at = self._value(at, stop, depth + 1)
        if value is _NOTHING or at != stop:
            raise self._fault("annotations are of exactly one value", start)
        return Annotated(tuple(names), value)

    # -- scalars, between `at` and `stop`

    def _positive(self, at: int, stop: int) -> int:
        if stop - at > MAX_NUMBER_BYTES:
            raise self._fault(f"a number of over {MAX_NUMBER_BYTES} bytes", at)
        return int.from_bytes(self._data[at:stop], "big")

    def _negative(self, at: int, stop: int) -> int:
        magnitude = self._positive(at, stop)
        if not magnitude:
            raise self._fault("a negative zero", at)
        return -magnitude

    def _float(self, at: int, stop: int) -> float:
        if stop - at not in (0, 4, 8):
            raise self._fault("not a float", at)
        if at == stop:
            return 0.0
        form = ">f" if stop - at == 4 else ">d"
        return float(struct.unpack_from(form, self._data, at)[0])

    def _decimal(self, at: int, stop: int) -> float:
        if at == stop:
            return 0.0
        exponent, at = self._varint(at, stop)
        return float(f"{self._coefficient(at, stop)}e{exponent}")

    def _coefficient(self, at: int, stop: int) -> str:
        """The digits of an Int field: a sign bit and a magnitude."""
        magnitude = self._positive(at, stop)
        sign_bit = 1 << max(8 * (stop - at) - 1, 0)
        return f"-{magnitude - sign_bit}" if at < stop and magnitude >= sign_bit else str(magnitude)

    def _timestamp(self, at: int, stop: int) -> Timestamp:
        start = at
        offset_minutes, at = self._varint(at, stop)  # what follows is in UTC
        parts: list[int] = []
        while at < stop and len(parts) < 6:
            part, at = self._varuint(at, stop)
            parts.append(part)
        fraction = 0.0
        if at < stop:
            exponent, at = self._varint(at, stop)
            fraction = float(f"{self._coefficient(at, stop)}e{exponent}")
        if len(parts) in (0, 4) or abs(offset_minutes) >= 24 * 60:
            raise self._fault("not a timestamp", start)
        year, month, day, hour, minute, second = parts + [1, 1, 1, 0, 0, 0][len(parts) :]
        try:
            moment = epoch_seconds(year, month, day, hour, minute, second, fraction)
        except ValueError as fault:
            raise self._fault(str(fault), start) from None
        return Timestamp(
            moment,
            f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:"
            f"{format(second + fraction, 'g').zfill(2)}Z",
        )

    def _symbol(self, at: int, stop: int) -> "Name":
        return self._symbol_of(self._positive(at, stop), at)

    def _string(self, at: int, stop: int) -> str:
        try:
            return str(self._data[at:stop], "utf-8")
        except UnicodeDecodeError as fault:
            raise self._fault("not UTF-8", at + fault.start) from None

    def _lob(self, at: int, stop: int) -> bytes:
        return self._data[at:stop]

    # -- parts of values

    def _symbol_of(self, sid: int, at: int) -> "Name":
        try:
            return self._table.symbol(sid)
        except ValueError as fault:
            raise self._fault(str(fault), at) from None

    def _varuint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for place in range(at, min(end, at + _MAX_VARUINT_BYTES)):
            byte = self._data[place]
            value = value << 7 | byte & 0x7F
            if byte & 0x80:
                return value, place + 1
        raise self._fault("a number without an end, or too large", at)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        number, stop = self._varuint(at, end)
        sign_bit = 1 << 7 * (stop - at) - 1
        return (sign_bit - number if number & sign_bit else number), stop
