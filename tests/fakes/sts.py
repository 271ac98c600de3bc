"""An STS on loopback that assumes any role."""

import socket
import threading
import time
from http.client import parse_headers
from urllib.parse import parse_qs

from fakes.answers import http_answer


class RecordingSts:
    """An STS that gives credentials of a chosen life, and writes down what it was asked."""

    def __init__(self, life_s):
        self.asked = []
        self.life_s = life_s
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listening.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                stream.readline()
                length = int(parse_headers(stream)["content-length"])
                self.asked.append(
                    {
                        name: value[0]
                        for name, value in parse_qs(stream.read(length).decode()).items()
                    }
                )
                expiration = time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.life_s)
                )
                content = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>
                    <AccessKeyId>ASIA{len(self.asked)}</AccessKeyId>
                    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
                    <Expiration>{expiration}</Expiration></Credentials>
                    </AssumeRoleResult></AssumeRoleResponse>""".encode()
                connection.sendall(
                    http_answer(200, content, {"Content-Type": "text/xml", "Connection": "close"})
                )
