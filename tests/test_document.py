"""Documents: what becomes of content types, labels and flags."""

import pytest

from fastext.document import DEFAULT_CONTENT_TYPE, Document, key_text


@pytest.mark.parametrize(
    "hostile", ["", "text/plain\r\nX: y", "a\0b", "ü/ä", " text/plain", "x" * 1025, "a\x7f"]
)
def test_a_content_type_or_label_unfit_for_a_header_is_replaced(hostile):
    document = Document(b"x", hostile, hostile)
    assert document.content_type == DEFAULT_CONTENT_TYPE
    assert document.version_label == ""


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [("application/json", True), ("Application/JSON; charset=utf-8", True),
     ("application/problem+json", True), ("text/plain", False), ("application/jsonx", False)],
)  # fmt: skip
def test_json_is_known_by_its_media_type(content_type, is_json):
    document = Document(b'{"a":{"enabled":true}}', content_type)
    assert document.is_json == is_json
    assert (document.flags is not None) == is_json


def test_flags_are_read_once():
    document = Document(b'{"a":{"enabled":true}}', "application/json")
    assert document.flags is document.flags


def test_a_change_is_one_of_content_or_type_and_not_of_the_label():
    document = Document(b"x", "text/plain", "v1")
    assert not Document(b"x", "text/plain", "v2").follows(document)
    assert Document(b"y", "text/plain", "v1").follows(document)
    assert Document(b"x", "text/html", "v1").follows(document)


def test_a_key_is_named_as_in_log_lines():
    assert key_text(("app", "env", "config")) == "app:env:config"
