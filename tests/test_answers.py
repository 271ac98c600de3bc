"""What the service's answers mean, with botocore's parser as the measure."""

import io

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from fastext.answers import (
    GET,
    START,
    error_of,
    initial_token,
    retrieved,
    service_error,
    token_problem,
    usual_token,
)
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


def test_details_are_those_that_the_service_s_model_has():
    members = {
        "ResourceType": None,
        "Reason": ["x"],
        "ReferencedBy": {"a": "b", "c": 5},
        "Details": {
            "InvalidParameters": {
                "t": {"Problem": "Expired", "Other": 1}, "u": {}, "v": None, "w": {"Problem": 5},
            },
            "Other": {},
        },
        "Other": "x",
    }  # fmt: skip
    assert service_error(START, 400, "BadRequestException", "m", members).details == {
        "ReferencedBy": {"a": "b"},
        "Details": {"InvalidParameters": {"t": {"Problem": "Expired"}}},
    }
    nothing = {"ReferencedBy": {"ConfigurationToken": "t"}, "Details": {}}
    assert service_error(START, 404, "X", "m", nothing).details == {}


# ---------------------------------------------------------------- as botocore reads them


class _Raw(io.BytesIO):
    def stream(self, *_, **__):
        yield self.read()


@pytest.fixture
def botocore_reads(monkeypatch):
    """What botocore makes of an answer: its members, or those of its error."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = botocore.session.Session().create_client("appconfigdata", "eu-west-1")
    said = {}

    def answer(request, **_):
        return AWSResponse(request.url, said["status"], said["fields"], _Raw(said["content"]))

    client.meta.events.register("before-send", answer)

    def read(operation, status, fields, content):
        said.update(status=status, fields=fields, content=content)
        try:
            if operation == GET:
                return client.get_latest_configuration(ConfigurationToken="t")
            return client.start_configuration_session(
                ApplicationIdentifier="a",
                EnvironmentIdentifier="e",
                ConfigurationProfileIdentifier="c",
            )
        except ClientError as fault:
            return fault.response

    return read


@pytest.mark.parametrize(
    "content",
    [b'{"InitialConfigurationToken":"a"}', b' \n{"InitialConfigurationToken" : "a+/=" }\t',
     b'{ "InitialConfigurationToken":"a\\u0062"}', b'{"x":1,"InitialConfigurationToken":"a"}',
     b'{"InitialConfigurationToken":"a","InitialConfigurationToken":"b"}',
     b'{"x":"\\"InitialConfigurationToken\\":\\"no\\"","InitialConfigurationToken":"yes"}'],
)  # fmt: skip
def test_the_initial_token_is_the_one_that_botocore_reads(botocore_reads, content):
    expected = botocore_reads(START, 201, {}, content)["InitialConfigurationToken"]
    assert initial_token(content) == expected
    assert usual_token(content) in (expected, None)


@pytest.mark.parametrize(
    "content",
    [b"", b"xxx", b"[]", b"{}", b'{"InitialConfigurationToken":"a"',
     b'{"initialConfigurationToken":"a"}',
     b'{"InitialConfigurationToken":"a"}garbage', b'{"InitialConfigurationToken":"a\nb"}',
     b'{"InitialConfigurationToken":null}', b'{"InitialConfigurationToken":""}',
     b'{,"InitialConfigurationToken":"a"}', b'{"InitialConfigurationToken":"a\xff"}',
     b'\xef\xbb\xbf{"InitialConfigurationToken":"a"}', b'\x0b{"InitialConfigurationToken":"a"}',
     '{"InitialConfigurationToken":"a"}'.encode("utf-16"),
     b'{"InitialConfigurationToken":"\\ud800"}', b'{"InitialConfigurationToken":["a"]}'],
)  # fmt: skip
def test_what_is_no_json_or_no_token_is_none(content):
    assert usual_token(content) is None
    with pytest.raises(Unavailable, match="lacks 'InitialConfigurationToken'"):
        initial_token(content)


@pytest.mark.parametrize("interval", ["45", "0", "-1", None])
def test_a_configuration_is_the_one_that_botocore_reads(botocore_reads, interval):
    fields = {"next-poll-configuration-token": "n", "content-type": "a/b", "version-label": "v"}
    if interval is not None:
        fields["next-poll-interval-in-seconds"] = interval
    theirs, ours = botocore_reads(GET, 200, fields, b"x"), retrieved(fields, b"x")
    assert ours.content == theirs["Configuration"].read()
    assert (ours.content_type, ours.version_label) == (
        theirs["ContentType"],
        theirs["VersionLabel"],
    )
    assert ours.next_token == theirs["NextPollConfigurationToken"]
    assert ours.next_interval_s == theirs.get("NextPollIntervalInSeconds", 0)


@pytest.mark.parametrize("interval", ["soon", "", "4.5", "9" * 400, "9" * 5000])
def test_an_interval_that_is_no_number_leaves_our_own(interval):
    fields = {"next-poll-configuration-token": "n", "next-poll-interval-in-seconds": interval}
    got = retrieved(fields, b"x")
    assert (got.content, got.next_interval_s) == (b"x", 0.0)


@pytest.mark.parametrize(
    ("encoding", "taken"), [("gzip", False), ("br", False), ("Identity", True)]
)
def test_encoded_content_is_none(encoding, taken):
    fields = {"next-poll-configuration-token": "n", "content-encoding": encoding}
    if taken:
        assert retrieved(fields, b"x").content == b"x"
        return
    with pytest.raises(Unavailable, match="the content is encoded"):
        retrieved(fields, b"x")


NAMED = "x-amzn-errortype"


@pytest.mark.parametrize(
    ("status", "fields", "content"),
    [
        (400, {}, b'{"message":"m"}'),
        (400, {}, b'{"__type":"a#BadRequestException","Message":"m"}'),
        (400, {}, b'{"code":"ThrottlingException:x"}'),
        (400, {}, b'{"__type":"ThrottlingException","code":null}'),
        (400, {}, b'{"__type":"A","code":"B"}'),
        (403, {NAMED: "a.b#AccessDeniedException:http://x"}, b'{"message":"m"}'),
        (403, {NAMED: "A"}, b'{"__type":"B","code":"C"}'),
        (500, {}, b"<html>oops</html>"),
        (502, {}, b""),
        (503, {}, b'{"Message":null}'),
        (404, {NAMED: "ResourceNotFoundException"},
         b'{"Message":"m","ResourceType":"Environment","ReferencedBy":{"a":"b"}}'),
        (400, {NAMED: "BadRequestException"},
         b'{"Message":"m","Reason":"InvalidParameters","Details":{"InvalidParameters":'
         b'{"ConfigurationToken":{"Problem":"Corrupted"}}}}'),
    ],
)  # fmt: skip
def test_an_error_is_the_one_that_botocore_reads(botocore_reads, status, fields, content):
    theirs = botocore_reads(GET, status, fields, content)
    code, message, members = error_of(status, fields, content)
    assert code == theirs["Error"]["Code"]
    if not content.startswith(b"<") and content:
        assert message == (theirs["Error"]["Message"] or "")
    details = service_error(GET, status, code, message, members).details
    assert details == {name: theirs[name] for name in details}
    assert {"ResourceType", "ReferencedBy", "Reason", "Details"} & set(theirs) == set(details)
