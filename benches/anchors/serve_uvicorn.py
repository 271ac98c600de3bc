"""uvicorn with httptools and uvloop, and an ASGI application without a framework.

python -m benches.anchors.serve_uvicorn PORT FOLDER
"""

from typing import Any

import uvicorn

from benches.anchors.serving import CONTENT_TYPE, arguments, documents


def main() -> None:
    port, folder = arguments()
    contents = documents(folder)

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = contents.get(scope["path"])
        await send(
            {
                "type": "http.response.start",
                "status": 200 if body is not None else 404,
                "headers": [
                    (b"content-type", CONTENT_TYPE.encode()),
                    (b"content-length", b"%d" % len(body or b"")),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body or b""})

    uvicorn.run(application, host="127.0.0.1", port=port, http="httptools", loop="uvloop",
                lifespan="off", log_level="warning", access_log=False)  # fmt: skip


if __name__ == "__main__":
    main()
