"""Fixtures that several test files share."""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from fakes.appconfig import FakeAppConfig
from fakes.lambda_api import FakeLambdaApi
from program import Program

from dev.service import COMMAND, Service


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def appconfig() -> Iterator[FakeAppConfig]:
    with FakeAppConfig() as service:
        service.deploy("shop", "production", "features", FLAGS, version_label="v1")
        yield service


@pytest.fixture
def lambda_api() -> Iterator[FakeLambdaApi]:
    with FakeLambdaApi() as api:
        yield api


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """Starts fastext as a process; every one is stopped at the end of the test."""
    programs: list[Program] = []

    def start(*arguments: str, **environ: str) -> Program:
        programs.append(Program(arguments, environ))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()


@pytest.fixture(scope="session")
def ministack() -> Iterator[Service]:
    """An AppConfig service that nobody here wrote."""
    if not COMMAND.exists():
        pytest.skip(f"no {COMMAND}; `make test` sets it up, FASTEXT_MINISTACK names another")
    service = Service()
    try:
        service.wait()
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of the tests' own."""
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[FakeAppConfig]:
    """The fake AppConfig over TLS, with a certificate of the tests' own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with FakeAppConfig(context) as service:
        service.deploy("shop", "production", "features", b"{}")
        yield service


@pytest.fixture
def path_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a shell script of a test's own before all other programs of its name."""

    def path_with(name: str, script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return path_with


FLAGS = b'{"dark_mode":{"enabled":true,"level":1e2},"old":{"enabled":false},"new":{"enabled":true}}'
