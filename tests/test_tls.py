"""Whom we trust, by real handshakes."""

import socket
import ssl
import threading

import pytest

from fastext import tls
from fastext.errors import Unavailable
from fastext.tls import Trust, ca_file_of


@pytest.fixture
def server(authority):
    """Makes one handshake for each caller; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(peer, server_side=True).close()
                except OSError:
                    peer.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def shake_hands(trust, port, name="localhost"):
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        trust.context().wrap_socket(raw, server_hostname=name) as secured,
    ):
        return secured.version()


def test_amazon_s_roots_are_the_default_and_more_are_loaded_once_when_they_do_not_suffice(
    server, authority, tmp_path, monkeypatch
):
    bundle = tmp_path / "all.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setattr(tls, "all_roots", lambda: str(bundle))
    trust = Trust(None)
    assert len(trust.context().get_ca_certs()) == 5
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        shake_hands(trust, server)
    assert trust.grown(refused.value)
    assert shake_hands(trust, server)
    assert not trust.grown(refused.value), "there is no more to load"


def test_a_wrong_name_is_no_reason_to_trust_more(server, authority, tmp_path):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    trust = Trust(str(bundle))
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        shake_hands(trust, server, "elsewhere.example")
    assert not Trust(None).grown(refused.value)
    assert not trust.grown(refused.value)


def test_a_file_that_is_named_is_all_that_counts(server):
    trust = Trust(tls.AMAZON_ROOTS)
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        shake_hands(trust, server)
    assert not trust.grown(refused.value)


def test_nothing_below_tls_1_2_is_spoken():
    context = Trust(None).context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(Unavailable, match="certificates in '/nonexistent'"):
        Trust("/nonexistent").context()


@pytest.mark.parametrize(
    ("environ", "file"),
    [({}, None), ({"SSL_CERT_FILE": "c", "REQUESTS_CA_BUNDLE": "b", "AWS_CA_BUNDLE": "a"}, "a"),
     ({"SSL_CERT_FILE": "c", "REQUESTS_CA_BUNDLE": "b", "AWS_CA_BUNDLE": ""}, "b"),
     ({"SSL_CERT_FILE": "c"}, "c")],
)  # fmt: skip
def test_the_environment_names_the_file(environ, file):
    assert ca_file_of(environ) == file
