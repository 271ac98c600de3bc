"""Parsed rules: as text again, and what there is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from fastext.ion import Annotated, Sexp, Symbol, Timestamp, UnknownSymbol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.ion_values import Value

# Operators whose arguments are conditions in turn.
JUNCTIONS = ("and", "or", "not")

_PLAIN = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("true", "false", "null", "nan")


def text_of(node: Value) -> str:
    """A value as text Ion, on one line."""
    match node:
        case Annotated():
            names = [name_of(name) for name in node.annotations]
            return "::".join([*names, text_of(node.value)])
        case Sexp():
            return f"({' '.join(map(text_of, node))})"
        case list():
            return f"[{', '.join(map(text_of, node))}]"
        case Symbol() | UnknownSymbol():
            return name_of(node)
        case Timestamp():
            return node.text
        case bool():
            return "true" if node else "false"
        case str():
            return json.dumps(node, ensure_ascii=False)
        case None:
            return "null"
        case _:
            text = repr(node)  # of a number
            return f"+{text}" if text == "inf" else text


def name_of(symbol: Symbol | UnknownSymbol) -> str:
    if isinstance(symbol, UnknownSymbol):
        return repr(symbol)
    if _PLAIN.fullmatch(symbol) and symbol not in _RESERVED:
        return str(symbol)
    inner = json.dumps(str(symbol), ensure_ascii=False)[1:-1]
    return "'" + inner.replace('\\"', '"').replace("'", "\\'") + "'"


def operator_of(node: Value) -> str:
    """The operator of an expression, or "" where there is none."""
    if isinstance(node, Sexp) and node and isinstance(node[0], Symbol):
        return str(node[0])
    return ""


def variable(node: Value) -> str | None:
    """The key in the context of `$key`, or None for anything else."""
    if isinstance(node, Symbol) and node.startswith("$") and len(node) > 1:
        return str(node)[1:]
    return None


def named(node: list[Value]) -> dict[str, Value]:
    """The arguments of an expression that are written `name::value`."""
    return {
        str(argument.annotations[0]): argument.value
        for argument in node[1:]
        if isinstance(argument, Annotated)
    }


def variables_of(node: Value) -> set[str]:
    """The keys of the context that a rule reads."""
    key = variable(node)
    if key is not None:
        return {key}
    if isinstance(node, Annotated):
        return variables_of(node.value)
    if operator_of(node) == "exists":
        assert isinstance(node, Sexp)
        return {str(named(node)["key"])}
    return set().union(*map(variables_of, node)) if isinstance(node, Sexp) else set()


class Split(NamedTuple):
    """A split in a compiled rule.

    `key` is the variable that it splits by, or None where it splits by a literal. A `negated` one
    makes its rule true where it is false.
    """

    key: str | None
    seed: str
    percentage: float
    negated: bool


def splits_of(rule: Value, flag: str) -> Iterator[Split]:
    """The splits of a rule of `flag` that has been compiled."""
    pending: list[tuple[Value, bool]] = [(rule, False)]
    while pending:
        node, negated = pending.pop(0)
        operator = operator_of(node)
        if operator in JUNCTIONS:
            assert isinstance(node, Sexp)
            pending[:0] = [(part, negated != (operator == "not")) for part in node[1:]]
        elif operator == "split":
            assert isinstance(node, Sexp)
            given = named(node)
            percentage = given["pct"]
            assert isinstance(percentage, int | float)
            seed = str(given.get("seed", flag))
            yield Split(variable(given["by"]), seed, percentage, negated)


def around_splits(node: Value) -> str:
    """A rule as text, whatever its splits say."""
    if operator_of(node) == "split":
        return "(split)"
    if operator_of(node) in JUNCTIONS:
        assert isinstance(node, Sexp)
        return f"({' '.join(map(around_splits, node))})"
    return text_of(node)
