"""The last resort's own loop: it outlives errors of the API, and ends with SHUTDOWN."""

import json
import threading

from fakes.lambda_api import Drop, refused

from fastext.extensions_api import ExtensionsApi
from fastext.last_resort import stay


def test_it_says_so_in_json_where_lambda_wants_that(lambda_api, capfd):
    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    lambda_api.shutdown()
    assert stay(api, [], 'a "file"\n\\x' + "y" * 10_000, "JSON") == 0
    api.close()
    said = json.loads(capfd.readouterr().err)
    assert (said["level"], said["logger"]) == ("FATAL", "appconfig agent")
    assert said["timestamp"].endswith("Z")
    assert said["message"].startswith("fastext cannot run")
    assert r"""500: 'a "file"\n\\xyyy""" in said["message"]
    assert len(said["message"]) < 2000


def test_it_asks_for_events_until_shutdown_whatever_comes_between(lambda_api, capfd):
    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    for answer in (refused("Extension.X", "no"), Drop, b"garbage\r\n\r\n"):
        lambda_api.answer_next(answer)
    lambda_api.invoke()
    lambda_api.shutdown()
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(stay(api, [], "broken\nfiles")))
    thread.start()
    thread.join(20)
    api.close()
    assert statuses == [0]
    said = capfd.readouterr().err
    assert said.count("\n") == 1, "one event is one line"
    assert "broken\\nfiles" in said
