"""An STS on loopback that assumes any role, and is faulty on demand."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qs

from fakes.answers import http_answer
from fakes.faults import Exchange, Fault
from fakes.loopback import Connection, Loopback, Request

XML = {"Content-Type": "text/xml"}


def rfc3339(moment):
    whole, part = divmod(round(moment * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{part:03}Z"


@dataclass(frozen=True)
class Refusal:
    """An error answer in the shape of the AWS Query protocol, which is STS's."""

    code: int
    error_type: str
    fields: Mapping[str, str] = field(default_factory=dict)
    message: str = "as you wish"

    def play(self, exchange: Exchange) -> None:
        content = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
            <Type>Sender</Type><Code>{self.error_type}</Code><Message>{self.message}</Message>
            </Error><RequestId>r</RequestId></ErrorResponse>"""
        exchange.send(http_answer(self.code, content.encode(), {**XML, **self.fields}))


class FakeSts:
    """Gives credentials of a chosen life, in seconds, and writes down what it was asked.

    The access keys are ASIA1, ASIA2 and so on.
    """

    def __init__(self, life_s, context=None):
        self.asked = []
        self.life_s = life_s
        self.given = {}  # in place of what it would give
        self._fault: Fault | None = None
        self._released = threading.Event()
        self.now = time.time
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
        exchange = _Exchange(self, connection, number)
        if self._fault is not None:
            self._fault.play(exchange)
        else:
            exchange.send(exchange.answer())


class _Exchange:
    """One call, and the answer or the fault that follows."""

    def __init__(self, sts, connection, number):
        self.closing = sts._server.closing
        self.send = connection.send
        self.close = connection.close
        self.reset = connection.reset
        self._sts = sts
        self._number = number

    def hold(self, gate=None):
        return self._sts._server.hold(gate or self._sts._released)

    def answer(self):
        now = self._sts.now()
        given = {
            "AccessKeyId": f"ASIA{self._number}",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": rfc3339(now + self._sts.life_s),
            **self._sts.given,
        }
        members = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
        content = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>{members}</Credentials>
            </AssumeRoleResult></AssumeRoleResponse>"""
        return http_answer(200, content.encode(), {**XML, "Date": formatdate(now, usegmt=True)})
