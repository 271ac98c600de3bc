"""The manual page of the compiled core: request targets and feature-flag documents.

Everything here is a pure function of its arguments.
"""

from typing import final

@final
class Route:
    """What a request-target asks for.

    `application`, `environment` and `profile` are names or IDs, percent-decoded. `flags` are the
    distinct values of `?flag=`, in the order of their first use; empty means the whole document.
    """

    @property
    def application(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def profile(self) -> str: ...
    @property
    def flags(self) -> tuple[str, ...]: ...
    @property
    def key(self) -> tuple[str, str, str]:
        """`(application, environment, profile)`, the identity of a configuration."""
    def __init__(
        self, application: str, environment: str, profile: str, flags: tuple[str, ...] = ()
    ) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class FlagIndex:
    """Where each flag of a feature-flag document stands in its bytes. Made by `index_flags`."""

    def __len__(self, /) -> int:
        """The number of distinct flags."""

def parse_target(target: bytes) -> Route:
    """Read an origin-form request-target (RFC 9112 section 3.2.1).

    The path is split on `/` before its segments are percent-decoded, so `%2F` is part of a name.
    Query parameters other than `flag` are ignored.

    Raises:
        UnknownPath: the path is not
            `/applications/{}/environments/{}/configurations/{}` with three names.
        BadRequest: a bad percent escape, not UTF-8, a control character, a name of more than
            128 characters, or an empty flag.

    >>> parse_target(b"/applications/a%2Fb/environments/e/configurations/c?flag=x")
    Route('a/b', 'e', 'c', ('x',))
    """

def parse_configuration(text: str) -> tuple[str, str, str]:
    """Read one item of PREFETCH_LIST, in either notation, to `(application, environment, profile)`.

    Raises UnknownPath or BadRequest with the reason.

    >>> parse_configuration("shop:production:features")
    ('shop', 'production', 'features')
    """

def part_etag(etag: bytes, part: bytes) -> bytes:
    """The entity-tag of a part of a document, with its quotation marks.

    `etag` is the document's; what follows it is a hash of the part's bytes that is quick and the
    same in every process.

    >>> part_etag(b"0f", b"{}") == part_etag(b"0f", b"{}") != part_etag(b"0f", b"[]")
    True
    """

DECODED_BYTES: int
"""Up to this size a document is decoded by orjson; above it, it is only scanned."""

def is_feature_flag(value: object) -> bool:
    """Whether a decoded value is a flag: an object with a boolean `enabled` or with `_variants`.

    A document is feature flags if it is an object of flags: the service never tells the profile's
    type.
    """

def index_flags(content: bytes) -> FlagIndex | None:
    """Index a feature-flag document, or None if `content` is not one.

    The work is done without the interpreter's lock but for the names, so that for a large document
    another thread can do it.
    """

def is_json(content: bytes) -> bool:
    """Whether `content` is one valid JSON value (RFC 8259), found out without decoding it.

    >>> is_json(b'[1, {"a": null}]'), is_json(b"[1,]")
    (True, False)
    """

def select_flags(index: FlagIndex, names: tuple[str, ...]) -> bytes:
    """The flags `names` (distinct, at least one), cut from the document byte for byte.

    One name gives that flag's value alone; several give an object of them in the document's order.

    Raises UnknownFlag naming every flag that the document does not have.

    >>> select_flags(index_flags(b'{"a":{"enabled":true},"b":{"enabled":1e2}}'), ("b",))
    """
