"""SHA-256 without hashlib, which is a shell around it and takes a millisecond to load."""

try:
    from _hashlib import hmac_digest
    from _hashlib import openssl_sha256 as sha256
except ImportError:
    from hashlib import sha256
    from hmac import digest as hmac_digest  # type: ignore[assignment]

__all__ = ["hmac_digest", "sha256"]
