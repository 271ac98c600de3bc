"""What the process under load takes, over its life."""

import statistics
from pathlib import Path

# Of the samples those before this part of the time are warming up: documents, caches and the
# allocator's own pools fill.
WARM = 0.25

# A tenth of the samples at either end of the rest; more than this between them is a leak.
END = 0.1
GROWTH_MB = 2.0


class Memory:
    """Resident memory, in MB; open descriptors and threads; of the process `pid`."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self.rss_mb: list[float] = []
        self.descriptors: list[int] = []
        self.threads: list[int] = []

    def sample(self) -> None:
        try:
            status = (self._folder / "status").read_text()
            descriptors = len(list((self._folder / "fd").iterdir()))
        except OSError:
            return
        fields = dict(line.partition(":")[::2] for line in status.splitlines())
        self.rss_mb.append(int(fields["VmRSS"].split()[0]) / 1024)
        self.threads.append(int(fields["Threads"]))
        self.descriptors.append(descriptors)

    @property
    def ends_mb(self) -> tuple[float, float]:
        """The medians of the first and the last samples after warming up."""
        warm = self.rss_mb[int(len(self.rss_mb) * WARM) :]
        size = max(1, int(len(warm) * END))
        return statistics.median(warm[:size]), statistics.median(warm[-size:])

    @property
    def growth_mb(self) -> float:
        first, last = self.ends_mb
        return last - first
