"""The two functions of hashlib and hmac that are used."""

import hashlib
import hmac

from fastext.digest import hmac_digest, sha256


def test_they_are_those_of_the_standard_library():
    assert sha256(b"x").hexdigest() == hashlib.sha256(b"x").hexdigest()
    assert hmac_digest(b"k", b"x", "sha256") == hmac.digest(b"k", b"x", "sha256")
