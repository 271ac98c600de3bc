"""What an answer of the AppConfig Data API means, whichever client has received it.

Errors are told apart by code, status and members, never by their text.

Source: AppConfig Data API reference, "Errors" of StartConfigurationSession and
GetLatestConfiguration; AWS REST-JSON 1.0 protocol (Smithy), "Operation error serialization".
"""

from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    PolledTooEarly,
    Throttled,
    TokenRejected,
    Unavailable,
    UpstreamError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# What the agent asks for (seen on the wire): feature flags with their rules, which the service
# gives as Ion where any flag has variants, and everything else as it is.
ACCEPT = "application/ion;type=AWS.AppConfig.FeatureFlags;q=1.0,*/*;q=0.1"

REFERENCE = "ConfigurationToken"

START, GET = "StartConfigurationSession", "GetLatestConfiguration"

THROTTLING = frozenset({"ThrottlingException", "TooManyRequestsException", "Throttling"})
EXPIRED_CREDENTIALS = frozenset({"ExpiredTokenException", "ExpiredToken"})
REFUSED_CREDENTIALS = EXPIRED_CREDENTIALS | {"InvalidClientTokenId"}

# The members of the service's error bodies that the caller gets to see as they are.
DETAILS = ("ResourceType", "ReferencedBy", "Reason", "Details")


def service_error(
    operation: str, status: int, code: str, message: str, members: "Mapping[str, Any]"
) -> UpstreamError:
    """Our error for an error answer; `members` are those of its body."""
    text = f"{operation}: {code}: {without_signed(message) or 'no message'}"
    details = {name: without_token(members[name]) for name in DETAILS if name in members}
    if code in THROTTLING or status == 429:
        return Throttled(text)
    if status in (401, 403) or code in REFUSED_CREDENTIALS:
        return AccessDenied(text)
    if status == 404:
        return NotFound(text, details)
    if code == "BadRequestException" and operation == GET:
        problem = token_problem(members)
        if problem == "PollIntervalNotSatisfied":
            return PolledTooEarly(text, details)
        return TokenRejected(f"{text} ({problem})" if problem else text, details)
    if status == 400:
        return InvalidUpstreamRequest(text, details)
    return Unavailable(text)


def without_signed(message: str) -> str:
    """A service's message but for what AWS adds where a signature is wrong: all that was signed.

    That has the session token in it, and the configuration token.
    """
    return message.partition("\n")[0].partition("The Canonical String")[0].rstrip()


def without_token(detail: "Any") -> "Any":
    """A detail but for the configuration token by which the service refers to what is not there."""
    if isinstance(detail, dict) and isinstance(detail.get(REFERENCE), str):
        return {name: value for name, value in detail.items() if name != REFERENCE}
    return detail


def token_problem(members: "Mapping[str, Any]") -> str:
    """What a BadRequestException says of the token: Corrupted, Expired, PollInterval..., or ""."""
    details = members.get("Details")
    parameters = details.get("InvalidParameters") if isinstance(details, dict) else None
    for parameter in parameters.values() if isinstance(parameters, dict) else ():
        problem = parameter.get("Problem") if isinstance(parameter, dict) else None
        if problem:
            return str(problem)
    return ""
