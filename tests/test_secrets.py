"""Canaries in place of every secret: none of them is ever told, whatever happens.

Each scenario is a process with a canary in every variable, token and header field that is secret,
which logs all it can. What it logs, answers and writes is then searched.
"""

import base64
import contextlib
import json
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from conftest import FLAGS
from fakes.answers import http_answer
from fakes.appconfig import GET, START
from fakes.faults import CutHead, Garbage, Raw, Reset, Status, Truncate
from fakes.loopback import Loopback
from program import FEATURES

from fastext.settings import VARIABLES

NAME = "shop:production:features"
ROLE = "arn:aws:iam::123456789012:role/reader"
CANARY = "cAnArY"

# What a service that finds the signature wrong tells: all that was signed.
SIGNED = (
    "The request signature we calculated does not match the signature you provided.\n\n"
    f"The Canonical String for this request should have been\n'GET\n/\n"
    f"configuration_token={CANARY}\nhost:localhost\nx-amz-security-token:{CANARY}-session\n"
)
# The native service's, for a configuration that is no longer deployed.
WITHDRAWN = {
    "Message": "Configuration not found",
    "ResourceType": "Configuration",
    "ReferencedBy": {"ConfigurationToken": f"{CANARY}-configuration"},
}

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-key",
    "AWS_SESSION_TOKEN": f"{CANARY}-session",
    "ROLE_EXTERNAL_ID": f"{CANARY}-external",
    "PROXY_HEADERS": f"Proxy-Authorization: {CANARY}, X-Other: {CANARY}",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": f"{CANARY}-container",
}
PROXY = {"PROXY_URL": f"http://{CANARY}:{CANARY}@127.0.0.1:1"}
BASIC = base64.b64encode(f"{CANARY}:{CANARY}".encode()).decode()
MANIFEST = {NAME: {"credentials": {"roleArn": ROLE, "roleExternalId": CANARY}}}
BY_ROLE = {"ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": "{sts}"}

SCENARIOS = {
    "all is well": {},
    "by botocore": {"FASTEXT_DATA_CLIENT": "botocore"},
    "a token is asked for": {"ACCESS_TOKEN": f"{CANARY}-access"},
    "a role": BY_ROLE,
    "a role by a proxy that is not there": BY_ROLE | PROXY,
    "a proxy that is not there": PROXY,
    "a proxy without a port that is one": {"PROXY_URL": f"http://{CANARY}:{CANARY}@h:99999"},
    "header fields for the proxy that are none": {"PROXY_HEADERS": CANARY},
    "a manifest": {"MANIFEST": json.dumps(MANIFEST), "AWS_ENDPOINT_URL_STS": "{sts}"},
    "a manifest that is cut off": {"MANIFEST": json.dumps(MANIFEST)[:-2]},
    "a manifest behind a stray quote": {"MANIFEST": f"'{json.dumps(MANIFEST)}'"},
    "a manifest in a list": {"MANIFEST": json.dumps([MANIFEST])},
    "a manifest that could be three names": {"MANIFEST": f'[{{"a":"b","c":"{CANARY}"}}]'},
    "a manifest that is no JSON": {"MANIFEST": f"{NAME}: credentials: roleExternalId: {CANARY}"},
    "an endpoint of another scheme": {"SERVICE_ENDPOINT": f"ftp://{CANARY}:{CANARY}@{CANARY}@h"},
    "an endpoint that is cut off": {"SERVICE_ENDPOINT": f"{CANARY}:{CANARY}@"},
    "an endpoint with a password": {"SERVICE_ENDPOINT": f"http://{CANARY}:{CANARY}@127.0.0.1:1"},
    "a manifest of another form": {"MANIFEST": json.dumps({NAME: {"credentials": {
        "roleArn": ROLE, "roleExternalId": [CANARY], CANARY: 1, "credentialsDuration": 5}}})},
    "credentials of a container": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                                   "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{sts}/credentials"},
    "the same by botocore": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                             "FASTEXT_DATA_CLIENT": "botocore",
                             "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{sts}/credentials"},
    "a web identity": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ROLE_ARN": ROLE,
                       "AWS_WEB_IDENTITY_TOKEN_FILE": "{identity}",
                       "AWS_ENDPOINT_URL_STS": "{sts}"},
}  # fmt: skip

# Where the service's own faults are played.
FAULTY = ("all is well", "by botocore")
# Where it is not reached, and all that can be waited for is the end of the time-out.
UNREACHED = ("credentials", "the same", "a proxy that is not", "a role by", "an endpoint with")

FAULTS = (
    Status(403, "AccessDeniedException"),
    Status(403, "InvalidSignatureException", {"Message": SIGNED}),
    Status(400, "InvalidSignatureException", {"message": SIGNED}),
    Status(404, "ResourceNotFoundException", WITHDRAWN),
    Status(400, "BadRequestException", {"Message": "no", "Details": {"InvalidParameters": {
        "ConfigurationToken": {"Problem": "Corrupted"}}}}),
    Status(500),
    Garbage(),
    Reset(),
    Truncate(),
    CutHead(),
    Raw(http_answer(200, f'{{"InitialConfigurationToken": 5, "{CANARY}": "'.encode(), {})),
)  # fmt: skip

FIELDS = {
    "Authorization": f"Bearer {CANARY}-wrong",
    "Cookie": f"session={CANARY}",
    "Context": f"user={CANARY}, without",
    "Entity-Id": CANARY,
    "X-Aws-Parameters-Secrets-Token": CANARY,
}


@pytest.fixture
def sts():
    """An STS, and an endpoint of credentials, that refuse with all that they were told."""
    refusal = (
        f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{SIGNED}</Message>"
        "</Error></ErrorResponse>"
    ).encode()
    credentials = f'{{"AccessKeyId":"a","SecretAccessKey":"{CANARY}","Token":"{CANARY}"'.encode()

    def serve(request, connection):
        if request.method == "GET":
            connection.send(http_answer(200, credentials, {}))
        else:
            connection.send(http_answer(403, refusal, {"Content-Type": "text/xml"}))

    server = Loopback(serve)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.mark.parametrize(
    ("scenario", "form"),
    [*((name, "Text") for name in SCENARIOS), ("a role", "JSON")],
)
def test_no_secret_is_told(start, appconfig, lambda_api, sts, tmp_path, scenario, form):
    appconfig.next_poll_interval_s = 0
    (tmp_path / "identity").write_text(f"{CANARY}.{CANARY}.{CANARY}")
    kept = tmp_path / "kept"
    kept.mkdir()
    places = {"{sts}": sts, "{sts}/credentials": f"{sts}/credentials",
              "{identity}": str(tmp_path / "identity")}  # fmt: skip
    variables = SECRETS | {
        name: places.get(value, value) for name, value in SCENARIOS[scenario].items()
    }
    program = start(
        AWS_ENDPOINT_URL_APPCONFIGDATA=appconfig.url,
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_LAMBDA_LOG_FORMAT=form,
        BACKUP_DIRECTORY=str(kept),
        LOG_LEVEL="trace",
        POLL_INTERVAL_SECONDS="1us",
        POLL_TIMEOUT_MILLIS="150ms" if scenario.startswith(UNREACHED) else "500ms",
        PREFETCH_LIST=NAME,
        **variables,
    )
    lambda_api.wait_next(1)
    told = []

    def read(target, method="GET", **fields):
        reply = program.request(target, method, **fields)
        told.append(json.dumps(reply.fields) + reply.content.decode())
        return reply.status

    def read_all(**fields):
        for target in (FEATURES, f"{FEATURES}?flag=dark_mode", f"{FEATURES}?flag=none", "/status",
                       "/applications/a/environments/b/configurations/c", "/x"):  # fmt: skip
            read(target, **fields)
        read(FEATURES, "POST", **fields)

    token = variables.get("ACCESS_TOKEN")
    allowed = {"Authorization": f"Bearer {token}"} if token else {}
    read_all(**allowed)
    read_all(**FIELDS)
    for number, fault in enumerate(FAULTS if scenario in FAULTY else FAULTS[:1], 2):
        appconfig.heal()
        for operation in (START, GET):
            appconfig.fail_always(operation, fault)
        lambda_api.invoke()
        lambda_api.wait_next(number)
        read_all(**allowed)
        read(f"/applications/{number}/environments/b/configurations/c", **allowed)
    lambda_api.shutdown()
    assert program.wait() == 0
    if scenario == "all is well":
        assert FLAGS.decode() in told[0]
        assert appconfig.calls[0].security_token == SECRETS["AWS_SESSION_TOKEN"]
    told += [program.log, *(path.read_text("latin-1") for path in kept.iterdir())]
    secret = {CANARY.lower(), BASIC.lower(), *map(str.lower, tokens(appconfig))}
    for text in told:
        for canary in secret:
            assert canary not in text.lower()


def tokens(appconfig):
    """Every configuration token that was used, as it is and as a URL has it."""
    for call in appconfig.calls:
        for token in parse_qs(urlsplit(call.target).query).get("configuration_token", ()):
            yield token
            yield quote(token, safe="")


def test_there_is_a_canary_for_every_secret_variable():
    ours = {variable.name for variable in VARIABLES if variable.secret}
    watched = set().union(SECRETS, *SCENARIOS.values())
    assert ours <= watched


def test_a_secret_that_cannot_be_used_is_not_shown(start):
    bad = {variable.name: f"{CANARY}\x01" for variable in VARIABLES if variable.secret}
    program = start(LOG_LEVEL="trace", **bad)
    with contextlib.suppress(AssertionError):
        program.wait_serving()
    program.stop()
    assert program.log
    assert CANARY not in program.log
