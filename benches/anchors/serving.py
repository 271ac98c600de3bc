"""What the Python anchors share: the documents of a folder, by request path."""

import sys
from pathlib import Path

CONTENT_TYPE = "application/json"


def arguments() -> tuple[int, Path]:
    """The port and the folder that the command line names."""
    return int(sys.argv[1]), Path(sys.argv[2])


def documents(folder: Path) -> dict[str, bytes]:
    return {
        f"/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
