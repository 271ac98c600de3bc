"""A retrieved configuration: immutable, and read for its flags at most once.

What the service says about a configuration is user data (a content type and a version label can
be set to anything), so it is checked here before it may become a header field of ours.
"""

from fastext._parse import DECODED_BYTES, FlagIndex, index_flags, is_json
from fastext.digest import sha256
from fastext.errors import ContentError
from fastext.freshness import Freshness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from fastext.rules import VariantFlags

# application, environment, configuration profile: names or IDs, as the caller wrote them.
# A profile asked for by name and by ID is two configurations, because the data API never tells
# that they are one.
Key = tuple[str, str, str]

DEFAULT_CONTENT_TYPE = "application/octet-stream"

# A media type or label that is longer than this is no use in a header field.
MAX_FIELD_CHARACTERS = 1024

# What a document may be kept as, in a file: `Document.kept_as`.
BACKUP = "backup"
SNAPSHOT = "snapshot"


def key_text(key: Key) -> str:
    """`key` as log lines and messages name it: application:environment:configuration."""
    return ":".join(key)


def is_field_value(text: str) -> bool:
    """Whether `text` may stand in a header field: visible ASCII, spaces inside (RFC 9110 §5.5)."""
    return (
        len(text) <= MAX_FIELD_CHARACTERS
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
    )


class Document:
    """One version of a configuration.

    `flags_known` says that `flags` has been found out already, because somebody has asked for it.

    `content` are the bytes as they came; `content_type` and `version_label` ("" where the
    deployed version has none) are fit for header fields; `version` counts changes of the content,
    from 1. `variants` is there where flags have variants; then `warnings` has a line for each flag
    that cannot be evaluated in full, and `replies` is room for what was evaluated.
    `described` is room for the header fields of its replies, once one was made.
    `freshness` is that of the configuration, where it is polled. For what was read
    from a file, `kept_as` is `backup` or `snapshot`, and `saved_at` when it was saved, in seconds
    since the epoch; for what the service has sent they are "" and 0.
    """

    __slots__ = ("_etag", "_flags", "content", "content_type", "described", "flags_known",
                 "freshness", "kept_as", "replies", "saved_at", "variants", "version",
                 "version_label", "warnings")  # fmt: skip

    def __init__(
        self, content: bytes, content_type: str, version_label: str = "", version: int = 1
    ) -> None:
        self.content = content
        self.content_type = (
            content_type
            if content_type and is_field_value(content_type)
            else (DEFAULT_CONTENT_TYPE)
        )
        self.version_label = version_label if is_field_value(version_label) else ""
        self.version = version
        self._etag = b""
        self.described = b""
        self.freshness: Freshness | None = None
        self.saved_at = 0.0
        self.kept_as = ""
        self.flags_known = False
        self._flags: FlagIndex | None = None
        self.variants: VariantFlags | None = None
        self.warnings: list[str] = []
        self.replies: dict[tuple[object, ...], Any] = {}

    @property
    def etag(self) -> bytes:
        """What tells this content and type from all others: 32 hexadecimal digits."""
        if not self._etag:
            digest = sha256(self.content)
            digest.update(self.content_type.encode("ascii"))
            self._etag = digest.hexdigest()[:32].encode("ascii")
        return self._etag

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        return self.media_type == "application/json" or self.media_type.endswith("+json")

    @property
    def flags(self) -> FlagIndex | None:
        """Where the flags stand, or None where the document is not feature flags."""
        if not self.flags_known:
            self._flags = index_flags(self.content) if self.is_json else None
            self.flags_known = True
        return self._flags

    @property
    def flags_at_once(self) -> bool:
        """Whether `flags` takes no longer than a request may hold up the others."""
        return self.flags_known or len(self.content) <= DECODED_BYTES or not self.is_json

    def follows(self, other: "Document") -> bool:
        """Whether this is a change of `other`'s content, not only of its description."""
        return (self.content, self.content_type) != (other.content, other.content_type)


def check_flags(document: Document) -> None:
    """Raises ContentError where flags are expected, and what claims to be JSON is none.

    JSON that is something else than flags is a change that somebody has meant.
    """
    if not document.content or not document.is_json or document.flags is not None:
        return  # no content is "unchanged"
    if is_json(document.content):
        return
    from fastext.decoding import JSONDecodeError, decode

    try:
        decode(document.content)
    except JSONDecodeError as fault:  # which says where
        raise ContentError(f"it is no JSON: {fault}") from None


def read_document(
    content: bytes,
    content_type: str,
    version_label: str,
    symbols: "Callable[[], Mapping[int, str]]",
) -> Document:
    """A document as it was retrieved, with its variants compiled.

    `symbols` gives texts of Ion's symbol IDs; it is asked for Ion alone.

    Raises ContentError where its flags have variants and are malformed.
    """
    document = Document(content, content_type, version_label)
    read = None
    if document.media_type == "application/ion":
        from fastext.variants import (
            read_ion_flags,
        )  # late: an ordinary document needs nothing of it

        read = read_ion_flags(content, symbols())
    elif document.is_json and b'"_variants"' in content:
        from fastext.variants import read_json_flags

        read = read_json_flags(content)
    if read is not None:
        document.variants, document.warnings = read.flags, read.warnings
    return document
