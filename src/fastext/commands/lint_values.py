"""Faults of values: attributes, alone and against their constraints, flags and variants.

Source: AWS AppConfig user guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags";
what the service refuses and what it makes fit, as its answers show.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastext.commands.faults import KEY, Faults, at
from fastext.commands.lint_rules import rule_text, variants_in_order
from fastext.commands.source import Members
from fastext.commands.storage import METADATA, as_boolean

MAX_TEXT_CHARACTERS = 1024
MAX_ATTRIBUTES = 25
MAX_VARIANTS = 32

_NAME = re.compile(r"[^\n]{1,64}")
_TYPES: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.ion_values import Value

# Definitions of attributes by name, or None where the document has no definitions.
Definitions = Mapping[str, Any] | None


def type_of(value: object) -> str | None:
    """string, number, boolean or array; None for what no attribute can be."""
    return next((name for name, fits in _TYPES.items() if fits(value)), None)


def is_object(faults: Faults, path: str, value: object) -> bool:
    """Whether `value` is an object; if not, that is a fault, and so is a name that it repeats."""
    if not isinstance(value, dict):
        faults.error(path, f"is {shown(value)}, not an object")
        return False
    for name in value.repeated if isinstance(value, Members) else ():
        faults.error(at(path, name), "is there more than once; the last one counts")
    return True


def key(faults: Faults, path: str, name: str, of: str) -> None:
    if not KEY.fullmatch(name):
        faults.error(
            path, f"is no key of {of}: a lower-case letter, then up to 63 letters, digits, _ and -"
        )


def shown(value: object) -> str:
    """A value as a message shows it."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def attribute(faults: Faults, path: str, value: object) -> bool:
    """Whether `value` can be an attribute's at all."""
    before = faults.errors
    kind = type_of(value)
    if kind is None:
        faults.error(path, f"is {shown(value)}, neither a string, a number, a boolean nor an array")
    elif isinstance(value, str):
        _text(faults, path, value)
    elif isinstance(value, list):
        kinds = {type_of(element) for element in value}
        if not (kinds <= {"string"} or kinds <= {"number"}):
            faults.error(path, "is an array of neither strings alone nor numbers alone")
        for place, element in enumerate(value):
            if isinstance(element, str):
                _text(faults, at(path, place), element)
    return faults.errors == before


def _text(faults: Faults, path: str, value: str) -> None:
    if len(value) > MAX_TEXT_CHARACTERS:
        faults.error(path, f"has {len(value)} characters, over {MAX_TEXT_CHARACTERS}")


def constrained(faults: Faults, path: str, value: Any, constraints: Mapping[str, Any]) -> None:
    """Hold an attribute's value to its constraints, as far as these are sound."""
    kind = constraints.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        return
    if not _TYPES[kind](value):
        faults.error(path, f"is {shown(value)}, but its constraints want a {kind}")
        return
    allowed = constraints.get("enum")
    if isinstance(allowed, list) and value not in allowed:
        faults.error(path, f"is {shown(value)}, which is not in the enum of its constraints")
    pattern = constraints.get("pattern")
    if kind == "string" and isinstance(pattern, str):
        found = matches(pattern, value)
        if found is False:
            faults.error(path, f"is {shown(value)}, which does not match {shown(pattern)}")
    for bound, below in (("minimum", True), ("maximum", False)):
        limit = constraints.get(bound)
        if kind == "number" and type_of(limit) == "number" and value != limit:
            assert isinstance(limit, int | float)
            if (value < limit) is below:
                faults.error(
                    path, f"is {value}, {'below' if below else 'above'} its {bound} {limit}"
                )
    elements = constraints.get("elements")
    if kind == "array" and isinstance(elements, dict):
        for place, element in enumerate(value):
            constrained(faults, at(path, place), element, elements)


def matches(pattern: str, value: str) -> bool | None:
    """Whether RE2 finds `pattern` in `value`; None where it refuses the pattern."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options).search(value) is not None
    except re2.error:
        return None


def attributes(
    faults: Faults, path: str, values: Mapping[str, Any], definitions: Definitions, *, enabled: bool
) -> None:
    """The attributes of one flag or variant."""
    if len(values) > MAX_ATTRIBUTES:
        faults.error(path, f"has {len(values)} attributes, over {MAX_ATTRIBUTES}")
    for name, value in values.items():
        place = at(path, name)
        key(faults, place, name, "an attribute")
        sound = attribute(faults, place, value)
        if definitions is None or not KEY.fullmatch(name):
            continue
        if name not in definitions:
            faults.error(place, "is not among the attributes that the flag defines")
        elif sound:
            constrained(faults, place, value, _constraints(definitions[name]))
    for name, definition in (definitions or {}).items():
        if enabled and name not in values and _constraints(definition).get("required") is True:
            faults.error(path, f"lacks the attribute {name}, which is required")


def _constraints(definition: Any) -> Mapping[str, Any]:
    constraints = definition.get("constraints") if isinstance(definition, dict) else None
    return constraints if isinstance(constraints, dict) else {}


def flag(
    faults: Faults, path: str, name: str, value: Any, definitions: Definitions, *, stored: bool
) -> None:
    """One flag's value, `stored` or as it is served."""
    key(faults, path, name, "a flag")
    if not is_object(faults, path, value):
        return
    if "_variants" in value:
        extra = [member for member in value if member not in ("_variants", *METADATA)]
        for member in extra:
            faults.error(at(path, member), "stands beside _variants, which must stand alone")
        variants(faults, at(path, "_variants"), name, value["_variants"], definitions, stored)
        return
    is_on = enabled(faults, at(path, "enabled"), value, stored=stored, required=not stored)
    rest = {member: one for member, one in value.items() if member not in ("enabled", *METADATA)}
    for member in METADATA:
        if member in value:
            _metadata(faults, at(path, member), value[member], stored)
    if not stored:
        said = rest.pop("_variant", "")
        if not isinstance(said, str):
            faults.error(at(path, "_variant"), f"is {shown(said)}, not a variant's name")
        if rest and not is_on:
            faults.warn(path, "is disabled and has attributes; the service would not serve them")
    attributes(faults, path, rest, definitions, enabled=is_on)


def _metadata(faults: Faults, path: str, value: object, stored: bool) -> None:
    if not isinstance(value, str):
        faults.error(path, f"is {shown(value)}, not a string")
    elif not stored:
        faults.warn(path, "is of the storage form; the service does not serve it")


def enabled(
    faults: Faults, path: str, value: Mapping[str, Any], *, stored: bool, required: bool
) -> bool:
    """What `enabled` comes to; the service reads texts as booleans, the engine does not."""
    said = value.get("enabled")
    read = as_boolean(said)
    if isinstance(said, bool):
        return said
    if required and "enabled" not in value:
        faults.error(path, "is missing")
    elif not stored or read is None:
        faults.error(path, f"is {shown(said)}, not a boolean")
    elif said is None:
        faults.warn(path, "is missing or null, which the service takes for false")
    else:
        faults.warn(path, f"is {shown(said)}, which the service takes for {str(read).lower()}")
    return read is True


def variants(
    faults: Faults, path: str, flag_name: str, found: Any, definitions: Definitions, stored: bool
) -> None:
    """`_variants` of one flag."""
    if not isinstance(found, list) or not found:
        faults.error(path, f"is {shown(found)}, not an array with at least one variant")
        return
    if len(found) > MAX_VARIANTS:
        faults.error(path, f"has {len(found)} variants, over {MAX_VARIANTS}")
    names: list[str] = []
    rules: list[tuple[str, str, Value]] = []
    for place, one in enumerate(found):
        where = at(path, place)
        if not is_object(faults, where, one):
            continue
        name = one.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            faults.error(
                at(where, "name"),
                "is missing" if "name" not in one
                else f"is {shown(name)}, not 1 to 64 characters on one line",
            )  # fmt: skip
        elif name in names:
            faults.error(at(where, "name"), f"is {shown(name)}, as that of a variant before it")
        else:
            names.append(name)
        for member in one:
            if member not in ("name", "enabled", "rule", "attributeValues"):
                faults.error(at(where, member), "is no member of a variant")
        is_on = enabled(faults, at(where, "enabled"), one, stored=stored, required=True)
        values = one.get("attributeValues", {})
        if is_object(faults, at(where, "attributeValues"), values):
            attributes(
                faults, at(where, "attributeValues"), values, definitions, enabled=is_on
            )  # fmt: skip
        rule = rule_text(faults, at(where, "rule"), one, place == len(found) - 1, flag_name)
        if rule is not None:
            rules.append((at(where, "rule"), str(name), rule))
    variants_in_order(faults, rules, flag_name)
