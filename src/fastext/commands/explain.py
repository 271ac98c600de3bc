"""`fastext explain`: rule by rule, why a context gets its variant of a flag."""

from dataclasses import dataclass
from typing import Any

import orjson

from fastext.commands import DONE
from fastext.commands.expression import text_of
from fastext.commands.output import console, print_json, verdict
from fastext.commands.source import Source, context_of, read_source
from fastext.commands.trace import Finding, trace
from fastext.rules import VariantFlag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console, RenderableType
    from rich.text import Text
    from rich.tree import Tree


@dataclass(frozen=True)
class Choice:
    """A variant of a flag and what the engine says of it; the default has no rule."""

    name: str
    rule: str | None
    finding: Finding | None
    reached: bool
    chosen: bool

    @property
    def holds(self) -> bool | None:
        return None if self.finding is None else self.finding.holds

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rule": self.rule,
            "holds": self.holds,
            "reached": self.reached,
            "chosen": self.chosen,
            "finding": None if self.finding is None else self.finding.as_json(),
        }


def run(options: "Namespace") -> int:
    """Raises Unusable."""
    source = read_source(options.document, options.symbols)
    context = context_of(options.context, options.entity_id)
    found = choices(source, options.flag, context)
    value = source.engine.evaluate((options.flag,), context)
    if options.json:
        print_json(
            {
                "document": source.path,
                "form": source.form,
                "notes": source.notes,
                "flag": options.flag,
                "context": context,
                "variant": next((one.name for one in found if one.chosen), None),
                "value": orjson.loads(value),
                "variants": [one.as_json() for one in found],
            }
        )
    else:
        show(console(), source, options.flag, context, found, value.decode())
    return DONE


def choices(source: Source, flag: str, context: dict[str, str]) -> list[Choice]:
    """The variants of `flag` in their order; none where it has no variants. Raises Unusable."""
    variants, engine = source.flag(flag), source.engine[flag]
    if not isinstance(variants, list) or not isinstance(engine, VariantFlag):
        return []
    found: list[Choice] = []
    undecided = evaluable = True
    for variant in variants[:-1]:
        finding = trace(variant.rule, flag, context, reached=undecided)
        chosen = undecided and finding.holds is True
        found.append(Choice(variant.name, text_of(variant.rule), finding, undecided, chosen))
        # The engine goes from a rule that it cannot evaluate to the default.
        evaluable = evaluable and not (undecided and finding.holds is None)
        undecided = undecided and finding.holds is False
    chosen = not any(one.chosen for one in found)
    found.append(Choice(variants[-1].name, None, None, chosen, chosen))
    assert engine.choose(context) == next(one.name for one in found if one.chosen)
    return found


def show(
    screen: "Console",
    source: Source,
    flag: str,
    context: dict[str, str],
    found: list[Choice],
    value: str,
) -> None:
    said = ", ".join(f'{key} = "{text}"' for key, text in context.items()) or "empty"
    screen.print(f"{source.path}: {source.form}")
    for note in source.notes:
        screen.print(f"note: {note}", style="yellow")
    screen.print(f"flag {flag}; context: {said}\n")
    if not found:
        screen.print("The flag has no variants: every context gets the same.")
    else:
        screen.print(_table(found))
    for one in found:
        if one.finding is not None:
            screen.print()
            screen.print(_tree(one))
    screen.print("\nserved: ", end="")
    screen.print(value, soft_wrap=True)


def _table(found: list[Choice]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("variant", overflow="fold")
    table.add_column("its rule is")
    table.add_column("so it is")
    for one in found:
        word = Text("-") if one.finding is None else verdict(one.holds, reached=one.reached)
        table.add_row(
            one.name, word, _outcome(one, found), style="bold" if one.chosen else None
        )  # fmt: skip
    return table


def _outcome(one: Choice, found: list[Choice]) -> str:
    if one.finding is None:
        unknown = next((other.name for other in found if _ends_search(other)), None)
        if not one.chosen:
            return "not needed"
        return f"chosen, for '{unknown}' is unknown" if unknown else "chosen, for no rule is true"
    if one.chosen:
        return "chosen"
    if one.reached:
        return "passed over"
    return "not looked at" if one.holds is False else "too late"


def _ends_search(one: Choice) -> bool:
    return one.reached and one.finding is not None and one.holds is None


def _tree(one: Choice) -> "Tree":
    from rich.text import Text
    from rich.tree import Tree

    assert one.finding is not None
    tree = Tree(Text.assemble((one.name, "bold"), "" if one.reached else "  (not looked at)"))
    pending = [(tree, one.finding)]
    while pending:
        parent, finding = pending.pop(0)
        branch = parent.add(_label(finding))
        pending += [(branch, part) for part in finding.parts]
    return tree


def _label(finding: Finding) -> "Text":
    from rich.text import Text

    shown = f"({finding.operator} ...)" if finding.parts else finding.expression
    word = verdict(finding.holds, reached=finding.reached)
    style = "" if finding.reached else "dim"
    return Text.assemble(word, (f"  {shown}\n", style), (finding.because, "dim" if style else ""))
