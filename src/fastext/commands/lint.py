"""`fastext lint`: every fault of a feature-flag document, with its path."""

import sys
from argparse import Namespace
from typing import Any

import orjson

from fastext.commands import DONE, FAULTY, lint_values
from fastext.commands.faults import Faults, at
from fastext.commands.lint_rules import rule, variants_in_order
from fastext.commands.lint_storage import storage
from fastext.commands.output import print_json
from fastext.commands.source import (
    ION_BINARY,
    ION_TEXT,
    RETRIEVAL,
    STORAGE,
    VARIANTS,
    Unusable,
    is_ion,
    json_of,
    read_file,
    read_source,
    read_symbols,
)
from fastext.commands.storage import is_storage
from fastext.errors import ContentError
from fastext.ion import Annotated, read_ion
from fastext.ion_binary import VERSION_MARKER
from fastext.variants import flag_json, ion_variant, only_annotation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.ion_values import Value


def run(options: Namespace) -> int:
    """0 without errors, 1 with. Raises Unusable for what is neither JSON nor Ion."""
    content = read_file(options.document)
    faults = Faults()
    if is_ion(content):
        form = ION_BINARY if content.startswith(VERSION_MARKER) else ION_TEXT
        _ion(faults, options.document, content, read_symbols(options.symbols))
    else:
        tree = json_of(content, options.document)
        form = STORAGE if is_storage(tree) else RETRIEVAL
        if form == STORAGE:
            storage(faults, tree)
        elif lint_values.is_object(faults, "", tree):
            for name, value in tree.items():
                lint_values.flag(faults, at("", name), name, value, None, stored=False)
                form = VARIANTS if isinstance(value, dict) and "_variants" in value else form
    if not faults.errors:
        _ask_engine(faults, options)
    _report(options, form, faults)
    return FAULTY if faults.errors else DONE


def _ask_engine(faults: Faults, options: Namespace) -> None:
    """What the engine refuses is a fault, whatever the checks above say."""
    try:
        read_source(options.document, options.symbols)
    except Unusable as fault:
        faults.error("", str(fault))


def _report(options: Namespace, form: str, faults: Faults) -> None:
    warnings = len(faults.found) - faults.errors
    if options.json:
        print_json(
            {
                "document": options.document,
                "form": form,
                "errors": faults.errors,
                "warnings": warnings,
                "faults": [
                    {"path": one.path, "severity": one.severity, "message": one.message}
                    for one in faults.found
                ],
            }
        )
        return
    lines = [f"{one.path or 'the document'}: {one.severity}: {one.message}" for one in faults.found]
    counted = f"{number(faults.errors, 'error')}, {number(warnings, 'warning')}"
    lines.append(f"{options.document} ({form}): {counted}")
    sys.stdout.write("\n".join(lines) + "\n")


def number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _ion(faults: Faults, path: str, content: bytes, symbols: dict[int, str]) -> None:
    """Faults of the Ion form: one annotated value for each flag. Raises Unusable."""
    try:
        values = read_ion(content, symbols)
    except ContentError as fault:
        raise Unusable(f"{path} is not Ion: {fault.message}") from None
    if not any(isinstance(value, Annotated) for value in values):
        raise Unusable(f"{path} is no feature-flag document: it is not JSON, and no Ion of flags")
    names: set[str] = set()
    for place, value in enumerate(values):
        try:
            name = only_annotation(value, f"value {place + 1}")
        except ContentError as fault:
            faults.error(at("", place), fault.message)
            continue
        assert isinstance(value, Annotated)
        if name in names:
            faults.error(at("", name), "is there more than once; the last one counts")
        names.add(name)
        if isinstance(value.value, list):
            _ion_variants(faults, at("", name), name, value.value)
        else:
            _ion_json(faults, at("", name), name, value.value)


def _ion_json(faults: Faults, path: str, flag: str, value: Any) -> None:
    try:
        tree = orjson.loads(flag_json(value, f"flag '{flag}'"))
    except ContentError as fault:
        faults.error(path, fault.message)
        return
    lint_values.flag(faults, path, flag, tree, None, stored=False)


def _ion_variants(faults: Faults, path: str, flag: str, items: list[Any]) -> None:
    if not items:
        faults.error(path, "has no variants")
    names: list[str] = []
    rules: list[tuple[str, str, Value]] = []
    for place, item in enumerate(items):
        where, last = at(path, place), place == len(items) - 1
        try:
            variant = ion_variant(item, f"flag '{flag}'")
        except ContentError as fault:
            faults.error(where, fault.message)
            continue
        if variant.name in names:
            faults.error(where, f"is a second variant '{variant.name}'")
        names.append(variant.name)
        lint_values.flag(faults, where, flag, orjson.loads(variant.value), None, stored=False)
        if variant.rule is None:
            if not last:
                faults.error(where, "has no rule; every variant but the last one needs one")
        elif last:
            faults.error(where, "has a rule, but the last variant is the default")
        elif rule(faults, at(where, 0), variant.rule, flag):
            rules.append((at(where, 0), variant.name, variant.rule))
    variants_in_order(faults, rules, flag)
