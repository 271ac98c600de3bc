"""What the service's error answers mean."""

import pytest

from fastext.answers import GET, START, service_error, token_problem
from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    PolledTooEarly,
    Throttled,
    TokenRejected,
    Unavailable,
)


def problem(text):
    return {"Details": {"InvalidParameters": {"ConfigurationToken": {"Problem": text}}}}


@pytest.mark.parametrize(
    ("operation", "status", "code", "members", "error"),
    [
        (START, 429, "", {}, Throttled),
        (START, 400, "ThrottlingException", {}, Throttled),
        (START, 401, "UnrecognizedClientException", {}, AccessDenied),
        (START, 403, "AccessDeniedException", {}, AccessDenied),
        (START, 400, "ExpiredTokenException", {}, AccessDenied),
        (START, 404, "ResourceNotFoundException", {}, NotFound),
        (START, 400, "BadRequestException", {}, InvalidUpstreamRequest),
        (GET, 400, "BadRequestException", {}, TokenRejected),
        (GET, 400, "BadRequestException", problem("Expired"), TokenRejected),
        (GET, 400, "BadRequestException", problem("PollIntervalNotSatisfied"), PolledTooEarly),
        (GET, 400, "ValidationException", {}, InvalidUpstreamRequest),
        (GET, 500, "InternalServerException", {}, Unavailable),
        (GET, 302, "302", {}, Unavailable),
    ],
)
def test_code_status_and_members_decide(operation, status, code, members, error):
    fault = service_error(operation, status, code, "said", members)
    assert type(fault) is error
    assert fault.message.startswith(f"{operation}: {code}: said")


def test_an_error_without_a_message_says_so():
    assert service_error(GET, 500, "X", "", {}).message == f"{GET}: X: no message"


def test_the_members_that_a_caller_may_use_are_kept():
    members = {"ResourceType": "Application", "ReferencedBy": {"a": "b"}, "Secret": "x"}
    assert service_error(START, 404, "X", "m", members).details == {
        "ResourceType": "Application", "ReferencedBy": {"a": "b"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "members", [{}, {"Details": None}, {"Details": "x"}, {"Details": {"InvalidParameters": []}},
                {"Details": {"InvalidParameters": {"t": "x"}}}, problem(None)],
)  # fmt: skip
def test_where_no_problem_is_named_there_is_none(members):
    assert token_problem(members) == ""


def test_what_was_signed_and_the_token_are_not_told():
    signed = "It does not match.\n\nThe Canonical String should have been 'x-amz-security-token:t'"
    refused = service_error(GET, 403, "InvalidSignatureException", signed, {})
    assert refused.message == f"{GET}: InvalidSignatureException: It does not match."
    at_once = service_error(GET, 403, "X", "No. The Canonical String is 't'", {})
    assert at_once.message == f"{GET}: X: No."
    gone = service_error(
        GET, 404, "ResourceNotFoundException", "gone",
        {"ReferencedBy": {"ConfigurationToken": "t", "ApplicationIdentifier": "a"}},
    )  # fmt: skip
    assert gone.details == {"ReferencedBy": {"ApplicationIdentifier": "a"}}
