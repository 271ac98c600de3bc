"""granian with its own interface RSGI, one worker.

python -m benches.anchors.serve_granian PORT FOLDER
"""

import sys
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from benches.anchors.serving import CONTENT_TYPE, arguments, documents


class Application:
    """Reads its documents in the worker, which granian starts as a process of its own."""

    def __init__(self) -> None:
        self._contents = documents(Path(sys.argv[2]))

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        body = self._contents.get(scope.path)
        status = 200 if body is not None else 404
        protocol.response_bytes(status, [("content-type", CONTENT_TYPE)], body or b"")


application = Application() if __name__ == "benches.anchors.serve_granian" else None


def main() -> None:
    port, _ = arguments()
    Granian(
        "benches.anchors.serve_granian:application", address="127.0.0.1", port=port,
        interface=Interfaces.RSGI, workers=1, loop=Loops.uvloop, log_access=False,
        log_level=LogLevels.warning,
    ).serve()  # fmt: skip


if __name__ == "__main__":
    main()
