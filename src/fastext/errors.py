"""Every failure that fastext names, as one tree; each leaf knows the HTTP status that tells of it.

    FastextError
    +-- RequestError            what the caller sent cannot be answered
    |   +-- BadRequest              400  malformed HTTP, target, escape or flag parameter
    |   +-- NotFeatureFlags         400  ?flag= on a document that is not feature flags
    |   +-- Unauthorized            401  not the access token
    |   +-- UnknownPath             404  no such resource here
    |   +-- UnknownFlag             404  the document has no such flag
    |   +-- MethodNotAllowed        405
    |   +-- RequestTimeout          408  it has not come whole in time
    |   +-- PreconditionFailed      412  If-Match names something else
    |   +-- ContentTooLarge         413
    |   +-- TargetTooLong           414
    |   +-- Misdirected             421  a Host that is not served here
    |   +-- HeadTooLarge            431
    |   +-- TooManyConnections      503
    |   +-- TooManyConfigurations   503
    +-- UpstreamError           AWS AppConfig did not give us what we asked for
    |   +-- InvalidUpstreamRequest  400  AWS calls our parameters invalid
    |   +-- TokenRejected           502  expired, corrupted or used configuration token
    |   +-- PolledTooEarly          502  the service wants the poll interval kept
    |   +-- AccessDenied            403
    |   +-- NotFound                404  application, environment, profile or deployment
    |   +-- Throttled               429
    |   +-- Unavailable             502  no usable answer: refused, reset, garbage, 5xx, credentials
    |   +-- TimedOut                504  no complete answer within the poll time-out
    |   +-- Unusable                502  a document that is not what it claims to be
    +-- ContentError            a document, or a part of it, cannot be used as what it claims to be
    |   +-- IonError
    |   +-- ManifestError
    |   +-- BackupError
    |   +-- VariantsError
    |   +-- RuleError
    |       +-- UnknownSymbolError
    +-- LifecycleError          Lambda or the sandbox did not let us start as asked
        +-- ExtensionsApiError      the Extensions API refused or could not be reached
        +-- PortTaken               the HTTP port is in use

Statuses follow AWS's published OpenAPI of the agent (400, 404, 500, 502, 504) and what is known of
the real agent beyond it (403, 429).
"""

from fastext.lifecycle_errors import (
    ExtensionsApiError,
    FastextError,
    LifecycleError,
    PortTaken,
)

__all__ = ["ExtensionsApiError", "FastextError", "LifecycleError", "PortTaken"]


class RequestError(FastextError):
    """What the caller sent cannot be answered."""


class BadRequest(RequestError):
    status = 400


class NotFeatureFlags(RequestError):
    status = 400


class Unauthorized(RequestError):
    status = 401
    fields = ((b"WWW-Authenticate", b"Bearer"),)  # RFC 6750 section 3


class UnknownPath(RequestError):
    status = 404


class UnknownFlag(RequestError):
    status = 404


class MethodNotAllowed(RequestError):
    status = 405
    fields = ((b"Allow", b"GET, HEAD"),)  # RFC 9110 section 15.5.6 demands the field


class RequestTimeout(RequestError):
    status = 408


class PreconditionFailed(RequestError):
    status = 412


class ContentTooLarge(RequestError):
    status = 413


class TargetTooLong(RequestError):
    status = 414


class Misdirected(RequestError):
    status = 421


class HeadTooLarge(RequestError):
    status = 431


class TooManyConnections(RequestError):
    status = 503


class TooManyConfigurations(RequestError):
    status = 503


class UpstreamError(FastextError):
    """AWS AppConfig, or the way to it, did not give what was asked for."""

    status = 502


class InvalidUpstreamRequest(UpstreamError):
    status = 400


class TokenRejected(UpstreamError):
    """The configuration token is expired, corrupted or used: only a new session helps."""


class PolledTooEarly(UpstreamError):
    """The service wants its poll interval kept; the session and its token stay good."""


class AccessDenied(UpstreamError):
    status = 403


class NotFound(UpstreamError):
    status = 404


class Throttled(UpstreamError):
    status = 429


class Unavailable(UpstreamError):
    status = 502


class TimedOut(UpstreamError):
    status = 504


class Unusable(UpstreamError):
    """What the service gave is not what it claims to be, such as flags with a malformed rule."""

    status = 502


class ContentError(FastextError):
    """A document, or a part of it, cannot be used as what it claims to be."""


class IonError(ContentError):
    """Malformed Ion, or more of it than is read; the message says where in the document."""


class VariantsError(ContentError):
    """A flag with variants that is not made as one; the message says which and why."""


class RuleError(ContentError):
    """A rule that cannot be compiled."""


class UnknownSymbolError(RuleError):
    """A rule with a symbol of which only the ID is known: AWS does not publish its tables."""


class ManifestError(ContentError):
    """A manifest that cannot be used; the message begins with the JSON path of the fault."""


class BackupError(ContentError):
    """A file that is no backup; the message is the predicate of a sentence."""
