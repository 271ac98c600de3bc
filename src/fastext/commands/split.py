"""`fastext split`: how many of many identities get which variant of a flag."""

import os
import random
import sys
import uuid
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fastext.commands import DONE, PLOT_SUFFIXES
from fastext.commands.expression import Split, splits_of, text_of, variables_of
from fastext.commands.output import console, print_json
from fastext.commands.overlap import advice, shadowed, taken_by
from fastext.commands.source import Source, Unusable, context_of, read_source
from fastext.rules import VariantFlag, compile_rule
from fastext.variants import Variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console

# From here on a bar shows the progress, where standard error is a terminal.
LARGE = 100_000
_STEP = 10_000

BAR_COLUMNS = 30

# Made-up identities are the same in every run.
_SEED = 2772


@dataclass(frozen=True)
class Share:
    """A variant: of how many identities its rule is true, and how many get it.

    `true_for` is None for the default, and for a rule that the engine cannot evaluate.
    """

    name: str
    rule: str | None
    true_for: int | None
    chosen: int
    percent: float

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


class Identities:
    """Identities to come, and how far they have been taken: of `total`, in units of its own."""

    def __init__(self, options: Namespace, closing: ExitStack) -> None:
        self.done = self.total = 0
        self._file: BinaryIO | None = None
        if options.identities is None:
            if options.count < 1:
                raise Unusable(f"--count {options.count} is no number of identities")
            self.total = options.count
            return
        try:
            if options.identities == "-":
                self._file = sys.stdin.buffer
            else:
                file = Path(options.identities).open("rb")  # noqa: SIM115 (closed by `closing`)
                self._file = closing.enter_context(file)
                self.total = os.fstat(self._file.fileno()).st_size
        except OSError as fault:
            raise Unusable(f"{options.identities} cannot be read: {fault.strerror}") from None

    @property
    def many(self) -> bool:
        """Whether they take so long that one wants to see how far it is."""
        return self.total > (LARGE if self._file is None else LARGE * 10)

    def __iter__(self) -> Iterator[str]:
        """Raises Unusable for a line that is not UTF-8."""
        if self._file is None:
            make = random.Random(_SEED).getrandbits  # noqa: S311 (nothing is secret here)
            for _ in range(self.total):
                self.done += 1
                yield str(uuid.UUID(int=make(128), version=4))
            return
        for number, line in enumerate(self._file, 1):
            self.done += len(line)
            try:
                identity = line.decode().strip()
            except UnicodeDecodeError:
                raise Unusable(f"line {number} of the identities is not UTF-8") from None
            if identity:
                yield identity


def run(options: Namespace) -> int:
    """Raises Unusable."""
    if options.plot and not options.plot.endswith(PLOT_SUFFIXES):
        raise Unusable(f"--plot {options.plot} ends in neither .png nor .svg")
    source = read_source(options.document, options.symbols)
    context = context_of(options.context)
    variants, engine = source.flag(options.flag), source.engine[options.flag]
    if not isinstance(variants, list) or not isinstance(engine, VariantFlag):
        raise Unusable(f"flag '{options.flag}' has no variants: everyone gets the same")
    with ExitStack() as closing:
        identities = Identities(options, closing)
        tick = _progress(identities, closing)
        patterns = count(variants, engine, options, context, identities, tick)
    total = sum(patterns.values())
    if not total:
        raise Unusable(f"{options.identities} has no identities")
    found = shares(variants, engine, patterns, total)
    warnings = warn(variants[: len(engine.names) - 1], options, context, patterns)
    title = f"{options.flag} by {options.key}, {total:,} identities"
    if options.plot:
        from fastext.commands.plot import draw

        draw(options.plot, title, [one.name for one in found], [one.percent for one in found])
    if options.json:
        print_json(
            {
                "document": source.path,
                "form": source.form,
                "flag": options.flag,
                "key": options.key,
                "context": context,
                "identities": total,
                "variants": [one.as_json() for one in found],
                "notes": source.notes,
                "warnings": warnings,
            }
        )
    else:
        show(console(), source, title, found, warnings)
    return DONE


# What the rules say of an identity, in order, and the name of the variant that it gets.
Pattern = tuple[tuple[bool, ...], str]


def count(
    variants: list[Variant],
    engine: VariantFlag,
    options: Namespace,
    context: dict[str, str],
    identities: Identities,
    tick: Callable[[], None],
) -> Counter[Pattern]:
    """How often each pattern occurs."""
    known = len(engine.names) - 1
    rules = [compile_rule(one.rule, options.flag).holds for one in variants[:known]]
    choose = engine.choose
    context = dict(context)
    patterns: Counter[Pattern] = Counter()
    for number, identity in enumerate(identities, 1):
        context[options.key] = identity
        patterns[tuple([holds(context) for holds in rules]), choose(context)] += 1
        if number % _STEP == 0:
            tick()
    return patterns


def shares(
    variants: list[Variant], engine: VariantFlag, patterns: Counter[Pattern], total: int
) -> list[Share]:
    known = len(engine.names) - 1
    found = []
    for place, variant in enumerate(variants):
        default = place == len(variants) - 1
        chosen = sum(number for (_, name), number in patterns.items() if name == variant.name)
        true_for = sum(number for (holds, _), number in patterns.items()
                       if place < known and holds[place])  # fmt: skip
        found.append(
            Share(
                variant.name,
                None if default else text_of(variant.rule),
                true_for if place < known else None,
                chosen,
                round(100 * chosen / total, 3),
            )
        )
    return found


def warn(
    variants: list[Variant], options: Namespace, context: dict[str, str], patterns: Counter[Pattern]
) -> list[str]:
    """A line for each of `variants`, those with a rule, that nobody got though it splits."""
    certain = shadowed(variants, options.flag)
    got = {name for _, name in patterns}
    lines: list[str] = []
    earlier: list[tuple[str, Split]] = []
    for place, variant in enumerate(variants):
        splits = [one for one in splits_of(variant.rule, options.flag) if not one.negated]
        positive = [one for one in splits if one.percentage > 0]
        if positive and variant.name not in got:
            lines.append(
                certain.get(variant.name)
                or _taken(place, variant.name, positive[0], earlier, patterns)
                or _untrue(variant, positive[0], {options.key, *context})
            )
        earlier += [(variant.name, one) for one in splits]
    return lines


def _taken(
    place: int,
    name: str,
    split: Split,
    earlier: list[tuple[str, Split]],
    patterns: Counter[Pattern],
) -> str | None:
    """Who takes all those for whom the rule at `place` is true; None if there are none."""
    takers: Counter[str] = Counter()
    for (holds, taker), number in patterns.items():
        if holds[place]:
            takers[taker] += number
    first = taken_by(split, earlier)
    if not takers:
        return None
    if first is not None and first in takers:
        return advice(name, split, first, earlier)
    said = ", ".join(f"'{one}' ({number:,})" for one, number in takers.most_common())
    return (
        f"'{name}' gets nobody, although its split says {split.percentage:g} %: whoever its rule "
        f"is true for gets a variant before it first: {said}"
    )


def _untrue(variant: Variant, split: Split, known: set[str]) -> str:
    missing = ", ".join(f"${key}" for key in sorted(variables_of(variant.rule) - known))
    why = (
        f"it reads {missing}, which neither --key nor --context gives"
        if missing
        else "try more of them, and `fastext explain` with one of them"
    )
    return (
        f"'{variant.name}' gets nobody: its rule, with a split of {split.percentage:g} %, is true "
        f"for none of these identities; {why}"
    )


def _progress(identities: Identities, closing: ExitStack) -> Callable[[], None]:
    """What shows how far `identities` have been taken, where that takes long and one can see it."""
    if not (identities.many and sys.stderr.isatty()):
        return lambda: None
    from rich.console import Console
    from rich.progress import Progress

    bar = closing.enter_context(Progress(console=Console(stderr=True), transient=True))
    task = bar.add_task("identities", total=identities.total)
    return lambda: bar.update(task, completed=identities.done)


def show(
    screen: "Console", source: Source, title: str, found: list[Share], warnings: list[str]
) -> None:
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    screen.print(f"{source.path}: {source.form}")
    for note in source.notes:
        screen.print(f"note: {note}", style="yellow")
    screen.print(f"{title}\n")
    table = Table()
    table.add_column("variant", overflow="fold")
    for heading in ("rule is true for", "get it", "%"):
        table.add_column(heading, justify="right")
    table.add_column("", min_width=BAR_COLUMNS)
    for one in found:
        # Blocks that a terminal cannot show would be question marks.
        bar = (
            Text("#" * round(one.percent * BAR_COLUMNS / 100))
            if screen.options.ascii_only
            else Bar(100, 0, one.percent, width=BAR_COLUMNS, color="green")
        )
        true_for = "-" if one.true_for is None else f"{one.true_for:,}"
        table.add_row(one.name, true_for, f"{one.chosen:,}", f"{one.percent:.1f}", bar)
    screen.print(table)
    for line in warnings:
        screen.print(f"\nwarning: {line}", style="yellow", soft_wrap=True)
