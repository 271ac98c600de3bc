"""aiohttp's own server on uvloop.

python -m benches.anchors.serve_aiohttp PORT FOLDER
"""

import uvloop
from aiohttp import web

from benches.anchors.serving import CONTENT_TYPE, arguments, documents


def main() -> None:
    port, folder = arguments()
    contents = documents(folder)

    async def serve(request: web.Request) -> web.Response:
        body = contents.get(request.path)
        if body is None:
            raise web.HTTPNotFound
        return web.Response(body=body, content_type=CONTENT_TYPE)

    application = web.Application()
    application.router.add_get("/{path:.*}", serve)
    web.run_app(application, host="127.0.0.1", port=port, loop=uvloop.new_event_loop(),
                access_log=None, print=None)  # fmt: skip


if __name__ == "__main__":
    main()
