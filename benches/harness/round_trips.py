"""Round trips of several subjects in turns: a server each, and what it is asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from benches.harness import clients, statistics
from benches.harness.clients import Requests
from benches.harness.model import Outcome
from benches.harness.servers import Server
from benches.harness.suite import Context

ROUNDS = 25
RUN_S = 0.1
CALIBRATION = 200  # requests that warm a server up and tell how long a run is


@dataclass(frozen=True)
class Run:
    """One run against one server; times in nanoseconds."""

    median_ns: float
    mean_ns: float  # with it counts what a server does after its reply
    cpu_ns: float  # of the server, for each request
    samples: list[int]


class Subject:
    """A server and what it is asked in every run."""

    def __init__(
        self,
        server: Server,
        mode: str,
        core: int,
        new_requests: Callable[[int], Sequence[bytes]],
    ) -> None:
        self._server = server
        self._mode = mode
        self._core = core
        self._new_requests = new_requests
        took = self._ask(CALIBRATION)
        self._count = max(CALIBRATION, int(RUN_S * 1e9 / statistics.median(took)))

    def run(self) -> Run:
        before = self._server.cpu_ns()
        samples = self._ask(self._count)
        cpu_ns = (self._server.cpu_ns() - before) / len(samples)
        return Run(statistics.median(samples), sum(samples) / len(samples), cpu_ns, samples)

    def _ask(self, count: int) -> list[int]:
        with Requests(self._new_requests(count)) as requests:
            return clients.round_trips(self._server.port, self._mode, count, requests, self._core)


def one(text: bytes) -> Callable[[int], Sequence[bytes]]:
    """The same request again and again; where it is unique, the client makes it so."""
    return lambda _count: (text,)


def report(
    group: str,
    case: str,
    subjects: Mapping[str, Subject],
    context: Context,
    figures: Mapping[str, str],
) -> Iterator[Outcome]:
    """Time the subjects in turns; the first is compared with each of the others.

    `figures` are the names of the table's figures by anchor, for another quantity than the median
    with its name before it, as in "server CPU nginx".
    """
    turns = {name: subject.run for name, subject in subjects.items()}
    runs = statistics.interleaved(turns, context.rounds(ROUNDS), context.step)
    quantities: dict[str, Callable[[Run], float]] = {
        "": lambda run: run.median_ns,
        "mean": lambda run: run.mean_ns,
        "p99": lambda run: statistics.percentile(sorted(run.samples), 99),
        "server CPU": lambda run: run.cpu_ns,
    }
    first = next(iter(subjects))
    for what, quantity in quantities.items():
        values = {name: [quantity(run) for run in given] for name, given in runs.items()}
        label = f"{case}, {what}" if what else case
        for name, given in runs.items():
            samples = () if what else list(chain.from_iterable(each.samples for each in given))
            yield statistics.measure(group, label, name, "ns", values[name], samples)
            if name != first:
                figure = figures.get(f"{what} {name}".strip(), "")
                yield statistics.compare(
                    group, label, first, name, values[first], values[name], figure
                )
