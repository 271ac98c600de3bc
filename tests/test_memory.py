"""What a process gives back after its start."""

import subprocess
import sys

PROGRAM = """
import decimal, ssl, sqlite3
from fastext._memory import settle

def kilobytes(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))

ssl.create_default_context()
kept = [bytes(1000) for _ in range(20_000)]
last = bytes(1000)
del kept  # free, but below what is in use: malloc keeps it
before = kilobytes("RssFile"), kilobytes("RssAnon")
settle()
after = kilobytes("RssFile"), kilobytes("RssAnon")
assert decimal.Decimal("1.1") * 2 == decimal.Decimal("2.2")  # all still runs
assert sqlite3.connect(":memory:").execute("select 40 + 2").fetchone() == (42,)
assert settle() is None
print(*before, *after)
"""


def test_pages_of_code_and_free_memory_go_back_and_all_still_runs():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    files, own, files_after, own_after = map(int, ran.stdout.split())
    assert files_after < files / 2
    assert own_after < own - 10_000


UNRAISABLE = """
import sys, _thread, threading
from fastext._memory import Unraisable

told = []
telling = threading.Semaphore(0)

def tell(what, fault):
    told.append(type(fault))
    telling.release()
    if len(told) > 1:
        raise MemoryError

def lose(fault):
    _thread.start_new_thread(begin, (fault,))
    telling.acquire(timeout=30)

def begin(fault):
    raise fault

sys.unraisablehook = Unraisable(tell)
lose(KeyError(1))
lose(MemoryError)
assert told == [KeyError, MemoryError]
"""


def test_what_nobody_can_catch_is_told_in_our_way_or_not_at_all():
    ran = subprocess.run(
        [sys.executable, "-c", UNRAISABLE], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
