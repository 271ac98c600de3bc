"""Why a rule is true or false of a context, one finding for each sub-expression.

Every verdict is the serving engine's own: each sub-expression is compiled by itself and asked. Only
the words about it are made here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastext.commands.expression import JUNCTIONS, named, operator_of, text_of, variable
from fastext.errors import UnknownSymbolError
from fastext.ion import Sexp, Symbol, Timestamp
from fastext.rules import bucket, compile_rule, read_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.ion_values import Value

RELATIONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
PARTS = {
    "begins_with": ("does not begin with", "begins with"),
    "ends_with": ("does not end with", "ends with"),
    "contains": ("does not contain", "contains"),
}


@dataclass(frozen=True)
class Finding:
    """What the engine says of an expression, and why.

    `holds` is None where it cannot evaluate it; one that is not `reached` has no say, because
    something before it has decided. `details` are what `because` is made of.
    """

    expression: str
    operator: str
    holds: bool | None
    reached: bool
    because: str
    details: dict[str, Any] = field(default_factory=dict)
    parts: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "expression": self.expression,
            "operator": self.operator,
            "holds": self.holds,
            "reached": self.reached,
            "because": self.because,
            "details": self.details,
            "parts": [part.as_json() for part in self.parts],
        }


def trace(node: Value, flag: str, context: dict[str, str], *, reached: bool = True) -> Finding:
    """What the engine finds in `node`, a rule of `flag` that it compiles, or a part of one."""
    operator = operator_of(node)
    expression = text_of(node)
    parts: tuple[Finding, ...] = ()
    if operator in JUNCTIONS:
        assert isinstance(node, Sexp)
        parts = _parts(node, flag, context, reached)
    try:
        holds = compile_rule(node, flag).holds(context)
    except UnknownSymbolError as fault:
        because = f"cannot be evaluated: {fault.message}"
        return Finding(expression, operator, None, reached, because, {}, parts)
    because, details = _reason(node, operator, flag, context, holds, parts)
    return Finding(expression, operator, holds, reached, because, details, parts)


def _parts(node: Sexp, flag: str, context: dict[str, str], reached: bool) -> tuple[Finding, ...]:
    deciding = {"and": False, "or": True}.get(str(node[0]))
    parts: list[Finding] = []
    for condition in node[1:]:
        parts.append(trace(condition, flag, context, reached=reached))
        reached = reached and parts[-1].holds is not deciding
    return tuple(parts)


def _reason(
    node: Value,
    operator: str,
    flag: str,
    context: dict[str, str],
    holds: bool,
    parts: tuple[Finding, ...],
) -> tuple[str, dict[str, Any]]:
    if operator in JUNCTIONS:
        return _junction(operator, holds, parts), {}
    if isinstance(node, bool):
        return "is written so", {}
    if isinstance(node, Symbol):
        operand = Operand(node, context, True)
        return operand.said, {"operands": [operand.as_json()]}
    assert isinstance(node, Sexp)
    arguments = node[1:]
    if operator in RELATIONS:
        return _comparison(operator, arguments, context, holds)
    if operator in PARTS:
        return _part(operator, arguments, context, holds)
    if operator == "in":
        return _membership(arguments, flag, context, holds)
    given = named(node)
    if operator == "matches":
        operand = Operand(given["in"], context, "")
        found = f"the pattern {text_of(given['pattern'])} is {'' if holds else 'not '}found in it"
        details = {"operands": [operand.as_json()], "pattern": given["pattern"]}
        return operand.said + (f"; {found}" if operand.usable else ""), details
    if operator == "exists":
        key = str(given["key"])
        if not holds:
            return f"the context has no {key}", {"key": key}
        return f'the context has {key}, as "{context[key]}"; any value counts', {"key": key}
    return _split(given, flag, context, holds)


class Operand:
    """An operand as the engine reads it beside a literal of the other side.

    `value` is None where the operand is not `usable`; `said` tells what it is.
    """

    def __init__(self, node: Value, context: dict[str, str], beside: Value) -> None:
        self.expression = text_of(node)
        self.kind = kind_of(beside)
        self.key = variable(node)
        self.text: Value = node if self.key is None else context.get(self.key)
        self.alike = next((key for key in context if key.lower() == (self.key or "").lower()), None)
        self.value: Any = self._read(beside)
        self.usable = self.value is not None
        self.said = self._said()

    def _read(self, beside: Value) -> Any:
        if isinstance(self.text, str):
            return read_beside(self.text, beside)
        if isinstance(self.text, Timestamp):
            return self.text.epoch_seconds if self.kind == "timestamp" else None
        return self.text if kind_of(self.text) == self.kind else None

    def _said(self) -> str:
        if self.key is None:
            return "" if self.usable else f"{self.expression} is no {self.kind}"
        if self.text is None:
            alike = f", which has {self.alike}: case counts" if self.alike else ""
            return f"{self.expression} is not in the context{alike}"
        said = f"{self.expression} is {text_of(self.text)}"
        if not self.usable:
            return f"{said}, which cannot be read as a {self.kind}"
        return said if self.kind == "text" else f"{said}, read as the {self.kind} {self.shown}"

    @property
    def shown(self) -> str:
        """The value as it was compared."""
        if self.kind == "timestamp":
            return self.text.text if isinstance(self.text, Timestamp) else str(self.text)
        return text_of(self.value)

    def as_json(self) -> dict[str, Any]:
        said = self.text.text if isinstance(self.text, Timestamp) else self.text
        return {
            "expression": self.expression,
            "text": said,
            "read_as": self.kind,
            "value": self.value,
        }


def kind_of(literal: Value) -> str:
    """How a text is read beside `literal`, in words."""
    if isinstance(literal, bool):
        return "boolean"
    if isinstance(literal, int | float):
        return "number"
    return "timestamp" if isinstance(literal, Timestamp) else "text"


def _junction(operator: str, holds: bool, parts: tuple[Finding, ...]) -> str:
    if operator == "not":
        return f"its condition is {'false' if holds else 'true'}"
    if holds == (operator == "and"):
        return f"all {len(parts)} conditions are {'true' if holds else 'false'}"
    number = next(n for n, part in enumerate(parts, 1) if part.holds is holds)
    later = ", and it decides" if number < len(parts) else ""
    return f"condition {number} is {'true' if holds else 'false'}{later}"


def _comparison(
    operator: str, arguments: list[Value], context: dict[str, str], holds: bool
) -> tuple[str, dict[str, Any]]:
    # The engine reads both sides as the left literal's type, unless that is a text.
    literals = [argument for argument in arguments if variable(argument) is None]
    beside: Value = next((one for one in literals if kind_of(one) != "text"), "")
    operands = [Operand(argument, context, beside) for argument in arguments]
    if kind_of(beside) == "text" and operator != "eq" and all(one.usable for one in operands):
        # Two texts are ordered as numbers if both are.
        numbers = [Operand(argument, context, 0) for argument in arguments]
        operands = numbers if all(one.usable for one in numbers) else operands
    said = [one.said for one in operands if one.said]
    if all(one.usable for one in operands):
        left, right = (one.shown for one in operands)
        verdict = "true" if holds else "false"
        said.append(f"{left} {RELATIONS[operator]} {right} is {verdict}")
    return "; ".join(said), {"operands": [one.as_json() for one in operands]}


def _part(
    operator: str, arguments: list[Value], context: dict[str, str], holds: bool
) -> tuple[str, dict[str, Any]]:
    operands = [Operand(argument, context, "") for argument in arguments]
    said = [one.said for one in operands if one.said]
    if all(one.usable for one in operands):
        said.append(f"{operands[0].shown} {PARTS[operator][holds]} {operands[1].shown}")
    return "; ".join(said), {"operands": [one.as_json() for one in operands]}


def _membership(
    arguments: list[Value], flag: str, context: dict[str, str], holds: bool
) -> tuple[str, dict[str, Any]]:
    value, elements = arguments
    assert isinstance(elements, list)
    operand = Operand(value, context, "")
    details: dict[str, Any] = {"operands": [operand.as_json()], "equal_to": None}
    if not holds:
        kinds = sorted({kind_of(element) for element in elements})
        none = f"equal to none of the {len(elements)} in the list"
        read = f", read as {' or '.join(kinds)}" if kinds not in ([], ["text"]) else ""
        return operand.said + (f", {none}{read}" if operand.text is not None else ""), details
    # The engine looks elements up at once; which of them it found it also tells one by one.
    equal = next(
        element
        for element in elements
        if compile_rule(Sexp([Symbol("in"), value, [element]]), flag).holds(context)
    )
    details["equal_to"] = text_of(equal)
    return f"{Operand(value, context, equal).said or operand.expression}, in the list", details


def _split(
    given: dict[str, Value], flag: str, context: dict[str, str], holds: bool
) -> tuple[str, dict[str, Any]]:
    seed = str(given.get("seed", flag))
    operand = Operand(given["by"], context, "")
    details: dict[str, Any] = {
        "operands": [operand.as_json()], "seed": seed, "pct": given["pct"], "bucket": None,
    }  # fmt: skip
    if not operand.usable:
        return operand.said, details
    place = details["bucket"] = bucket(str(operand.value), seed)
    origin = f'the seed "{seed}"' + ("" if "seed" in given else " (the flag's name: none is given)")
    said = operand.said or operand.expression
    side = f"{'below' if holds else 'not below'} {text_of(given['pct'])}"
    return f"{said}; with {origin} its bucket is {place:.3f}, {side}", details
