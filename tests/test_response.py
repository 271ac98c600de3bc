"""Responses, read back by an HTTP parser that is not ours."""

import h11
import orjson
import pytest

from fastext import response
from fastext._lane import STATUS_LINES
from fastext.document import Document
from fastext.errors import MethodNotAllowed, NotFound

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def parsed(reply, method="GET", with_body=True, connection=b""):
    """Status, fields and content as h11 reads them."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "l")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"".join(reply.buffers(DATE, connection, with_body=with_body)))
    head = client.next_event()
    content = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        content += bytes(event.data)
    assert client.trailing_data[0] == b""
    return head.status_code, dict(head.headers), content


def test_a_document_goes_out_with_what_is_known_of_it():
    document = Document(b"x: 1\n", "application/x-yaml", "v 1", version=7)
    status, fields, content = parsed(response.whole(document))
    assert (status, content) == (200, b"x: 1\n")
    assert fields == {
        b"content-type": b"application/x-yaml",
        b"configuration-version": b"7",
        b"version-label": b"v 1",
        b"content-length": b"5",
        b"etag": b'"%b"' % document.etag,
        b"date": DATE,
    }


def test_an_entity_tag_is_of_content_and_type():
    one = Document(b"x", "text/plain").etag
    assert one == Document(b"x", "text/plain", "v2", version=9).etag
    assert one != Document(b"x", "text/html").etag
    assert one != Document(b"y", "text/plain").etag


def test_without_a_label_there_is_no_field_for_it():
    assert b"Version-Label" not in response.whole(Document(b"", "text/plain")).head


def test_a_part_of_a_document_replaces_its_content_only():
    status, fields, content = parsed(response.part(Document(b"{}", "application/json"), b'{"a":1}'))
    assert (status, content, fields[b"content-length"]) == (200, b'{"a":1}', b"7")


def test_without_a_body_the_length_is_told_nevertheless():
    reply = response.whole(Document(b"x" * 10, "text/plain"))
    status, fields, content = parsed(reply, "HEAD", with_body=False)
    assert (status, fields[b"content-length"], content) == (200, b"10", b"")


@pytest.mark.parametrize(("size", "buffers"), [(16 * 1024, 1), (16 * 1024 + 1, 2)])
def test_a_large_body_is_not_copied(size, buffers):
    content = b"x" * size
    written = response.whole(Document(content, "text/plain")).buffers(DATE, b"", with_body=True)
    assert len(written) == buffers
    assert buffers == 1 or written[1] is content


def test_an_error_is_json_with_the_service_s_members():
    fault = NotFound("Deployment not found", {"ResourceType": "Deployment"})
    status, fields, content = parsed(response.error(fault))
    assert (status, fields[b"content-type"]) == (404, b"application/json")
    assert orjson.loads(content) == {
        "Message": "Deployment not found",
        "ResourceType": "Deployment",
    }


def test_an_error_s_own_fields_are_sent():
    status, fields, _ = parsed(response.error(MethodNotAllowed("no")))
    assert (status, fields[b"allow"]) == (405, b"GET, HEAD")


@pytest.mark.parametrize(
    ("now", "date"),
    [(784111777, DATE), (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
     (1709164799.9, b"Wed, 28 Feb 2024 23:59:59 GMT")],
)  # fmt: skip
def test_dates_are_imf_fixdates(now, date):
    assert response.http_date(now) == date


def test_every_error_has_a_status_line_that_rfc_9110_has():
    from http import HTTPStatus

    from fastext import errors

    for name in dir(errors):
        status = getattr(getattr(errors, name), "status", 200)
        assert status in STATUS_LINES, name
    for status, line in STATUS_LINES.items():
        HTTPStatus(status)
        assert line.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("message", "details", "shown"),
    [("no \ud800", {"Reason": "x"}, "no ?"), ("no", {"Details": {"a": 2**64}}, "no"),
     ("no", {"Reason": "\udfff"}, "no")],
)  # fmt: skip
def test_an_error_that_is_not_fit_for_json_is_told_all_the_same(message, details, shown):
    status, _, body = parsed(response.error(NotFound(message, details)))
    assert (status, orjson.loads(body)) == (404, {"Message": shown})
