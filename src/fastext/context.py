"""What a caller says of itself in header fields, for the evaluation of variants.

Source: AWS AppConfig user guide, "Retrieving multi-variant feature flags"; where it is silent, as
docs/behaviour.md says.
"""

from collections.abc import Iterable

from fastext.errors import BadRequest

# The variable that the Entity-Id field sets.
ENTITY_ID = "entityId"

# A caller that says more than this of itself is mistaken.
MAX_PAIRS = 1024


def read_context(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The context in `fields`, pairs of lower-case name and value, of which most are others.

    `Context: key=value` may be repeated and may hold several pairs, separated by commas; of one
    key the last counts. Keys are case-sensitive, values are texts, and nothing is percent-decoded.
    `Entity-Id: value` sets the variable entityId.

    Raises BadRequest for a pair without `=`.
    """
    context: dict[str, str] = {}
    entity_id = None
    for name, value in fields:
        if name == b"context":
            for item in text(value).split(","):
                key, equals, said = item.partition("=")
                if equals and key.strip():
                    context[key.strip()] = said.strip()
                elif item.strip():
                    raise BadRequest("the Context field is not a list of key=value")
        elif name == b"entity-id":
            entity_id = text(value)
    if entity_id is not None:
        context[ENTITY_ID] = entity_id
    if len(context) > MAX_PAIRS:
        raise BadRequest(f"the Context field has over {MAX_PAIRS} keys")
    return context


def text(value: bytes) -> str:
    """UTF-8, as most clients send it, or else ISO 8859-1, which RFC 9110 allows for history."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
