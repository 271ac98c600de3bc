"""Which variant each flag of a document takes for a context, and why, as JSON.

The document's own compiled rules decide, which serve as well; the words about them are those of
`fastext explain`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastext._parse import select_flags
from fastext.commands.explain import choices
from fastext.commands.expression import text_of
from fastext.commands.source import ION_BINARY, ION_TEXT, RETRIEVAL, VARIANTS, Source
from fastext.commands.storage import is_storage
from fastext.decoding import JSONDecodeError, decode
from fastext.document import Document, Key, key_text
from fastext.errors import NotFeatureFlags, UnknownFlag
from fastext.ion_binary import VERSION_MARKER
from fastext.rules import VariantFlag
from fastext.variants import compiled, parse_ion_flags, parse_json_flags


class Explainer:
    """Explains documents; the rules of the last one are kept, for the next context.

    Threads may share it. `symbols` gives texts of Ion's symbol IDs.
    """

    def __init__(self, symbols: Callable[[], Mapping[int, str]]) -> None:
        self._symbols = symbols
        self._last: tuple[Document, Source] | None = None

    def explain(
        self, key: Key, document: Document, flags: tuple[str, ...], context: dict[str, str]
    ) -> dict[str, object]:
        """All flags in short, or `flags` rule by rule.

        Raises NotFeatureFlags or UnknownFlag.
        """
        source = self._source(key, document)
        missing = [name for name in flags if name not in source.flags]
        if missing:
            names = ", ".join(map(repr, missing))
            raise UnknownFlag(f"configuration '{key_text(key)}': no such flag: {names}")
        return {
            "configuration": source.path,
            "form": source.form,
            "version": document.version,
            "notes": source.notes,
            "context": context,
            "flags": [
                in_short(source, name, context) | (in_full(source, name, context) if flags else {})
                for name in flags or source.flags
            ],
        }

    def _source(self, key: Key, document: Document) -> Source:
        last = self._last
        if last is None or last[0] is not document:
            last = self._last = (document, source_of(key, document, self._symbols))
        return last[1]


def in_short(source: Source, name: str, context: dict[str, str]) -> dict[str, Any]:
    """A flag, its value as it is served, and the rule that has chosen.

    `variant` is None where the flag has no variants. `rule` is None where the default was taken;
    then `unknown` names the variant whose rule stands in the way, because it cannot be evaluated.
    """
    engine, variants = source.engine[name], source.flags[name]
    said = {"name": name, "served": source.engine.evaluate((name,), context).decode()}
    if not isinstance(engine, VariantFlag) or not isinstance(variants, list):
        return {**said, "variant": None, "variants": 0, "rule": None, "unknown": None}
    variant = engine.choose(context)
    number = engine.names.index(variant)
    if engine.names.count(variant) > 1:  # the default may be called like one before it
        number = [one.chosen for one in choices(source, name, context)].index(True)
    chosen = number < len(engine.names) - 1
    # The engine stops before a rule that it cannot evaluate.
    unknown = variants[number].name if not chosen and number < len(variants) - 1 else None
    return {
        **said,
        "variant": variant,
        "variants": len(variants),
        "rule": text_of(variants[number].rule) if chosen else None,
        "unknown": unknown,
    }


def in_full(source: Source, name: str, context: dict[str, str]) -> dict[str, Any]:
    """Every variant of a flag with what the engine finds in its rule."""
    return {"choices": [choice.as_json() for choice in choices(source, name, context)]}


def source_of(key: Key, document: Document, symbols: Callable[[], Mapping[int, str]]) -> Source:
    """`document` as it is served, with the rules that it was compiled from.

    Raises NotFeatureFlags.
    """
    content, engine = document.content, document.variants
    if engine is None:
        parsed = plain_flags(key, document)
        engine = compiled(parsed).flags
        form = RETRIEVAL
    elif document.is_json:
        parsed = parse_json_flags(content) or {}
        form = VARIANTS
    else:
        parsed = parse_ion_flags(content, symbols())
        form = ION_BINARY if content.startswith(VERSION_MARKER) else ION_TEXT
    assert engine is not None
    return Source(key_text(key), form, parsed, engine, list(document.warnings))


def plain_flags(key: Key, document: Document) -> dict[str, Any]:
    """The flags of a document that are the same for everybody. Raises NotFeatureFlags."""
    index = document.flags
    if index is not None:
        return {name: select_flags(index, (name,)) for name in decode(document.content)}
    hint = ""
    if document.is_json and stored(document.content):
        hint = (
            "; it is in the form in which AppConfig stores flags, and what it serves are their "
            "values alone: `fastext explain` reads both"
        )
    raise NotFeatureFlags(
        f"configuration '{key_text(key)}' has no flags: its content ({document.content_type}) is "
        f"not a feature-flag document{hint}"
    )


def stored(content: bytes) -> bool:
    try:
        return is_storage(decode(content))
    except JSONDecodeError:
        return False
