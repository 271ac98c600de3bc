"""Everything between a caller and AWS, on a loop in this process, by the test's clock.

Server, handler, cache, poller, workers, session and a real data client; what is left out is the
process around them, which `program` starts.
"""

import asyncio
import contextlib
import socket

from aws import client_of
from scene import read_replies

from fastext.cache import Cache
from fastext.clock import Moment
from fastext.document import read_document
from fastext.handler import Handler
from fastext.listener import Listener
from fastext.logs import Log
from fastext.poller import Poller
from fastext.protocol import Server
from fastext.response import Date
from fastext.session import ConfigurationSession
from fastext.workers import Workers

PATH = "/applications/{}/environments/{}/configurations/{}"


class ImpatientWorkers(Workers):
    """Workers whose deadline is `timeout_s`, whatever the poller asks for."""

    timeout_s = 20.0

    def submit(self, call, timeout_s):
        return super().submit(call, self.timeout_s)


class Counted:
    """A data client that counts the retrievals that are tried by it."""

    def __init__(self, client):
        self._client = client
        self.calls = 0

    def start_configuration_session(self, *arguments):
        self.calls += 1
        return self._client.start_configuration_session(*arguments)

    def get_latest_configuration(self, *arguments):
        self.calls += 1
        return self._client.get_latest_configuration(*arguments)


class Stack:
    """`variables` are those of the data client, without their prefix; `kind` is which one."""

    def __init__(self, loop, service, kind, poll_interval_s=45.0, **variables):
        self.loop = loop
        self.clock = Moment(1000.0, 1e9)
        self.log = []
        self.client = Counted(client_of(service, kind=kind, **variables))
        self.workers = ImpatientWorkers(loop, 3, lambda: None)
        cache = Cache()
        log = Log("debug", self._write, lambda: 0.0)
        self.poller = Poller(
            cache,
            self.workers,
            lambda key: ConfigurationSession(self.client, key, poll_interval_s),
            lambda got: read_document(got.content, got.content_type, got.version_label, dict),
            log,
            poll_interval_s=poll_interval_s,
            poll_timeout_s=20.0,
            max_configurations=10,
            first_fetch_budget_s=20.0,
            timers=False,
            now=lambda: self.clock,
        )
        handler = Handler(cache, self.poller.fetch, log, "0")
        self._listener = Listener(loop, Server(loop, handler, 100, Date()), 10)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self._address = listening.getsockname()
        loop.run_until_complete(self._listener.start([listening]))

    def close(self):
        self._listener.close()
        with contextlib.suppress(AttributeError):
            self.client._client.close()
        self.loop.run_until_complete(asyncio.sleep(0.01))

    def _write(self, line):
        self.log.append(line.decode().split(" ", 4)[4].rstrip())

    def pass_time(self, seconds, wall=None):
        self.clock = Moment(
            self.clock.monotonic + seconds, self.clock.wall + (seconds if wall is None else wall)
        )

    def refresh(self):
        """What an INVOKE does; how many retrievals it has led to."""

        async def refresh():
            started = self.poller.refresh_due()
            await asyncio.gather(*started, return_exceptions=True)
            return len(started)

        return self.loop.run_until_complete(refresh())

    def get(self, key, query=""):
        """The reply to a caller: status, header fields by lower-case name, content."""
        return self.loop.run_until_complete(self._get(key, query))

    async def _get(self, key, query):
        reader, writer = await asyncio.open_connection(*self._address)
        target = PATH.format(*key) + query
        fields = "Host: localhost\r\nConnection: close\r\n"
        writer.write(f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        [(status, fields, content)] = read_replies(answer)
        return status, {name.decode(): value.decode() for name, value in fields.items()}, content
