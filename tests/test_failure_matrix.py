"""The failure matrix of docs/behaviour.md, cell by cell: the table is what the tests expect.

A row's events are played here under the row's name, for every state that the table has a column
for, on each call of AWS that can meet with them, and by both data clients.
"""

import datetime
import re
import socket
import ssl
import time
from contextlib import ExitStack
from email.utils import formatdate

import aws
import pytest
import test_freeze
import trustme
from conftest import FLAGS
from fakes.appconfig import GET, START, FakeAppConfig
from fakes.data_service import bad_request, bad_token
from fakes.faults import Garbage, Hang, HangAfter, Raw, Reset, Status, Truncate, WithFields
from fakes.sts import FakeSts, Refusal
from matrix import TABLE, events_of
from stack import Stack
from waiting import until

from dev.service import free_port
from fastext import schedule
from fastext.document import BACKUP, SNAPSHOT, Document

KEY = ("shop", "production", "features")
OLD, NEW = FLAGS, b'{"dark_mode":{"enabled":false}}'
LATER = "backup, later"
STATES = ("cold", "backup", LATER, "snapshot", "cached")
ASSUME = "AssumeRole"

# Of its credentials; each retrieval assumes it anew.
ROLE_LIFE_S = 0.4
ION = "application/ion;type=AWS.AppConfig.FeatureFlags"
EXPIRED = Raw(bad_token("Expired", "Token not valid"))
ROLE = "arn:aws:iam::123456789012:role/reader"
INTERVAL_S = 45.0


# ---------------------------------------------------------------- events


EVENTS = {}


def event(name):
    """Take what is decorated as the event of a row.

    It gives variants by their names; each is a function that has it happen to a Scene.
    """

    def register(variants):
        EVENTS[name] = variants()
        return variants

    return register


def on_each_call(fault, refusal=None):
    """Variants in which each of the calls in turn meets with `fault`; STS has its own form."""
    variants = {
        START: lambda scene: scene.fail(START, fault),
        GET: lambda scene: scene.fail(GET, fault),
    }
    if refusal is not None:
        variants[ASSUME] = lambda scene: scene.fail(ASSUME, refusal)
    return variants


def unreachable(how):
    """Variants in which AppConfig, or STS, cannot be connected to."""
    return {
        "AppConfig": lambda scene: scene.disconnect(scene.service, how),
        ASSUME: lambda scene: scene.disconnect(scene.sts, how),
    }


def uncertified(**certificate):
    return {
        "AppConfig": lambda scene: scene.certify(scene.service, **certificate),
        ASSUME: lambda scene: scene.certify(scene.sts, **certificate),
    }


@event("connection refused")
def refused():
    return unreachable("refused")


@event("name not resolved")
def unresolved():
    return unreachable("unknown")


@event("no answer")
def silent():
    return on_each_call(Hang(), Hang())


@event("an answer that stops")
def stopping():
    return on_each_call(HangAfter(60), HangAfter(60))


@event("connection reset")
def reset():
    return on_each_call(Reset(), Reset())


@event("answer cut short")
def cut():
    return on_each_call(Truncate(), Truncate())


@event("no HTTP")
def garbage():
    return on_each_call(Garbage(), Garbage())


@event("certificate expired")
def expired_certificate():
    return uncertified(days=-1)


@event("certificate of another name")
def foreign_certificate():
    return uncertified(name="elsewhere.example")


@event("certificate of an unknown authority")
def unknown_authority():
    return uncertified(authority=trustme.CA())


@event("400 for the names")
def bad_names():
    return {START: lambda scene: scene.fail(START, Raw(bad_request("identifiers ...", {})))}


@event("400 for the role")
def bad_role():
    return {ASSUME: lambda scene: scene.fail(ASSUME, Refusal(400, "ValidationError"))}


@event("400 for the token, once")
def rejected_once():
    return {
        "Expired": lambda scene: scene.service.fail(GET, EXPIRED),
        "Corrupted": lambda scene: scene.service.fail(GET, Raw(bad_token("Corrupted", "x"))),
        "no Problem": lambda scene: scene.service.fail(GET, Raw(bad_request("x", {}))),
    }


@event("400 for the token, always")
def rejected():
    return {GET: lambda scene: scene.fail(GET, EXPIRED)}


@event("400 polled too early")
def early():
    answer = Raw(bad_token("PollIntervalNotSatisfied", "Request too early"))
    return {GET: lambda scene: scene.fail(GET, answer)}


@event("403 access denied")
def denied():
    return on_each_call(Status(403, "AccessDeniedException"), Refusal(403, "AccessDenied"))


@event("403 credentials expired")
def expired_credentials():
    fault = Status(403, "ExpiredTokenException")
    return on_each_call(fault, Refusal(403, "ExpiredToken"))


@event("403 for the clock")
def wrong_clock():
    date = {"Date": formatdate(4e9, usegmt=True)}
    fault = Status(403, "InvalidSignatureException", fields=date)
    return {
        START: lambda scene: (scene.new_session(), scene.service.fail(START, fault)),
        GET: lambda scene: scene.service.fail(GET, fault),
    }


@event("404 not found")
def missing():
    return on_each_call(Status(404, "ResourceNotFoundException"))


@event("429 throttled")
def throttled():
    return on_each_call(Status(429, "ThrottlingException"), Refusal(400, "Throttling"))


@event("500")
def broken():
    return on_each_call(Status(500), Refusal(500, "InternalFailure"))


@event("503")
def overloaded():
    return on_each_call(Status(503, "ServiceUnavailable"), Refusal(503, "ServiceUnavailable"))


@event("answer lost, its token used")
def lost():
    return {GET: lambda scene: scene.service.fail(GET, Reset(processed=True))}


@event("interval raised to 300 s")
def slower():
    return {GET: lambda scene: setattr(scene.service, "next_poll_interval_s", 300)}


@event("interval lowered to 1 s")
def faster():
    return {GET: lambda scene: setattr(scene.service, "next_poll_interval_s", 1)}


@event("empty body in a new session")
def empty():
    def play(scene):
        scene.service.deploy(*KEY, b"")
        scene.new_session()

    return {GET: play}


@event("16 MB body")
def large():
    return {GET: lambda scene: scene.service.deploy(*KEY, scene.large(), "text/plain")}


@event("no JSON where flags are expected")
def no_json():
    return {GET: lambda scene: scene.service.deploy(*KEY, b"<html>sorry</html>")}


@event("malformed rule")
def malformed():
    rule = b'f::[A::[(equals $x "1"), "{\\"enabled\\":true}"], "{\\"enabled\\":false}"]'
    return {GET: lambda scene: scene.service.deploy(*KEY, rule, ION)}


@event("control characters in Content-Type")
def odd_type():
    field = {"Content-Type": b"text/\x01\x7fplain"}
    return {GET: lambda scene: scene.fail(GET, WithFields(field))}


@event("control characters in Version-Label")
def odd_label():
    field = {"Version-Label": b"v\x01\x1b[31m2"}
    return {GET: lambda scene: scene.fail(GET, WithFields(field))}


# ---------------------------------------------------------------- the stage


class Scene:
    """One configuration, the services that it comes from, and what goes wrong with them."""

    def __init__(self, stack, service, sts, certificates):
        self.stack = stack
        self.service = service
        self.sts = sts
        self._certificates = certificates
        self._resolved = {}  # what becomes of a port: another, or None where there is no name

    # -- what events do

    def fail(self, call, fault):
        if isinstance(fault, Hang | HangAfter):
            self.stack.workers.timeout_s = 0.3
        if call == ASSUME:
            self.sts.fail_always(fault)
            return
        if call == START:
            self.new_session()
        self.service.fail_always(call, fault)

    def new_session(self):
        """Have the next poll begin one."""
        if self.stack.client.calls:
            self.service.fail(GET, EXPIRED)

    def disconnect(self, service, how):
        self._resolved[_port(service)] = free_port() if how == "refused" else None
        service.drop_connections()

    def certify(self, service, *, name="localhost", authority=None, days=1):
        self._certificates(service, name, authority, days)
        service.drop_connections()

    def large(self):
        return b"x" * (16 * 1024 * 1024)

    # -- what else happens to it

    def heal(self):
        self._resolved.clear()
        self.service.heal()
        if self.sts:
            self.sts.heal()
        for service in filter(None, (self.service, self.sts)):
            if service.url.startswith("https"):
                self.certify(service)
        self.stack.workers.timeout_s = 20.0

    def resolve(self, real):
        def getaddrinfo(host, port, *arguments, **options):
            port = self._resolved.get(int(port), port)
            if port is None:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return real(host, port, *arguments, **options)

        return getaddrinfo


def _port(service):
    return int(service.url.rpartition(":")[2])


@pytest.fixture
def scene(loop, monkeypatch, tmp_path, authority):
    """Makes a scene for a client and a variant."""
    aws.clean(monkeypatch)
    monkeypatch.setattr(schedule, "FIRST_RETRIEVAL_PAUSES_S", (0.001, 0.001))
    contexts = {}

    def certify(service, name, issuer, days):
        """Give `service` a certificate that ends in so many days."""
        context = contexts.setdefault(service, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(days=days)
        issued = (issuer or authority).issue_cert(
            name, not_before=now - datetime.timedelta(days=9), not_after=end
        )
        issued.configure_cert(context)

    with ExitStack() as ending:

        def make(client, *, secure, role):
            context, sts_context = (
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if secure else None for _ in range(2)
            )
            service = ending.enter_context(FakeAppConfig(context))
            sts = ending.enter_context(FakeSts(ROLE_LIFE_S, sts_context)) if role else None
            variables = {}
            if secure:
                authority.cert_pem.write_to_path(tmp_path / "ca.pem")
                monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
                contexts.update({service: context, sts: sts_context})
            if role:
                monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
                variables["ROLE_ARN"] = ROLE
            service.deploy(*KEY, OLD, version_label="v1")
            stack = Stack(loop, service, client, INTERVAL_S, **variables)
            ending.callback(stack.close)
            made = Scene(stack, service, sts, certify)
            made.heal()
            monkeypatch.setattr(socket, "getaddrinfo", made.resolve(socket.getaddrinfo))
            return made

        yield make


def cells():
    for name, variants in EVENTS.items():
        for state in STATES:
            for variant in variants:
                for client in ("direct", "botocore"):
                    if client == "direct" and variant == ASSUME:
                        continue  # roles are botocore's
                    # What is kept on disk depends on the fault alone; by whom the fault is told is
                    # the matter of the other two states.
                    if (
                        state in (BACKUP, LATER, SNAPSHOT)
                        and client == "botocore"
                        and variant != ASSUME
                    ):
                        continue
                    yield pytest.param(
                        name, state, variant, client, id=f"{name}, {state}: {variant}, {client}"
                    )


@pytest.mark.parametrize(("name", "state", "variant", "client"), [*cells()])
def test_an_event_does_what_the_table_says(scene, name, state, variant, client):
    s = scene(client, secure=name.startswith("certificate"), role=variant == ASSUME)
    row = TABLE[name]
    if state == "cached":
        assert s.stack.get(KEY)[0] == 200
        s.stack.get(KEY, "?flag=old")  # flags are expected from now on
        s.stack.log.clear()
        s.stack.pass_time(INTERVAL_S)
        if s.sts is not None:  # while the role's credentials are good nobody hears of its faults
            expired = time.time() + ROLE_LIFE_S
            until(lambda: time.time() > expired)
    elif state != "cold":
        kept = Document(OLD, "application/json")
        kept.kept_as = SNAPSHOT if state == SNAPSHOT else BACKUP
        kept.saved_at = s.stack.clock.wall - 60
        keep = s.stack.poller.preload if state == BACKUP else s.stack.poller.reserve
        keep(KEY, kept)
    s.service.deploy(*KEY, NEW, version_label="v2")
    EVENTS[name][variant](s)
    if state in ("cached", BACKUP):
        assert s.stack.refresh() == 1
    check_reply(s, row[state], name)
    check_log(s, row["log"], row[state], state)
    check_next(s, row["asked again"], row[state])


# ---------------------------------------------------------------- what a cell says


def check_reply(s, cell, name):
    """A status; with 200 which content, from where, and why it is stale."""
    status, _, said = cell.partition(" ")
    got, fields, content = s.stack.get(KEY)
    assert got == int(status), (got, content[:200])
    if got != 200:
        assert b"shop:production:features" in content
        return
    which = re.match(r"\w+", said)[0]
    assert content == (OLD if which == "old" else s.service.content_of(*KEY))
    for source in (BACKUP, SNAPSHOT):
        assert (f"fastext-{source}" in fields) == (source in said)
    stale = re.search(r"`(\w+)`$", said)
    assert fields.get("fastext-stale") == (stale[1] if stale else None)
    if by_flag := re.search(r"`\?flag=` (\d+)", said):
        assert s.stack.get(KEY, "?flag=old")[0] == int(by_flag[1])
    if "Content-Type" in name:
        assert fields["content-type"] == "application/octet-stream"
    assert fields.get("version-label", "v1") in ("v1", "v2")


def check_log(s, cell, reply, state):
    """The text of one ERROR, or none; a WARN tells what is served of what was kept on disk."""
    errors = [line for line in s.stack.log if line.startswith("ERROR")]
    only, text = re.fullmatch(r"—|(?:(\w+): )?ERROR `(.+)`(?:, then WARN)?", cell).groups()
    if not text or (only and only != state):
        assert errors == []
    else:
        [error] = errors
        assert error.startswith("ERROR retrieve failure for 'shop:production:features': ")
        assert text in error
    kept_as = SNAPSHOT if state == SNAPSHOT else BACKUP
    served = [f"WARN serving the {kept_as} of 'shop:production:features'"]
    warnings = [line for line in s.stack.log if line.startswith("WARN")]
    assert warnings == (served if state != BACKUP and f"old, {kept_as}" in reply else [])


def check_next(s, cell, reply):
    """When a request asks again, where there was nothing to serve; and when the next poll is."""
    on_request, poll, *with_snapshot = cell.split("; ")
    if reply.startswith("200"):
        poll = with_snapshot[0] if "old, snapshot" in reply else poll
        least, _, most = re.match(r"(\d+)(?:-(\d+))? s", poll).group(1, 0, 2)
        least, most = float(least), float(most or least)
        calls = s.stack.client.calls
        s.stack.pass_time(least - 0.1)
        assert s.stack.refresh() == 0
        assert s.stack.client.calls == calls
        s.heal()
        s.stack.pass_time(most - least + 0.2)
        assert s.stack.refresh() == 1
    else:
        memory_s = float(on_request.removesuffix(" s"))
        calls = s.stack.client.calls
        s.stack.pass_time(memory_s - 0.1)
        assert s.stack.get(KEY)[0] == int(reply[:3])
        assert s.stack.client.calls == calls
        s.heal()
        s.stack.pass_time(0.2)
    # Nothing of it lasts.
    s.service.deploy(*KEY, b"healthy", "text/plain")
    s.stack.pass_time(301)
    s.stack.refresh()
    status, fields, content = s.stack.get(KEY)
    assert (status, content) == (200, b"healthy")
    assert "fastext-stale" not in fields


def test_every_row_of_the_table_has_its_test():
    assert set(TABLE) == {*EVENTS, *events_of(test_freeze)}
