"""The extensions beside the one under load: one that waits, and those that end."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from fakes.appconfig import GET, FakeAppConfig
from fakes.faults import Hang
from fakes.lambda_api import FakeLambdaApi
from program import Program

from soak.documents import APPLICATION, ENVIRONMENT, KINDS, POLL_TIMEOUT_S, Documents, path_of

# Longer than anything between a sandbox and AWS keeps an idle connection (NAT gateways: 350 s).
HELD_S = 400.0

# Lambda gives an extension so long to end (Lambda developer guide, "Shutdown phase").
SHUTDOWN_S = 2.0

NAMES = [f"{APPLICATION}:{ENVIRONMENT}:{name}" for name in KINDS]


def start(service: FakeAppConfig, api: FakeLambdaApi, client: str, names: list[str]) -> Program:
    return Program(
        variables={
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_ENDPOINT_URL": service.url,
            "FASTEXT_DATA_CLIENT": client,
            "PREFETCH_LIST": ",".join(names),
            "POLL_INTERVAL_SECONDS": "1",
            "POLL_TIMEOUT_MILLIS": f"{POLL_TIMEOUT_S:.0f}s",
            "LOG_LEVEL": "error",
        }
    )


class Waiting(threading.Thread):
    """An extension whose next event comes after HELD_S, or never if the soak ends before."""

    def __init__(
        self, service: FakeAppConfig, documents: Documents, ended: threading.Event,
        wrong: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(name="waiting", daemon=True)
        self.held_s = 0.0
        self._service, self._documents = service, documents
        self._ended, self._wrong = ended, wrong

    def run(self) -> None:
        with FakeLambdaApi() as api:
            program = start(self._service, api, "direct", NAMES[:1])
            api.wait_next(1)
            begun = time.monotonic()
            while not self._ended.wait(5.0):
                reply = program.get(path_of("small"))
                self.held_s = time.monotonic() - begun
                if reply.status != 200 or int(reply.fields["age"]) > self.held_s + 5:
                    self._wrong(f"waiting: {reply.status} {reply.fields}")
                if self.held_s >= HELD_S:
                    self._end_of_waiting(program, api)
                    return
            program.stop()

    def _end_of_waiting(self, program: Program, api: FakeLambdaApi) -> None:
        asked_at = time.monotonic()
        api.invoke("after a long time")
        api.wait_next(2)
        while time.monotonic() < asked_at + 20:
            if int(program.get(path_of("small")).fields["age"]) < HELD_S / 2:
                break
            time.sleep(0.1)
        else:
            self._wrong(f"waiting: not refreshed by the INVOKE after {self.held_s:.0f} s")
        api.shutdown()
        if program.wait() != 0:
            self._wrong("waiting: the exit status is not 0")


class Ending(threading.Thread):
    """One extension after the other, each shut down in the middle of what it does."""

    def __init__(
        self,
        service: FakeAppConfig,
        ended: threading.Event,
        wrong: Callable[[str], None],
        seed: int,
    ) -> None:
        super().__init__(name="ending", daemon=True)
        self.counts: Counter[str] = Counter()
        self.longest_s = 0.0
        self._service, self._ended, self._wrong = service, ended, wrong
        self._random = random.Random(seed)

    def run(self) -> None:
        while not self._ended.wait(1.0):
            with FakeLambdaApi() as api:
                self._live_once(api)

    def _live_once(self, api: FakeLambdaApi) -> None:
        moment = self._random.choice(["the prefetch", "a poll", "reads"])
        client = self._random.choice(["direct", "botocore"])
        if moment == "the prefetch":
            self._service.fail(GET, *[Hang()] * 3)
        program = start(self._service, api, client, NAMES)
        api.wait_next(1)
        if moment == "a poll":
            self._service.fail(GET, Hang())
            time.sleep(1.0)
            api.invoke("a poll")
        elif moment == "reads":
            readers = [threading.Thread(target=self._read, args=(program,)) for _ in range(4)]
            for reader in readers:
                reader.start()
        begun = time.monotonic()
        api.shutdown()
        if program.wait() != 0:
            self._wrong(f"ending: the exit status is not 0: {program.log[-500:]}")
        self.longest_s = max(self.longest_s, time.monotonic() - begun)
        if self.longest_s > SHUTDOWN_S:
            self._wrong(f"ending: SHUTDOWN during {moment} took {self.longest_s:.1f} s")
        self.counts[moment] += 1

    def _read(self, program: Program) -> None:
        """Until the end; an answer that has begun is complete, or http.client says so."""
        try:
            while True:
                reply = program.get(path_of("large"))
                if reply.status == 200 and not reply.content.endswith(b"}}"):
                    self._wrong("ending: an incomplete reply")
        except OSError:
            return
        except Exception as fault:
            if "IncompleteRead" in repr(fault):
                self._wrong(f"ending: {fault!r}")
