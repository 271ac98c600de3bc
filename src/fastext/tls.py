"""Whom we trust over TLS, for both clients of AWS."""

import ssl

from fastext.errors import Unavailable


def trusting(ca_file: str) -> ssl.SSLContext:
    """A context that checks names and certificates against `ca_file`, from TLS 1.2 up.

    `ca_file` is a file of certificates in PEM form. Raises Unavailable where it cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    trust_too(context, ca_file)
    return context


def trust_too(context: ssl.SSLContext, ca_file: str) -> None:
    """Add the certificates in `ca_file`. Raises Unavailable."""
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as fault:
        raise Unavailable(f"cannot read the certificates in '{ca_file}': {fault}") from fault
