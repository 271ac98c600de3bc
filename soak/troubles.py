"""What goes wrong at random: upstream, at the Extensions API, and with the sandbox itself."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

from fakes.appconfig import GET, START, FakeAppConfig
from fakes.data_service import bad_token
from fakes.faults import (
    AnswerAndClose,
    CutHead,
    Drip,
    Fault,
    Garbage,
    Hang,
    HangAfter,
    Raw,
    Reset,
    Status,
    Truncate,
    WithFields,
)
from fakes.lambda_api import Drop, FakeLambdaApi, refused
from program import Program

from soak.documents import KINDS, LONGEST_FREEZE_S, Documents

# Those that a poll can meet with and go on a second later; after 400, 403 and 404 the next is a
# minute away, and after 429 it is further away each time.
FAULTS: dict[str, Callable[[], Fault]] = {
    "hang": Hang,
    "hang in the head": lambda: HangAfter(30),
    "hang in the content": lambda: HangAfter(10, "body"),
    "drip": Drip,
    "reset": Reset,
    "reset after processing": lambda: Reset(processed=True),
    "cut short": Truncate,
    "cut in the head": CutHead,
    "no HTTP": Garbage,
    "closed after the answer": AnswerAndClose,
    "500": lambda: Status(500),
    "503": lambda: Status(503, "ServiceUnavailable"),
    "429": lambda: Status(429, "ThrottlingException"),
    "token expired": lambda: Raw(bad_token("Expired", "Token not valid")),
    "token corrupted": lambda: Raw(bad_token("Corrupted", "Token not valid")),
    "polled too early": lambda: Raw(bad_token("PollIntervalNotSatisfied", "Request too early")),
    "control characters in a label": lambda: WithFields({"Version-Label": b"a\x01b"}),
}

BROKEN_EVENTS = (b"garbage\r\n\r\n", refused("Extension.Whatever", "no"), Drop)


class Troubles(threading.Thread):
    """Deploys, breaks, freezes and thaws until `ended`, at random; `counts` says how often what.

    INVOKE is sent all the while, half a second apart at the most.
    """

    def __init__(
        self,
        program: Program,
        service: FakeAppConfig,
        api: FakeLambdaApi,
        documents: Documents,
        ended: threading.Event,
        seed: int,
    ) -> None:
        super().__init__(name="troubles", daemon=True)
        self.counts: Counter[str] = Counter()
        self.fault: BaseException | None = None
        self._program = program
        self._service = service
        self._api = api
        self._documents = documents
        self._ended = ended
        self._random = random.Random(seed)

    def run(self) -> None:
        try:
            while not self._ended.wait(self._random.uniform(0.02, 0.4)):
                self._invoke()
                self._random.choices(
                    [self._deploy, self._break, self._drop, self._break_events, self._freeze],
                    [40, 30, 4, 6, 1],
                )[0]()
        except BaseException as fault:
            self.fault = fault
        finally:
            self._service.heal()
            self._service.release()
            self._program.process.send_signal(signal.SIGCONT)

    def _invoke(self) -> None:
        before = self._api.nexts
        self._api.invoke(f"{self.counts['INVOKE']}")
        self._api.wait_next(before + 1)
        self.counts["INVOKE"] += 1

    def _deploy(self) -> None:
        name = self._random.choice([*KINDS])
        self._documents.change(name)
        self.counts["deployment"] += 1

    def _break(self) -> None:
        name = self._random.choice([*FAULTS])
        self._service.fail(self._random.choice([START, GET, GET, GET]), FAULTS[name]())
        self.counts[name] += 1

    def _drop(self) -> None:
        self._service.drop_connections()
        self.counts["connections dropped"] += 1

    def _break_events(self) -> None:
        before = self._api.nexts
        self._api.answer_next(self._random.choice(BROKEN_EVENTS))
        self._api.wait_next(before + 1)
        self.counts["broken event"] += 1

    def _freeze(self) -> None:
        process = self._program.process
        process.send_signal(signal.SIGSTOP)
        frozen_s = self._random.uniform(0.1, LONGEST_FREEZE_S)
        if self._random.random() < 0.5:
            self._service.drop_connections()
        time.sleep(frozen_s)
        process.send_signal(signal.SIGCONT)
        self.counts["freeze"] += 1
