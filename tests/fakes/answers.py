"""HTTP answers as bytes, for the fakes and for tests that make their own."""

import json
from collections.abc import Mapping
from http import HTTPStatus


def http_answer(status: int, content: bytes, fields: Mapping[str, str]) -> bytes:
    """A whole answer. Values go out as they are, control characters and all."""
    return _head(status, {**fields, "Content-Length": str(len(content))}) + content


def chunked_answer(
    status: int, content: bytes, fields: Mapping[str, str], chunk_bytes: int = 16
) -> bytes:
    """A whole answer in chunked coding (RFC 9112, section 7.1), in chunks of `chunk_bytes`."""
    chunks = [content[start : start + chunk_bytes] for start in range(0, len(content), chunk_bytes)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return _head(status, {**fields, "Transfer-Encoding": "chunked"}) + coded


def json_answer(
    status: int, body: Mapping[str, object], fields: Mapping[str, str] | None = None
) -> bytes:
    content = json.dumps(body).encode()
    return http_answer(status, content, {"Content-Type": "application/json", **(fields or {})})


def error_answer(
    status: int, kind: str, body: Mapping[str, object], fields: Mapping[str, str] | None = None
) -> bytes:
    """An error of an AWS service with a JSON protocol.

    Native services append a colon and a URI to the type, which clients strip.
    """
    errortype = {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/coral/"}
    return json_answer(status, body, {**errortype, **(fields or {})})


def _head(status: int, fields: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
