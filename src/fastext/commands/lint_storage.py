"""Faults of a document in the storage form.

Source: AWS AppConfig user guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags".
"""

import re
from typing import Any

from fastext.commands import lint_values
from fastext.commands.faults import Faults, at
from fastext.commands.lint_values import (
    MAX_ATTRIBUTES,
    MAX_TEXT_CHARACTERS,
    is_object,
    key,
    shown,
    type_of,
)

MAX_PATTERN_CHARACTERS = 1024
MAX_ENUM = 100

_DEFINITION = ("name", "description", "_createdAt", "_updatedAt", "_deprecation", "attributes")
_CONSTRAINTS = {
    "string": ("pattern", "enum"),
    "number": ("minimum", "maximum", "enum"),
    "boolean": (),
    "array": ("elements",),
}
_NAME = re.compile(r"[^\n]{1,64}")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)


def storage(faults: Faults, tree: Any) -> None:
    """All faults of a stored document."""
    if not is_object(faults, "", tree):
        return
    if "version" not in tree:
        faults.error("version", 'is missing; it is "1"')
    elif tree["version"] != "1":
        faults.error("version", f'is {shown(tree["version"])}, not "1"')
    for member in tree:
        if member not in ("version", "flags", "values"):
            faults.error(at("", member), "is neither version, flags nor values")
    flags = tree.get("flags", {})
    if is_object(faults, "flags", flags):
        for name, definition in flags.items():
            _definition(faults, at("flags", name), name, definition)
    else:
        flags = None
    values = tree.get("values", {})
    if not is_object(faults, "values", values):
        return
    for name, value in values.items():
        path = at("values", name)
        if flags is not None and name not in flags:
            faults.error(path, "is a value of a flag that is not among the flags")
        defined = (flags or {}).get(name)
        attributes = defined.get("attributes", {}) if isinstance(defined, dict) else None
        known = attributes if isinstance(attributes, dict) else None
        lint_values.flag(faults, path, name, value, known, stored=True)
    for name in flags or {}:
        if name not in values:
            faults.warn(at("flags", name), "has no value, so it is not served at all")


def _definition(faults: Faults, path: str, name: str, definition: Any) -> None:
    key(faults, path, name, "a flag")
    if not is_object(faults, path, definition):
        return
    for member, value in definition.items():
        place = at(path, member)
        if member not in _DEFINITION:
            faults.warn(place, "is no member of a definition; the service drops it")
        elif member == "name":
            if not isinstance(value, str) or not _NAME.fullmatch(value):
                faults.error(place, f"is {shown(value)}, not 1 to 64 characters on one line")
        elif member == "description":
            _description(faults, place, value)
        elif member == "_deprecation":
            _deprecation(faults, place, value)
        elif member == "attributes":
            _attributes(faults, place, value)
        elif not isinstance(value, str):
            faults.error(place, f"is {shown(value)}, not a string")


def _description(faults: Faults, path: str, value: Any) -> None:
    if not isinstance(value, str):
        faults.error(path, f"is {shown(value)}, not a string")
    elif len(value) > MAX_TEXT_CHARACTERS:
        faults.error(path, f"has {len(value)} characters, over {MAX_TEXT_CHARACTERS}")


def _deprecation(faults: Faults, path: str, value: Any) -> None:
    if not is_object(faults, path, value):
        return
    if value.get("status", "planned") != "planned":
        faults.error(at(path, "status"), f'is {shown(value["status"])}, not "planned"')
    date = value.get("date", "2024-01-01")
    if not isinstance(date, str) or not _DATE.fullmatch(date):
        faults.error(at(path, "date"), f"is {shown(date)}, not a date such as 2024-12-31")
    for member in value:
        if member not in ("status", "date"):
            faults.error(at(path, member), "is neither status nor date")


def _attributes(faults: Faults, path: str, value: Any) -> None:
    if not is_object(faults, path, value):
        return
    if len(value) > MAX_ATTRIBUTES:
        faults.error(path, f"has {len(value)} attributes, over {MAX_ATTRIBUTES}")
    for name, definition in value.items():
        place = at(path, name)
        key(faults, place, name, "an attribute")
        if not is_object(faults, place, definition):
            continue
        for member in definition:
            if member not in ("description", "constraints"):
                faults.warn(at(place, member), "is no member of a definition; the service drops it")
        _description(faults, at(place, "description"), definition.get("description", ""))
        if "constraints" in definition:
            _constraints(faults, at(place, "constraints"), definition["constraints"], _CONSTRAINTS)


def _constraints(faults: Faults, path: str, value: Any, types: dict[str, tuple[str, ...]]) -> None:
    if not is_object(faults, path, value):
        return
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in types:
        said = "is missing" if "type" not in value else f"is {shown(kind)}"
        faults.error(at(path, "type"), f"{said}; it is one of {', '.join(types)}")
        return
    if not isinstance(value.get("required", True), bool):
        faults.error(at(path, "required"), f"is {shown(value['required'])}, not a boolean")
    for member in value:
        if member not in ("type", "required", *types[kind]):
            faults.error(at(path, member), f"is no constraint of a {kind}")
    if kind == "string" and "pattern" in value and "enum" in value:
        faults.error(path, "has both a pattern and an enum; one of them is allowed")
    if kind == "string" and "pattern" in value:
        _pattern(faults, at(path, "pattern"), value["pattern"])
    if kind in ("string", "number") and "enum" in value:
        _enum(faults, at(path, "enum"), value["enum"], kind)
    if kind == "number":
        _bounds(faults, path, value)
    if kind == "array" and "elements" in value:
        types = {kind: _CONSTRAINTS[kind] for kind in ("string", "number")}
        _constraints(faults, at(path, "elements"), value["elements"], types)


def _pattern(faults: Faults, path: str, value: Any) -> None:
    if not isinstance(value, str):
        faults.error(path, f"is {shown(value)}, not a string")
    elif len(value) > MAX_PATTERN_CHARACTERS:
        faults.error(path, f"has {len(value)} characters, over {MAX_PATTERN_CHARACTERS}")
    elif lint_values.matches(value, "") is None:
        faults.warn(path, "is not checked: RE2 does not read it")


def _enum(faults: Faults, path: str, value: Any, kind: str) -> None:
    if not isinstance(value, list):
        faults.error(path, f"is {shown(value)}, not an array")
        return
    if len(value) > MAX_ENUM:
        faults.error(path, f"has {len(value)} elements, over {MAX_ENUM}")
    for place, element in enumerate(value):
        integer = isinstance(element, int) and not isinstance(element, bool)
        if kind == "number" and type_of(element) != "number":
            faults.error(at(path, place), f"is {shown(element)}, not a number")
        elif kind == "string" and not (isinstance(element, str) or integer):
            faults.error(at(path, place), f"is {shown(element)}, neither a string nor an integer")
        elif isinstance(element, str) and len(element) > MAX_TEXT_CHARACTERS:
            faults.error(
                at(path, place), f"has {len(element)} characters, over {MAX_TEXT_CHARACTERS}"
            )  # fmt: skip


def _bounds(faults: Faults, path: str, value: dict[str, Any]) -> None:
    sound = True
    for bound in ("minimum", "maximum"):
        limit = value.get(bound, 0)
        if not isinstance(limit, int) or isinstance(limit, bool):
            faults.error(at(path, bound), f"is {shown(limit)}, not an integer")
            sound = False
    if sound and "minimum" in value and "maximum" in value and value["minimum"] > value["maximum"]:
        faults.error(path, "has a minimum above its maximum, so that no value is allowed")
