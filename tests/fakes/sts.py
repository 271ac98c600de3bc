"""An STS on loopback that assumes any role, and is faulty on demand."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fakes.answers import http_answer
from fakes.faults import Exchange, Fault
from fakes.loopback import Connection, Loopback, Request

XML = {"Content-Type": "text/xml"}


@dataclass(frozen=True)
class Refusal:
    """An error answer in the shape of the AWS Query protocol, which is STS's."""

    code: int
    error_type: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def play(self, exchange: Exchange) -> None:
        content = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
            <Type>Sender</Type><Code>{self.error_type}</Code><Message>as you wish</Message>
            </Error><RequestId>r</RequestId></ErrorResponse>"""
        exchange.send(http_answer(self.code, content.encode(), {**XML, **self.fields}))


class FakeSts:
    """Gives credentials of a chosen life, in seconds, and writes down what it was asked.

    The access keys are ASIA1, ASIA2 and so on.
    """

    def __init__(self, life_s, context=None):
        self.asked = []
        self.life_s = life_s
        self._fault: Fault | None = None
        self._released = threading.Event()
        self._server = Loopback(self._serve, context)
        scheme, host = ("https", "localhost") if context else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._server.port}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Be gone: connections end, and new ones are refused."""
        self._server.stop()

    def fail_always(self, fault):
        """Play `fault` for every call from now on."""
        self._fault = fault

    def heal(self):
        self._fault = None

    def drop_connections(self):
        self._server.drop_connections()

    def _serve(self, request: Request, connection: Connection) -> None:
        asked = {name: value[0] for name, value in parse_qs(request.body.decode()).items()}
        self.asked.append(asked)
        number = len(self.asked)
        exchange = _Exchange(self._server, connection, self._released, number, self.life_s)
        if self._fault is not None:
            self._fault.play(exchange)
        else:
            exchange.send(exchange.answer())


class _Exchange:
    """One call, and the answer or the fault that follows."""

    def __init__(self, server, connection, released, number, life_s):
        self.closing = server.closing
        self.send = connection.send
        self.close = connection.close
        self.reset = connection.reset
        self._server = server
        self._released = released
        self._number = number
        self._life_s = life_s

    def hold(self, gate=None):
        return self._server.hold(gate or self._released)

    def answer(self):
        expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self._life_s))
        content = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>
            <AccessKeyId>ASIA{self._number}</AccessKeyId>
            <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
            <Expiration>{expiration}</Expiration></Credentials>
            </AssumeRoleResult></AssumeRoleResponse>"""
        return http_answer(200, content.encode(), XML)
