"""The cache: what was put last is what is found."""

from fastext.cache import Cache
from fastext.document import Document

KEY = ("a", "e", "c")


def test_the_last_document_is_found():
    cache = Cache()
    assert cache.get(KEY) is None
    for content in (b"one", b"two"):
        cache.put(KEY, Document(content, "text/plain"))
    document = cache.get(KEY)
    assert document is not None
    assert document.content == b"two"
    assert len(cache) == 1
