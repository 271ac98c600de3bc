"""Whom we trust over TLS, for both clients of AWS."""

import os
import ssl
import threading

from fastext.errors import Unavailable
from fastext.places import AMAZON_ROOTS, all_roots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# OpenSSL's codes for an issuer that is not known, or not trusted (X509_STORE_CTX_get_error).
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})


class Trust:
    """The certificates that count: those in `ca_file`, in PEM form, or by default Amazon's roots.

    The default grows, once, by all roots that botocore trusts, when a certificate turns up that
    Amazon's do not vouch for, as behind an endpoint of one's own: so few certificates are loaded
    where few are needed. Threads may share it.
    """

    __slots__ = ("_ca_file", "_context", "_lock", "_whole")

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = os.path.expanduser(ca_file or AMAZON_ROOTS)
        self._whole = bool(ca_file)
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def context(self) -> ssl.SSLContext:
        """A context that checks names and certificates, from TLS 1.2 up.

        Raises Unavailable where the file cannot be used.
        """
        with self._lock:
            if self._context is None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                load(context, self._ca_file)
                self._context = context
            return self._context

    def grown(self, fault: object) -> bool:
        """Whether more is trusted now than when `fault` was raised, so that it pays to try again.

        Raises Unavailable where the further certificates cannot be read.
        """
        unknown = (
            isinstance(fault, ssl.SSLCertVerificationError) and fault.verify_code in _UNKNOWN_ISSUER
        )
        more = None if self._whole or not unknown else all_roots()
        if more is None:
            return False
        context = self.context()
        with self._lock:
            if not self._whole:
                load(context, more)
                self._whole = True
        return True


def load(context: ssl.SSLContext, ca_file: str) -> None:
    """Add the certificates in `ca_file`. Raises Unavailable."""
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as fault:
        raise Unavailable(f"cannot read the certificates in '{ca_file}': {fault}") from fault


def ca_file_of(environ: "Mapping[str, str]") -> str | None:
    """The file that the environment names, as every SDK for Python looks for it."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if environ.get(name):
            return environ[name]
    return None
