"""Documents whose flags have variants, read from Ion or JSON into what is evaluated.

The service gives variants with their rules only as Ion, and only to who asks for it; a JSON
document with `_variants`, as in local development, means the same. Everything is checked and every
rule compiled here, once: a document is taken whole or refused with the place of the fault.

Loaded only when such a document arrives.

Source: AWS AppConfig user guide, "Creating multi-variant feature flags"; the Ion form as seen in
answers of the service.
"""

import orjson

from fastext._parse import index_flags, select_flags
from fastext.decoding import JSONDecodeError, decode
from fastext.errors import IonError, RuleError, UnknownSymbolError, VariantsError
from fastext.ion import Annotated, Symbol, UnknownSymbol, read_ion, read_text_value
from fastext.rules import Rule, VariantFlag, VariantFlags, compile_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from fastext.ion_values import Value

    # The flags of a document by name: variants, or the JSON of a flag that has none.
    Parsed: TypeAlias = "dict[str, list[Variant] | bytes]"


class Read:
    """A document that was read, and a line for each flag that cannot be evaluated in full."""

    __slots__ = ("flags", "warnings")

    def __init__(self) -> None:
        self.flags: VariantFlags | None = None
        self.warnings: list[str] = []


def read_ion_flags(content: bytes, symbols: "Mapping[int, str]") -> Read:
    """Read the service's Ion form. Raises ContentError."""
    return compiled(parse_ion_flags(content, symbols))


def read_json_flags(content: bytes) -> Read | None:
    """Read a JSON document of flags of which some have `_variants`; None if it is not one.

    Raises ContentError.
    """
    parsed = parse_json_flags(content)
    return None if parsed is None else compiled(parsed)


def parse_ion_flags(content: bytes, symbols: "Mapping[int, str]") -> "Parsed":
    """Parse the service's Ion form: one annotated value for each flag.

    A string is the JSON of a flag without variants. A list has `name::[rule, json]` for each
    variant, and last the default's JSON alone. `symbols` gives further texts of symbol IDs.

    Raises ContentError.
    """
    flags: Parsed = {}
    for number, value in enumerate(read_ion(content, symbols), 1):
        name = only_annotation(value, f"value {number}")
        assert isinstance(value, Annotated)
        if isinstance(value.value, list):
            flags[name] = [ion_variant(item, f"flag '{name}'") for item in value.value]
        else:
            flags[name] = flag_json(value.value, f"flag '{name}'")
    return flags


def parse_json_flags(content: bytes) -> "Parsed | None":
    """Parse a JSON document of flags of which some have `_variants`; None if it is not one.

    Each variant has `name` and `enabled`, `attributeValues` at will, and `rule` unless it is the
    last, the default.

    Raises ContentError.
    """
    try:
        tree = decode(content)
    except JSONDecodeError:
        return None
    if type(tree) is not dict or not all(type(flag) is dict for flag in tree.values()):
        return None
    if not any("_variants" in flag for flag in tree.values()):
        return None
    index = index_flags(content)
    flags: Parsed = {}
    for name, flag in tree.items():
        where = f"flag '{name}'"
        if "_variants" not in flag:
            if index is None or type(flag.get("enabled")) is not bool:
                raise VariantsError(f"{where} has neither `_variants` nor a boolean `enabled`")
            flags[name] = select_flags(index, (name,))  # byte for byte
            continue
        variants = flag["_variants"]
        if type(variants) is not list or not variants:
            raise VariantsError(f"{where}: `_variants` is not a list with at least one variant")
        flags[name] = [json_variant(item, f"{where}, variant {n}")
                       for n, item in enumerate(variants, 1)]  # fmt: skip
    return flags


def compiled(parsed: "Parsed") -> Read:
    """Compile the rules of all flags. Raises VariantsError or RuleError."""
    read = Read()
    flags = {
        name: flag if isinstance(flag, bytes) else new_flag(name, flag, read.warnings)
        for name, flag in parsed.items()
    }
    read.flags = VariantFlags(flags, {name: orjson.dumps(name) for name in flags})
    return read


class Variant:
    """One variant as it stands in the document; `rule` is None in the default."""

    __slots__ = ("name", "rule", "value")

    def __init__(self, name: str, rule: "Value", value: bytes) -> None:
        self.name = name
        self.rule = rule
        self.value = value


def new_flag(name: str, variants: list[Variant], warnings: list[str]) -> VariantFlag:
    """Compile a flag's rules. Raises VariantsError or RuleError with the place in the document.

    Behind a rule with a symbol that is not known the default is chosen: whether the rule would
    have been true, and so what follows it, cannot be told.
    """
    where = f"flag '{name}'"
    if not variants:
        raise VariantsError(f"{where} has no variants")
    default = variants[-1]
    if default.rule is not None:
        raise VariantsError(f"{where}: the last variant, '{default.name}', has a rule")
    rules: list[Rule] = []
    known: list[Variant] = []
    for variant in variants[:-1]:
        at = f"{where}, variant '{variant.name}'"
        if variant.rule is None:
            raise VariantsError(f"{at} has no rule, though it is not the last")
        if variant.name in [other.name for other in known]:
            raise VariantsError(f"{where} has two variants '{variant.name}'")
        try:
            rules.append(compile_rule(variant.rule, name))
        except UnknownSymbolError as fault:
            warnings.append(
                f"{at}: {fault.message}, so this rule and those behind it are not evaluated; "
                f"who matches none before it gets '{default.name}'"
            )
            break
        except RuleError as fault:
            fault.message = f"{at}: {fault.message}"
            raise
        known.append(variant)
    chosen = (*known, default)
    return VariantFlag(
        tuple(variant.name for variant in chosen),
        tuple(rules),
        tuple(variant.value for variant in chosen),
    )


# -- Ion


def ion_variant(item: "Value", where: str) -> Variant:
    """`name::[rule, json]`, or the default's JSON. Raises VariantsError.

    A pair that is written by hand may leave its name to the `_variant` of the JSON.
    """
    if isinstance(item, str) and not isinstance(item, Symbol):
        value = flag_json(item, where)
        return Variant(variant_name(value) or "default", None, value)
    pair = item.value if isinstance(item, Annotated) else item
    name = only_annotation(item, where) if isinstance(item, Annotated) else ""
    at = f"{where}, variant '{name}'" if name else f"{where}, a variant without annotation"
    if not isinstance(pair, list) or len(pair) not in (1, 2):
        raise VariantsError(f"{at} is not a list of a rule and JSON")
    value = flag_json(pair[-1], at)
    name = name or variant_name(value)
    if not name:
        raise VariantsError(f"{at} has no `_variant` either")
    value = with_variant_first(value, name, at)
    return Variant(name, pair[0] if len(pair) == 2 else None, value)


def only_annotation(value: "Value", where: str) -> str:
    """The annotation that names a flag or a variant. Raises VariantsError."""
    if not isinstance(value, Annotated) or len(value.annotations) != 1:
        raise VariantsError(f"{where} does not have one annotation, its name")
    name = value.annotations[0]
    if isinstance(name, UnknownSymbol):
        raise VariantsError(f"the name of {where} is the symbol {name!r}, which is not known")
    return str(name)


def flag_json(value: "Value", where: str) -> bytes:
    """The JSON of a flag, checked, byte for byte. Raises VariantsError."""
    if not isinstance(value, str) or isinstance(value, Symbol):
        raise VariantsError(f"{where} is neither a string of JSON nor a list of variants")
    try:
        content = value.encode()
        tree = decode(content)
    except (JSONDecodeError, UnicodeEncodeError) as fault:
        raise VariantsError(f"{where}: the JSON is malformed: {fault}") from None
    if type(tree) is not dict or type(tree.get("enabled")) is not bool:
        raise VariantsError(f"{where}: the JSON is no object with a boolean `enabled`")
    return content


def variant_name(value: bytes) -> str:
    name = decode(value).get("_variant")
    return name if type(name) is str else ""


def with_variant_first(value: bytes, name: str, where: str) -> bytes:
    """The JSON of a variant as it is, if it says first which one it is; else so that it does.

    Raises VariantsError.
    """
    if value.startswith(b'{"_variant":'):
        return value
    tree = decode(value)
    return as_json({"_variant": tree.pop("_variant", name), **tree}, where)


def as_json(tree: "dict[str, Any]", where: str) -> bytes:
    """Raises VariantsError: orjson reads what is nested deeper than it writes."""
    try:
        return orjson.dumps(tree)
    except orjson.JSONEncodeError as fault:
        raise VariantsError(f"{where}: the JSON cannot be written: {fault}") from None


# -- JSON


def json_variant(item: "Any", where: str) -> Variant:
    """Raises VariantsError or RuleError."""
    if type(item) is not dict:
        raise VariantsError(f"{where} is not an object")
    name, enabled = item.get("name"), item.get("enabled")
    if type(name) is not str or not name:
        raise VariantsError(f"{where} has no `name`")
    if type(enabled) is not bool:
        raise VariantsError(f"{where}, '{name}', has no boolean `enabled`")
    attributes = item.get("attributeValues", {})
    if type(attributes) is not dict:
        raise VariantsError(f"{where}, '{name}': `attributeValues` is not an object")
    # As the service would give it: sorted, and of a disabled variant nothing but that.
    members = {"enabled": enabled, **(attributes if enabled else {})}
    value = as_json({"_variant": name, **dict(sorted(members.items()))}, f"{where}, '{name}'")
    text = item.get("rule")
    if text is None:
        return Variant(name, None, value)
    if type(text) is not str:
        raise VariantsError(f"{where}, '{name}': `rule` is not a string")
    try:
        return Variant(name, read_text_value(text), value)
    except IonError as fault:
        raise RuleError(f"{where}, '{name}': the rule cannot be read: {fault.message}") from None
