"""Squid, a real proxy, that lets only those through who send it a header of its own."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import trustme

from dev.service import free_port

CONFIGURATION = """\
http_port 127.0.0.1:{http}
https_port 127.0.0.1:{https} tls-cert={folder}/chain.pem
acl letmein req_header X-Fastext-Token ^letmein$
http_access allow letmein
http_access deny all
request_header_access X-Fastext-Token deny all
cache deny all
access_log none
cache_log {folder}/cache.log
pid_filename {folder}/pid
coredump_dir {folder}
shutdown_lifetime 0 seconds
visible_hostname localhost
"""


class Squid:
    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        command = shutil.which("squid") or "/usr/sbin/squid"
        if not os.access(command, os.X_OK):
            pytest.skip("squid is not installed; tests of proxies do not run")
        self._ports = {"http": free_port(), "https": free_port()}
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            folder / "chain.pem"
        )
        configuration = folder / "squid.conf"
        configuration.write_text(CONFIGURATION.format(**self._ports, folder=folder))
        if os.geteuid() == 0:  # squid gives its rights away before it opens its logs
            for path in (folder, *folder.parents[:2], *folder.iterdir()):
                path.chmod(0o777)
        self.process = subprocess.Popen(
            [command, "-N", "-f", configuration],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> "Squid":
        for port in self._ports.values():
            until = time.monotonic() + 20
            while time.monotonic() < until and self.process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.05)
            else:
                pytest.fail("squid did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def url(self, scheme: str) -> str:
        return f"{scheme}://localhost:{self._ports[scheme]}"
