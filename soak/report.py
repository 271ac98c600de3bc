"""What a soak has found, as a table for a terminal and for a Markdown file."""

import platform
import statistics
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fakes.appconfig import GET, START, Call

from soak import ROOT
from soak.lives import HELD_S, Ending, Waiting
from soak.memory import GROWTH_MB, Memory
from soak.readers import Reader
from soak.troubles import Troubles

BEGIN, END = "<!-- begin of the figures -->", "<!-- end of the figures -->"


class Findings:
    """`wrong` has a line for whatever was not as promised; `rows` are the figures."""

    def __init__(self, seconds: float, client: str, seed: int) -> None:
        self.seconds, self.client, self.seed = seconds, client, seed
        self.wrong: list[str] = []
        self.exit_status: int | None = None
        self.rows: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def note(self, wrong: str) -> None:
        with self._lock:
            self.wrong.append(wrong)

    def take(
        self,
        troubles: Troubles,
        readers: Sequence[Reader],
        waiting: Waiting,
        ending: Ending,
        memory: Memory,
        calls: Sequence[Call],
    ) -> None:
        if self.exit_status != 0:
            self.note(f"the exit status is {self.exit_status}")
        first_mb, last_mb = memory.ends_mb
        if memory.growth_mb > GROWTH_MB:
            self.note(f"memory grew from {first_mb:.1f} to {last_mb:.1f} MB")
        replies = sum((reader.counts for reader in readers), Counter())
        times_ms = sorted(one * 1000 for reader in readers for one in reader.times_s)
        upstream = {"INVOKE", "deployment", "freeze", "broken event"}
        faults = sum(count for name, count in troubles.counts.items() if name not in upstream)
        counts = Counter(call.operation for call in calls)
        gets = sum(call.operation == GET and call.status == 200 for call in calls)
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(replies.items()))
        held = f"{waiting.held_s:.0f} s" + ("" if waiting.held_s >= HELD_S else ", and not 400 s")
        longest_ms = ending.longest_s * 1000
        self.rows = [
            ("minutes", f"{self.seconds / 60:g}"),
            ("client, seed", f"{self.client}, {self.seed}"),
            ("replies checked", f"{replies.total():,} ({told})"),
            ("wrong, torn or older than promised", f"{len(self.wrong)}"),
            ("INVOKEs", f"{troubles.counts['INVOKE']:,}"),
            ("versions deployed", f"{troubles.counts['deployment']:,}"),
            ("upstream faults", f"{faults:,}, of {len(set(troubles.counts) - upstream)} kinds"),
            ("broken answers to `next`", f"{troubles.counts['broken event']:,}"),
            ("freezes", f"{troubles.counts['freeze']:,}"),
            ("sessions, gets, gets answered", f"{counts[START]:,}, {counts[GET]:,}, {gets:,}"),
            ("memory after warming up, and at the end", f"{first_mb:.1f} MB, {last_mb:.1f} MB"),
            ("most descriptors, threads", f"{max(memory.descriptors)}, {max(memory.threads)}"),
            ("`next` held by another extension", held),
            ("extensions shut down, the longest", f"{ending.counts.total()}, {longest_ms:.0f} ms"),
            ("small reads in all this, p50 and p99", percentiles(times_ms)),
        ]  # fmt: skip


def percentiles(times_ms: list[float]) -> str:
    if len(times_ms) < 2:
        return "none"
    cuts = statistics.quantiles(times_ms, n=100)
    return f"{cuts[49]:.2f} ms, {cuts[98]:.2f} ms"


def shown(findings: Findings) -> str:
    width = max(len(name) for name, _ in findings.rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in findings.rows)


def publish(path: Path, findings: Findings) -> None:
    """Renew what stands between the markers of a Markdown file."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [
        *findings.rows,
        ("Python, kernel", f"{platform.python_version()}, {platform.release()}"),
        ("commit", commit.stdout.strip() or "unknown"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n| figure | found |\n|---|---|\n{table}\n{END}{after}")
