"""The form in which AppConfig stores feature flags, and what the service makes of it.

`{"version": "1", "flags": {definitions}, "values": {values}}` is what is deployed; callers get the
values alone, as `served` says.

Source: AWS AppConfig user guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags";
answers of the service.
"""

from typing import Any

# Members that describe a value, which the service keeps to itself.
METADATA = ("_createdAt", "_updatedAt")

# `enabled` as text, by Go's strconv.ParseBool, which the service reads it with.
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def is_storage(tree: Any) -> bool:
    """Whether a JSON document is in the storage form, or is meant to be.

    A document of flags could have flags of these names; but a flag is an object that says whether
    it is enabled.
    """
    if not isinstance(tree, dict):
        return False
    if "version" in tree and not isinstance(tree["version"], dict):
        return True
    members = [tree[name] for name in ("flags", "values") if name in tree]
    return bool(members) and not any(
        isinstance(member, dict)
        and ("_variants" in member or isinstance(member.get("enabled"), bool))
        for member in members
    )


def as_boolean(enabled: object) -> bool | None:
    """What the service takes `enabled` for, of which none is false; or None if it refuses it."""
    if isinstance(enabled, str):
        return True if enabled in _TRUE else False if enabled in _FALSE else None
    if enabled is None:
        return False
    return enabled if isinstance(enabled, bool) else None


def served(tree: dict[str, Any]) -> dict[str, Any]:
    """The flags that the service gives for a stored document: sorted, of disabled ones no more.

    Variants stay, with their rules, as they do where Ion is asked for. What the service would not
    have taken is left for the engine to refuse.
    """
    values = tree.get("values")
    if not isinstance(values, dict):
        return {}
    return {name: _served_value(values[name]) for name in sorted(values)}


def _served_value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "_variants" in value:
        variants = value["_variants"]
        known = isinstance(variants, list)
        return {"_variants": [_served_variant(one) for one in variants] if known else variants}
    enabled = as_boolean(value.get("enabled"))
    if enabled is False:
        return {"enabled": False}
    kept = {name: value[name] for name in sorted(value) if name not in METADATA}
    return {**kept, "enabled": value["enabled"] if enabled is None else enabled}


def _served_variant(variant: Any) -> Any:
    if not isinstance(variant, dict) or as_boolean(variant.get("enabled")) is None:
        return variant
    return {**variant, "enabled": as_boolean(variant.get("enabled"))}
