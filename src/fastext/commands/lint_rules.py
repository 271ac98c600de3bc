"""Faults of rules: every sub-expression that the engine cannot compile, and shares for nobody."""

from __future__ import annotations

from typing import Any

from fastext.commands.expression import JUNCTIONS, operator_of, text_of
from fastext.commands.faults import Faults
from fastext.commands.overlap import shadowed
from fastext.errors import IonError, RuleError, UnknownSymbolError
from fastext.ion import Sexp, read_text_value
from fastext.rules import compile_rule
from fastext.variants import Variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.ion_values import Value

MAX_RULE_CHARACTERS = 16384


def rule_text(
    faults: Faults, path: str, variant: dict[str, Any], last: bool, flag: str
) -> Value | None:
    """The rule of a variant in JSON if it can be compiled; the last one must have none."""
    text = variant.get("rule")
    if text is None:
        if not last:
            faults.error(path, "is missing; every variant but the last one needs one")
        return None
    if last:
        faults.error(path, "is there, but the last variant is the default and must have none")
    if not isinstance(text, str):
        faults.error(path, "is not a string")
        return None
    if len(text) > MAX_RULE_CHARACTERS:
        faults.error(path, f"has {len(text)} characters, over {MAX_RULE_CHARACTERS}")
    try:
        node = read_text_value(text)
    except IonError as fault:
        faults.error(path, f"cannot be read: {fault.message}")
        return None
    return node if rule(faults, path, node, flag) and not last else None


def rule(faults: Faults, path: str, node: Value, flag: str) -> bool:
    """Whether a parsed rule compiles; every part that does not is a fault of its own."""
    whole, sound = node, True
    if operator_of(node) in JUNCTIONS:
        assert isinstance(node, Sexp)
        parts = [(part, rule(faults, path, part, flag)) for part in node[1:]]
        # They have had their say; what is left is whether there are as many as there must be.
        whole = Sexp([node[0], *(part if fits else True for part, fits in parts)])
        sound = all(fits for _, fits in parts)
    try:
        compile_rule(whole, flag)
    except UnknownSymbolError as fault:
        faults.warn(
            path,
            f"{fault.message}, so from this rule on nothing is evaluated, and the default is "
            f"served: {_short(node)}",
        )
        return False
    except RuleError as fault:
        faults.error(path, f"{fault.message}: {_short(node)}")
        return False
    return sound


def variants_in_order(faults: Faults, rules: list[tuple[str, str, Value]], flag: str) -> None:
    """Warn of variants that nobody can get. `rules` are paths, names and rules that compile."""
    paths = {name: path for path, name, _ in rules}
    found = shadowed([Variant(name, node, b"") for _, name, node in rules], flag)
    for name, advice in found.items():
        faults.warn(paths[name], advice)


def _short(node: Value) -> str:
    text = text_of(node)
    return text if len(text) <= 100 else text[:97] + "..."
