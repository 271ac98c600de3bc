"""The manual page of the rule engine: from S-expressions to rules, from contexts to variants.

A context is a dict of texts by key.
"""

from typing import final

from fastext.ion_values import Value

class Rule:
    """A compiled rule. Made by `compile_rule`."""

    def holds(self, context: dict[str, str]) -> bool:
        """Whether it is true of `context`; never raises.

        A comparison with a variable that the context lacks, or whose text cannot be read as the
        literal beside it, is false.
        """

def compile_rule(node: Value, flag: str) -> Rule:
    """Compile an S-expression, true or false, or a variable alone; `flag` is the default seed.

    Raises:
        RuleError: an unknown operator, a wrong number or kind of arguments, a pattern that RE2
            refuses.
        UnknownSymbolError: an Ion symbol of which only the ID is known.

    >>> compile_rule(read_text_value('(gt $age 65)'), "flag").holds({"age": "70"})
    True
    """

def read_beside(text: str, literal: Value) -> str | int | float | bool | None:
    """How a rule reads a text of the context that it compares with `literal`; None if it cannot.

    A timestamp is read as seconds since the epoch.

    >>> read_beside("70", 65), read_beside("yes", True), read_beside("70", "65")
    (70, None, '70')
    """

def bucket(value: str, seed: str) -> float:
    """Where `split` finds `value`: 0 to 99.999, in steps of a thousandth.

    A split of `pct` is true of all below it, so that under one seed the smaller share is a part of
    the larger one.
    """

@final
class VariantFlag:
    """A flag whose value depends on the context.

    `names` are those of its variants and `values` their JSON, the default's last; `rules` has one
    rule for each of the others. The first rule that holds chooses.
    """

    names: tuple[str, ...]
    def __init__(
        self, names: tuple[str, ...], rules: tuple[Rule, ...], values: tuple[bytes, ...]
    ) -> None: ...
    def choose(self, context: dict[str, str]) -> str:
        """The name of the variant that the context gets."""

@final
class VariantFlags:
    """A feature-flag document of which some flags have variants.

    `flags` maps names, in the order of the document, to a VariantFlag or to the JSON of a flag
    that has none; `keys` maps them to their names as JSON.
    """

    def __init__(self, flags: dict[str, VariantFlag | bytes], keys: dict[str, bytes]) -> None: ...
    def __len__(self, /) -> int: ...
    def __getitem__(self, name: str, /) -> VariantFlag | bytes: ...
    def missing(self, names: tuple[str, ...]) -> list[str]:
        """Those of `names` that the document does not have."""
    def varies(self, names: tuple[str, ...]) -> bool:
        """Whether one of `names`, or with none of any flag, has variants."""
    def evaluate(self, names: tuple[str, ...], context: dict[str, str]) -> bytes:
        """One flag's value alone, or an object of several; without names, of all.

        Only the flags that are asked for are evaluated. None of `names` may be missing.
        """
