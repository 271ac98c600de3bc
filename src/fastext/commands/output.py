"""What is printed: JSON for programs, and for people the words and colours of verdicts."""

import sys
from typing import Any

import orjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Columns, where the width of the screen is not known, as in a file.
WIDTH = 100

_STYLES = {True: "green", False: "red", None: "yellow"}
_WORDS = {True: "true", False: "false", None: "unknown"}


def console() -> "Console":
    """Standard output. Raises ImportError without rich."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDTH
    return Console(width=width, highlight=False, emoji=False, markup=False)


def verdict(holds: bool | None, *, reached: bool = True) -> "Text":
    from rich.text import Text

    return Text(_WORDS[holds], _STYLES[holds] if reached else "dim")


def print_json(value: dict[str, Any]) -> None:
    """In UTF-8, whatever the terminal's encoding."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(text)
