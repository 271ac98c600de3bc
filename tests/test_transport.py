"""The transport's own small decisions; `test_client.py` has it at work over the network."""

import pytest

from fastext.transport import credentials_of, reason, without_credentials


@pytest.mark.parametrize(
    ("url", "fields"),
    [("http://proxy:3128", {}), ("http://u:p@proxy", {"proxy-authorization": "Basic dTpw"}),
     ("http://u%40x:p%3A@proxy", {"proxy-authorization": "Basic dUB4OnA6"})],
)  # fmt: skip
def test_a_proxy_url_s_user_becomes_a_field(url, fields):
    assert credentials_of(url) == fields


@pytest.mark.parametrize(
    ("url", "shown"),
    [("https://u:p@host:8443/path?token=secret#x", "https://host:8443"), ("http://host", "http://host")],
)  # fmt: skip
def test_messages_show_an_address_without_its_secrets(url, shown):
    assert without_credentials(url) == shown


def test_reasons_are_what_urllib3_says_without_its_objects():
    fault = Exception("<urllib3.connection.HTTPConnection object at 0x7f>(host='x'): refused")
    assert reason(fault) == "refused"
    assert reason(ValueError()) == "ValueError"
