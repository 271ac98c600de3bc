"""Signatures, with botocore as the measure."""

import re
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from fastext import signature
from fastext.signature import Signer, canonical_request, quote, timestamp

names = st.from_regex(r"x-[a-z][a-z0-9-]{0,15}", fullmatch=True)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@given(
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/configuration", "/configurationsessions", "/a b/ü/%2F/~x", "//x"]),
    token=st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()),
    session_token=st.one_of(st.just(""), values),
    secret=values,
    fields=st.dictionaries(names, values, max_size=3),
    content=st.binary(max_size=50),
)
def test_the_same_signature_as_botocore_s(
    method, path, token, session_token, secret, fields, content
):
    query = f"configuration_token={quote(token)}" if method == "GET" else ""
    encoded = quote(path).replace("%2F", "/")
    url = f"https://appconfigdata.eu-west-1.amazonaws.com{encoded}"
    request = AWSRequest(
        method, f"{url}?{query}" if query else url, headers=dict(fields), data=content
    )
    credentials = Credentials("AKID", secret, session_token or None)
    with mock.patch("botocore.auth.get_current_datetime") as now:
        import datetime

        now.return_value = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
        SigV4Auth(credentials, "appconfig", "eu-west-1").add_auth(request)
    ours = {
        "host": "appconfigdata.eu-west-1.amazonaws.com",
        "x-amz-date": timestamp(NOW),
        **fields,
        **({"x-amz-security-token": session_token} if session_token else {}),
    }
    canonical, names = canonical_request(method, encoded.replace("//", "/"), query, ours, content)
    authorization = Signer("eu-west-1", "appconfig").authorization(
        "AKID", secret, canonical, timestamp(NOW), names
    )
    assert authorization == request.headers["Authorization"]


def test_a_key_is_derived_once_for_a_day_and_a_secret():
    signer = Signer("eu-west-1", "appconfig")
    first = signer.authorization("a", "secret", "x", "20260101T000000Z", "host")
    assert signer.authorization("a", "secret", "x", "20260101T000000Z", "host") == first
    other = [
        signer.authorization("a", "other", "x", "20260101T000000Z", "host"),
        signer.authorization("a", "secret", "x", "20260102T000000Z", "host"),
        signer.authorization("a", "secret", "x", "20260101T000000Z", "host"),
    ]
    signatures = {re.search("Signature=(.*)", text)[1] for text in (first, *other)}
    assert len(signatures) == 3


def test_openssl_s_want_of_memory_is_python_s(monkeypatch):
    def fail(*_):
        raise ValueError("[digital envelope routines] malloc failure")

    monkeypatch.setattr(signature, "hmac_digest", fail)
    with pytest.raises(MemoryError):
        Signer("eu-west-1", "appconfig").authorization("a", "s", "x", "20260101T000000Z", "host")


@given(st.text())
def test_quoting_is_that_of_the_standard_library(text):
    from urllib.parse import quote as standard

    assert quote(text) == standard(text, safe="-_.~", errors="surrogatepass")
