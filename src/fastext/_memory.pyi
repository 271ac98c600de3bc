from collections.abc import Callable
from sys import UnraisableHookArgs

from typing_extensions import disjoint_base  # for type checkers alone: stubs are not run

def settle() -> None:
    """Give back what only the start needed; for after it.

    A start touches nearly all code that is loaded, and serving a tenth of it. The pages of code and
    of constants are unmapped; those that are needed again are mapped again, sixteen at a time, from
    the page cache (madvise(2), MADV_DONTNEED). malloc gives back what it keeps for later
    (malloc_trim(3)).
    """

def check_room(size: int) -> None:
    """Raises MemoryError unless the process may have `size` bytes (at least 1) more now.

    It asks for addresses alone, which setrlimit(2) limits (RLIMIT_AS); no page is touched.
    """

@disjoint_base
class Unraisable:
    """A `sys.unraisablehook` that has `tell` log what was raised where nobody could catch it.

    A thread that has no memory for its first frame ends in it. It has none for a hook in Python
    either, for which Python would write several lines to standard error; so this is compiled, and
    where `tell` fails it is silent.
    """

    def __init__(self, tell: Callable[[str, BaseException], None]) -> None: ...
    def __call__(self, lost: UnraisableHookArgs) -> None: ...
