"""The characters of text Ion: where the next one is, space and comments, strings, lobs, numbers."""

from fastext.errors import IonError

_SPACE = frozenset(" \t\n\r\v\f")
STOP = _SPACE | frozenset("{}[](),\"'")
DIGITS = frozenset("0123456789")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$_")
_HEX = DIGITS | frozenset("abcdefABCDEF")

_ESCAPES = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v", "0": "\0",
            '"': '"', "'": "'", "/": "/", "?": "?", "\\": "\\", "\n": ""}  # fmt: skip
_CODE_POINTS = {"x": 2, "u": 4, "U": 8}


class Scanner:
    """Reads `text` from left to right; `_at` is where the next character is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _fault(self, what: str, at: int | None = None) -> IonError:
        before = self._text[: self._at if at is None else at]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return IonError(f"{what} (at line {line}, column {column})")

    def _here(self) -> str:
        """The next character, or "" at the end."""
        return self._text[self._at : self._at + 1]

    def _peek(self) -> str:
        """The next character that is neither space nor comment, or "" at the end."""
        text = self._text
        while True:
            while (here := self._here()) in _SPACE:
                self._at += 1
            if text.startswith("//", self._at):
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            elif text.startswith("/*", self._at):
                end = text.find("*/", self._at + 2)
                if end < 0:
                    raise self._fault("a comment without an end")
                self._at = end + 2
            else:
                return here

    def _take(self, expected: str) -> bool:
        """Whether `expected` is next, behind space and comments; then it is taken."""
        self._peek()
        if not self._text.startswith(expected, self._at):
            return False
        self._at += len(expected)
        return True

    def _word(self, letters: "frozenset[str]") -> str:
        start = self._at
        while self._here() in letters:
            self._at += 1
        return self._text[start : self._at]

    def _string(self) -> str:
        """A short string, or the segments of a long one."""
        if self._here() == '"':
            return self._quoted('"')
        segments = []
        while True:
            segments.append(self._quoted("'''"))
            end = self._at
            self._peek()
            if not self._text.startswith("'''", self._at):
                self._at = end
                return "".join(segments)

    def _quoted(self, mark: str, *, clob: bool = False) -> str:
        """What stands between two of `mark`, the first of which is next."""
        text, start = self._text, self._at
        self._at += len(mark)
        pieces = []
        end = -1
        while True:
            if end < self._at:  # once for each end, however many escapes come before it
                end = text.find(mark, self._at)
                if end < 0:
                    raise self._fault(f"{mark} is never closed", start)
            escape = text.find("\\", self._at, end)
            piece = text[self._at : end if escape < 0 else escape]
            pieces.append(self._checked(piece, mark, clob=clob))
            if escape < 0:
                self._at = end + len(mark)
                break
            self._at = escape
            pieces.append(self._escaped(clob=clob))
        whole = "".join(pieces)
        if not whole.isprintable() and any("\ud800" <= c <= "\udfff" for c in whole):
            try:  # two escapes that are a surrogate pair are one character
                return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError:
                raise self._fault("half a surrogate pair", start) from None
        return whole

    def _checked(self, piece: str, mark: str, *, clob: bool) -> str:
        """A piece without escapes as it counts."""
        if clob and not piece.isascii():
            raise self._fault("a clob is ASCII")
        if piece.isprintable():
            return piece
        allowed = "\t\v\f\r\n" if mark == "'''" else "\t\v\f"
        if any(c < " " and c not in allowed for c in piece):
            raise self._fault("a control character or a line end in a string")
        return piece.replace("\r\n", "\n").replace("\r", "\n")

    def _escaped(self, *, clob: bool) -> str:
        start = self._at
        letter = self._text[start + 1 : start + 2]
        self._at += 2
        if letter == "\r":  # a line end of two characters, or one
            self._at += self._here() == "\n"
            return ""
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter in _CODE_POINTS and not (clob and letter != "x"):
            digits = self._text[self._at : self._at + _CODE_POINTS[letter]]
            self._at += len(digits)
            if len(digits) == _CODE_POINTS[letter] and _HEX.issuperset(digits):
                code = int(digits, 16)
                if code <= 0x10FFFF:
                    return chr(code)
        raise self._fault("not an escape", start)

    def _lob(self) -> bytes:
        start = self._at
        self._at += 2
        here = self._peek()
        content = b""
        if here == '"':
            content = self._quoted('"', clob=True).encode("latin-1")
        elif here == "'":
            segments = []
            while self._peek() == "'":
                if not self._text.startswith("'''", self._at):
                    raise self._fault("not a clob")
                segments.append(self._quoted("'''", clob=True))
            content = "".join(segments).encode("latin-1")
        else:
            content = self._base64()
        if not self._take("}}"):
            raise self._fault("a blob or clob without an end, or with something else in it", start)
        return content

    def _base64(self) -> bytes:
        from binascii import a2b_base64

        start = self._at
        end = self._text.find("}}", start)
        digits = "".join(self._text[start : max(end, start)].split())
        self._at = max(end, start)
        try:
            return a2b_base64(digits.encode("ascii"), strict_mode=True)
        except ValueError:
            raise self._fault("not base64", start) from None


def number(word: str) -> int | float:
    """An integer, decimal or float, as Ion writes them. Raises ValueError."""
    sign, body = (word[0], word[1:]) if word[:1] in ("+", "-") else ("", word)
    if body == "inf" and sign:
        return float(word)
    if sign == "+":
        raise ValueError("not a number")
    for prefix, base, digits in (("0x", 16, _HEX), ("0b", 2, frozenset("01"))):
        if body[:2].lower() == prefix:
            return int(sign + _digits(body[2:], digits), base)
    mantissa, exponent = body, ""
    for letter in "eEdD":
        if letter in body:
            mantissa, _, exponent = body.partition(letter)
            unsigned = exponent[1:] if exponent[:1] in ("+", "-") else exponent
            if not unsigned or not DIGITS.issuperset(unsigned):
                raise ValueError("not a number")
    whole, point, fraction = mantissa.partition(".")
    whole = _digits(whole, DIGITS)
    if len(whole) > 1 and whole[0] == "0":
        raise ValueError("a number with a leading zero")
    if not point and not exponent:
        return int(sign + whole)
    fraction = _digits(fraction, DIGITS) if fraction else "0"
    return float(f"{sign}{whole}.{fraction}e{exponent or 0}")


def _digits(text: str, digits: "frozenset[str]") -> str:
    """`text` without the underscores that may stand between two digits."""
    plain = text.replace("_", "")
    if not plain or not digits.issuperset(plain) or "__" in text or "_" in (text[0], text[-1]):
        raise ValueError("not a number")
    return plain
