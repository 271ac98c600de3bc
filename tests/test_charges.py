"""What is paid for."""

import pytest

from fastext.charges import Charges, CountedClient
from fastext.deadline import Deadline
from fastext.errors import Unavailable
from fastext.session import Retrieved


class Client:
    def __init__(self, *contents):
        self.contents = list(contents)

    def start_configuration_session(self, key, minimum_interval_s, deadline):
        return "t"

    def get_latest_configuration(self, token, deadline):
        content = self.contents.pop(0)
        if content is None:
            raise Unavailable("no")
        return Retrieved(content, "text/plain", "", "t", 0.0)


def test_requests_and_configurations_received_are_counted():
    charges = Charges()
    client = CountedClient(Client(b"x", b"", None, b"y"), charges)
    assert client.start_configuration_session(("a", "b", "c"), 45, Deadline(1)) == "t"
    assert client.get_latest_configuration("t", Deadline(1)).content == b"x"
    client.get_latest_configuration("t", Deadline(1))
    with pytest.raises(Unavailable):
        client.get_latest_configuration("t", Deadline(1))
    client.get_latest_configuration("t", Deadline(1))
    assert (charges.sessions, charges.gets, charges.received) == (1, 4, 2)
    assert charges.dollars == pytest.approx(5 * 0.0000002 + 2 * 0.0008)
    assert charges.text() == "1 sessions, 4 gets, 2 configurations received, about $0.0016"
