"""The fake Extensions API keeps the rules of AWS's emulator."""

import http.client
import json
import threading
import uuid

import pytest
from fakes.answers import chunked_answer
from fakes.lambda_api import IDENTIFIER, Drop, FakeLambdaApi, refused

IDENTIFIED = {"Lambda-Extension-Identifier": IDENTIFIER}


def call(api, method, path, body=None, fields=None):
    connection = http.client.HTTPConnection(api.address, timeout=10)
    try:
        connection.request(method, "/2020-01-01/extension/" + path, body, fields or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


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


@pytest.mark.parametrize(
    ("fields", "error_type"),
    [
        ({}, "Extension.MissingExtensionIdentifier"),
        ({"Lambda-Extension-Identifier": "me"}, "Extension.InvalidExtensionIdentifier"),
        ({"Lambda-Extension-Identifier": str(uuid.UUID(int=1))},
         "Extension.UnknownExtensionIdentifier"),
        (IDENTIFIED, "Extension.InvalidExtensionState"),
    ],
)  # fmt: skip
def test_who_has_not_registered_gets_no_events(lambda_api, fields, error_type):
    status, content, _ = call(lambda_api, "GET", "event/next", fields=fields)
    assert (status, content["errorType"]) == (403, error_type)
    assert lambda_api.nexts == 0


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"events":1}', b'{"events":"INVOKE"}'])
def test_a_registration_that_is_no_json_object_is_refused(lambda_api, body):
    fields = {"Lambda-Extension-Name": "fastext"}
    status, content, _ = call(lambda_api, "POST", "register", body, fields)
    assert (status, content["errorType"]) == (403, "InvalidRequestFormat")


def test_an_extension_registers_once(lambda_api):
    register(lambda_api)
    status, content, _ = register(lambda_api)
    assert (status, content["errorType"]) == (403, "Extension.InvalidExtensionState")


def test_an_event_of_another_type_is_refused(lambda_api):
    status, content, _ = register(lambda_api, ("PAUSE",))
    assert (status, content["errorType"]) == (403, "Extension.InvalidEventType")
    assert lambda_api.registration is None


def test_a_failure_is_recorded_with_its_type_and_ends_the_extension(lambda_api):
    register(lambda_api)
    status, content, _ = call(lambda_api, "POST", "init/error", b"{}", IDENTIFIED)
    assert (status, content["errorType"]) == (403, "Extension.MissingHeader")
    fields = {**IDENTIFIED, "Lambda-Extension-Function-Error-Type": "Extension.Broken"}
    assert call(lambda_api, "POST", "init/error", b'{"a":1}', fields)[0] == 202
    lambda_api.wait_reports(1)
    path, seen, body = lambda_api.reports[0]
    assert (path, body) == ("init/error", b'{"a":1}')
    assert seen["lambda-extension-function-error-type"] == "Extension.Broken"
    status, content, _ = call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    assert (status, content["errorType"]) == (403, "Extension.InvalidExtensionState")


def test_once_events_are_asked_for_only_an_exit_can_fail(lambda_api):
    register(lambda_api)
    lambda_api.invoke()
    call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    fields = {**IDENTIFIED, "Lambda-Extension-Function-Error-Type": "Extension.Broken"}
    assert call(lambda_api, "POST", "init/error", b"{}", fields)[0] == 403
    assert call(lambda_api, "POST", "exit/error", b"{}", fields)[0] == 202


def test_events_carry_what_the_test_says(lambda_api):
    register(lambda_api)
    lambda_api.invoke("r-1", deadline_ms=5)
    lambda_api.shutdown("timeout", deadline_ms=7)
    _, event, fields = call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    assert (event["requestId"], event["deadlineMs"]) == ("r-1", 5)
    assert fields["Content-Type"] == "application/json"
    _, event, fields = call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    assert (event["shutdownReason"], event["deadlineMs"]) == ("timeout", 7)
    assert fields["Content-Type"] is None


def test_a_registration_waits_at_a_gate(lambda_api):
    gate = threading.Event()
    lambda_api.answer_register(gate)
    answers = []
    caller = threading.Thread(target=lambda: answers.append(register(lambda_api)[0]))
    caller.start()
    assert lambda_api.registration is None
    gate.set()
    caller.join()
    assert answers == [200]


def test_answers_may_be_anything(lambda_api):
    lambda_api.answer_register(refused("Extension.RegistrationClosed", "late"), Drop, b"junk\r\n")
    assert register(lambda_api)[1]["errorType"] == "Extension.RegistrationClosed"
    with pytest.raises(http.client.RemoteDisconnected):
        register(lambda_api)
    with pytest.raises(http.client.BadStatusLine):
        register(lambda_api)
    register(lambda_api)
    event = {"eventType": "SHUTDOWN", "shutdownReason": "spindown"}
    lambda_api.answer_next(chunked_answer(200, json.dumps(event).encode(), {}))
    _, received, fields = call(lambda_api, "GET", "event/next", fields=IDENTIFIED)
    assert received == event
    assert fields["Transfer-Encoding"] == "chunked"


def test_leaving_ends_the_call_that_waits():
    failures = []

    def wait_for_an_event():
        try:
            call(api, "GET", "event/next", fields=IDENTIFIED)
        except (OSError, http.client.HTTPException) as failure:
            failures.append(failure)

    with FakeLambdaApi() as api:
        register(api)
        caller = threading.Thread(target=wait_for_an_event)
        caller.start()
        api.wait_next(1)
    caller.join()
    assert len(failures) == 1
