"""The fake Extensions API keeps the rules of AWS's emulator."""

import http.client
import json
import threading

from fakes.lambda_api import IDENTIFIER, FakeLambdaApi

IDENTIFIED = {"Lambda-Extension-Identifier": IDENTIFIER}


def call(api, method, path, body=None, fields=None):
    connection = http.client.HTTPConnection(api.address, timeout=10)
    connection.request(method, "/2020-01-01/extension/" + path, body, fields or {})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content, answer.headers


def register(api, events=("INVOKE", "SHUTDOWN"), name="fastext"):
    body = json.dumps({"events": events})
    return call(api, "POST", "register", body, {"Lambda-Extension-Name": name})


def test_registration_gives_an_identifier(lambda_api):
    status, content, fields = register(lambda_api)
    assert (status, content["functionName"]) == (200, "f")
    assert fields["Lambda-Extension-Identifier"] == IDENTIFIER
    assert lambda_api.wait_registered().events == ("INVOKE", "SHUTDOWN")


def test_an_empty_name_is_refused(lambda_api):
    status, content, _ = register(lambda_api, name="")
    assert (status, content["errorType"]) == (403, "Extension.InvalidExtensionName")


def test_managed_instances_refuse_invoke():
    with FakeLambdaApi(managed_instances=True) as api:
        status, content, _ = register(api)
        assert (status, content["errorType"]) == (403, "Extension.InvalidEventType")
        assert register(api, ("SHUTDOWN",))[0] == 200


def test_an_event_waits_for_a_late_next(lambda_api):
    register(lambda_api)
    lambda_api.invoke("r-1")
    status, event, _ = call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    assert (status, event["eventType"], event["requestId"]) == (200, "INVOKE", "r-1")


def test_next_waits_for_an_event_and_one_caller_alone_may(lambda_api):
    register(lambda_api)
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(call(lambda_api, "GET", "event/next", fields=IDENTIFIED))
    )
    caller.start()
    lambda_api.wait_next(1)
    status, content, _ = call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    assert (status, content["errorType"]) == (403, "Extension.InvalidExtensionState")
    lambda_api.shutdown()
    caller.join()
    assert answers[0][1]["eventType"] == "SHUTDOWN"


def test_an_unknown_identifier_is_refused(lambda_api):
    status, content, _ = call(lambda_api, "GET", "event/next")
    assert (status, content["errorType"]) == (403, "Extension.UnknownExtensionIdentifier")
