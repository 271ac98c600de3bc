"""What an answer of the AppConfig Data API means, whichever client has received it.

`fields` are an answer's by lower-case name. Errors are told apart by code, status and members,
never by their text. Nothing of an answer is taken to have the form that it should have.

Source: AppConfig Data API reference; AWS REST-JSON 1.0 protocol (Smithy), "Operation error
serialization". botocore's parser is the measure in the tests.
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
from fastext.session import Retrieved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

# What the agent asks for (seen on the wire): feature flags with their rules, which the service
# gives as Ion where any flag has variants, and everything else as it is.
ACCEPT = "application/ion;type=AWS.AppConfig.FeatureFlags;q=1.0,*/*;q=0.1"

REFERENCE = "ConfigurationToken"

# What is shorter is no secret of AWS, and may be a part of any word.
SHORTEST_SECRET = 16

# Of what a service says no more is looked at; a message is shorter.
MOST_SHOWN = 8192
_WHITE = b" \t\r\n"  # RFC 8259 section 2

START, GET = "StartConfigurationSession", "GetLatestConfiguration"

THROTTLING = frozenset({"ThrottlingException", "TooManyRequestsException", "Throttling"})
EXPIRED_CREDENTIALS = frozenset({"ExpiredTokenException", "ExpiredToken"})
REFUSED_CREDENTIALS = EXPIRED_CREDENTIALS | {"InvalidClientTokenId"}

# Whose cause are the credentials themselves, and not what they may do.
REFUSED_KEYS = REFUSED_CREDENTIALS | {"InvalidAccessKeyId", "UnrecognizedClientException"}


# ---------------------------------------------------------------- what was asked for


def usual_token(content: bytes) -> "str | None":
    """The initial token, where it is the only member and has no escapes, or None.

    A token is base64, so this is nearly always it, and needs no JSON module.
    """
    before, _, rest = content.partition(b'"InitialConfigurationToken"')
    colon, _, rest = rest.partition(b'"')
    token, _, after = rest.partition(b'"')
    frame = (before.strip(_WHITE), colon.strip(_WHITE), after.strip(_WHITE))
    text = token.decode("latin-1")
    if frame != (b"{", b":", b"}") or "\\" in text or not (text.isascii() and text.isprintable()):
        return None
    return text or None


def initial_token(content: bytes) -> str:
    """The token of an answer of StartConfigurationSession. Raises Unavailable."""
    token = usual_token(content) or members_of(content).get("InitialConfigurationToken")
    if not isinstance(token, str) or not token or not token.isascii():
        raise Unavailable(f"{START}: the answer lacks 'InitialConfigurationToken'")
    return token


def retrieved(fields: "Mapping[str, str]", content: bytes) -> Retrieved:
    """An answer of GetLatestConfiguration. Raises Unavailable."""
    next_token = fields.get("next-poll-configuration-token")
    if not next_token:
        raise Unavailable(f"{GET}: the answer lacks 'NextPollConfigurationToken'")
    if fields.get("content-encoding", "identity").lower() != "identity":
        raise Unavailable(f"{GET}: the content is encoded, which was not asked for")
    try:
        next_interval_s = float(int(fields.get("next-poll-interval-in-seconds", "0")))
    except (ValueError, OverflowError):
        next_interval_s = 0.0  # then our own interval holds
    return Retrieved(
        content=content,
        content_type=fields.get("content-type", ""),
        version_label=fields.get("version-label", ""),
        next_token=next_token,
        next_interval_s=next_interval_s,
    )


def members_of(content: bytes) -> "dict[str, Any]":
    """The members of a JSON body; what is not JSON is a message."""
    import json

    try:
        # Decoded here, because JSON is UTF-8 without a mark (RFC 8259 section 8.1).
        value = json.loads(content.decode()) if content else {}
    except (ValueError, RecursionError):
        value = {"message": content.decode("utf-8", "replace")}
    return value if isinstance(value, dict) else {}


# ---------------------------------------------------------------- errors


def error_of(
    status: int, fields: "Mapping[str, str]", content: bytes
) -> "tuple[str, str, dict[str, Any]]":
    """Code, message and members of an error answer."""
    start = content.strip()[:6].lower()
    if status >= 500 and start in (b"", b"<html>"):
        return str(status), "", {}
    members = members_of(content)
    named = (fields.get("x-amzn-errortype"), *map(members.get, ("code", "Code", "__type")))
    code = next((name for name in named if name and isinstance(name, str)), str(status))
    said = (members.get(name) for name in ("message", "Message"))
    message = next((text for text in said if isinstance(text, str)), "")
    return code.partition(":")[0].rpartition("#")[2], message, members


def service_error(
    operation: str,
    status: int,
    code: str,
    message: str,
    members: "Mapping[str, Any]",
    secrets: "Iterable[str]" = (),
) -> UpstreamError:
    """Our error for an error answer; `members` are those of its body.

    `secrets` are what was sent with the request and is not to be told, should the answer repeat
    it, as those of gateways do.
    """
    secrets, problem = tuple(secrets), token_problem(members)
    text = hidden(f"{operation}: {code}: {without_signed(message) or 'no message'}", secrets)
    shown, details = hidden(problem, secrets), without(secrets, details_of(members))
    if code in THROTTLING or status == 429:
        return Throttled(text)
    if status in (401, 403) or code in REFUSED_CREDENTIALS:
        return AccessDenied(text)
    if status == 404:
        return NotFound(text, details)
    if code == "BadRequestException" and operation == GET:
        if problem == "PollIntervalNotSatisfied":
            return PolledTooEarly(text, details)
        return TokenRejected(f"{text} ({shown})" if shown else text, details)
    if status == 400:
        return InvalidUpstreamRequest(text, details)
    return Unavailable(text)


def hidden(text: str, secrets: "Iterable[str]") -> str:
    """`text`, or its begin, without any of `secrets`, in whatever case and spelling they are there.

    That is: percent-encoded once or more often, or escaped for JSON or HTML.
    """
    import re

    # No pattern for each secret, which would be kept by `re`, hundreds of them.
    one = r"%(?:25)*([0-9a-f]{2})|&#x0*([0-9a-f]{1,5});|&#0*([0-9]{1,6});|\\?(.)"
    signs = list(re.finditer(one, text[:MOST_SHOWN], re.IGNORECASE | re.DOTALL))
    plain = "".join([_sign(*found.groups()) for found in signs])
    shown = [found[0] for found in signs]
    for secret in secrets:
        sought = secret.lower()
        at = plain.find(sought) if len(sought) >= SHORTEST_SECRET else -1
        while at >= 0:
            shown[at : at + len(sought)] = ["***"] + [""] * (len(sought) - 1)
            at = plain.find(sought, at + len(sought))
    return "".join(shown)


def _sign(octet: "str | None", hexadecimal: "str | None", decimal: "str | None", sign: str) -> str:
    """The one character, in lower case, that is spelt in one of the four ways."""
    if octet or hexadecimal:
        return chr(int(octet or hexadecimal or "", 16)).lower()[:1]
    return chr(int(decimal)).lower()[:1] if decimal else sign.lower()[:1]


def without(secrets: "Iterable[str]", value: "Any") -> "Any":
    """`value`, as it is in a body, without `secrets` in any of its texts."""
    if isinstance(value, dict):
        return {hidden(name, secrets): without(secrets, each) for name, each in value.items()}
    return hidden(value, secrets) if isinstance(value, str) else value


def without_signed(message: str) -> str:
    """A service's message but for what AWS adds where a signature is wrong: all that was signed.

    That has the session token in it, and the configuration token. Nor for the signature itself.
    """
    line = message.partition("\n")[0].partition("The Canonical String")[0]
    return line.partition("Signature=")[0].rstrip()


def details_of(members: "Mapping[str, Any]") -> "dict[str, Any]":
    """The members of the service's error bodies that the caller gets to see.

    Not among them: the configuration token by which the service refers to what is not there.
    """
    details: dict[str, Any] = {
        name: members[name]
        for name in ("ResourceType", "Reason")
        if isinstance(members.get(name), str)
    }
    references = members.get("ReferencedBy")
    named = {
        name: value
        for name, value in (references.items() if isinstance(references, dict) else ())
        if name != REFERENCE and isinstance(value, str)
    }
    if named:
        details["ReferencedBy"] = named
    if problems := problems_of(members):
        details["Details"] = {
            "InvalidParameters": {name: {"Problem": said} for name, said in problems.items()}
        }
    return details


def problems_of(members: "Mapping[str, Any]") -> dict[str, str]:
    """What is wrong with which parameter: Corrupted, Expired, PollIntervalNotSatisfied."""
    details = members.get("Details")
    parameters = details.get("InvalidParameters") if isinstance(details, dict) else None
    if not isinstance(parameters, dict):
        return {}
    problems = {
        name: parameter.get("Problem")
        for name, parameter in parameters.items()
        if isinstance(parameter, dict)
    }
    return {name: said for name, said in problems.items() if said and isinstance(said, str)}


def token_problem(members: "Mapping[str, Any]") -> str:
    """What a BadRequestException says of the token, or ""."""
    return next(iter(problems_of(members).values()), "")
