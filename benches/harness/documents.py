"""The documents that every server serves, and the requests for them."""

import json
from collections.abc import Iterable, Sequence

FOLDER = "/applications/shop/environments/production/configurations/"
KEY_PREFIX = ("shop", "production")

SMALL, MEDIUM, LARGE, HUGE = 280, 4 * 1024, 64 * 1024, 1024 * 1024
SIZES = {SMALL: "280 B", MEDIUM: "4 KB", LARGE: "64 KB", HUGE: "1 MB"}

# Where a client's file of requests says so, each request gets a number of its own there.
UNIQUE = b"@" * 16

WANTED = ("flag_00001", "flag_00005", "flag_00009")


def flag_name(number: int) -> str:
    return f"flag_{number:05d}"


def flag(number: int) -> dict[str, object]:
    """What the retrieval form of a flag with three attributes looks like."""
    return {"enabled": number % 2 == 0, "rollout": number % 100, "owner": "team-a",
            "variants": ["control", "treatment"]}  # fmt: skip


def flags_document(count: int) -> bytes:
    """`count` flags of about 110 bytes, in the compact form that the service sends."""
    tree = {flag_name(number): flag(number) for number in range(count)}
    return json.dumps(tree, separators=(",", ":")).encode()


def sized_document(size: int) -> bytes:
    """A document of flags that measures exactly `size` bytes."""
    count = 1
    while len(flags_document(2 * count)) + 60 <= size:
        count *= 2
    tree = {flag_name(number): flag(number) for number in range(count)}
    tree["padding"] = {"enabled": True, "text": ""}
    room = size - len(json.dumps(tree, separators=(",", ":")))
    if room < 0:
        del tree[flag_name(0)]
        room = size - len(json.dumps(tree, separators=(",", ":")))
    tree["padding"]["text"] = "x" * room
    return json.dumps(tree, separators=(",", ":")).encode()


def subset(content: bytes, names: Sequence[str]) -> bytes:
    """The flags `names` of a compact document, in its order."""
    tree = json.loads(content)
    chosen = {name: value for name, value in tree.items() if name in names}
    return json.dumps(chosen, separators=(",", ":")).encode()


# Five rules, of which a caller from nowhere in them walks all five.
RULES = (
    '(and (eq $country "NL") (gt $age 30))',
    '(or (ends_with $userId "@example.com") (begins_with $userId "qa-"))',
    '(in $country ["BE", "LU", "DE"])',
    '(and (exists key::"beta") (eq $beta true))',
    '(split pct::0 by::$userId seed::"2026")',
)


def variants_document(count: int) -> bytes:
    """`count` flags of five rules each, and one, `plain`, without variants."""
    variants: list[dict[str, object]] = [
        {"name": f"variant_{number}", "rule": rule, "enabled": True,
         "attributeValues": {"color": "blue", "limit": number}}
        for number, rule in enumerate(RULES)
    ]  # fmt: skip
    variants.append({"name": "default", "enabled": False})
    tree: dict[str, object] = {flag_name(n): {"_variants": variants} for n in range(count)}
    tree["plain"] = {"enabled": True, "color": "blue", "limit": 1}
    return json.dumps(tree, separators=(",", ":")).encode()


def site() -> dict[str, bytes]:
    """Content by configuration name: the documents of the groups that measure on the wire."""
    documents = {f"bytes-{size}": sized_document(size) for size in SIZES}
    documents |= {f"flags-{count}": flags_document(count) for count in (10, 100, 10_000)}
    documents |= {f"variants-{count}": variants_document(count) for count in (1, 1000)}
    documents["subset"] = subset(documents["flags-100"], WANTED)
    return documents


def target(configuration: str, flags: Iterable[str] = ()) -> str:
    query = "&".join(f"flag={name}" for name in flags)
    return f"{FOLDER}{configuration}{'?' if query else ''}{query}"


def request(target: str, *, close: bool = False, unique: bool = False) -> bytes:
    """A GET as a small client sends it; `unique` adds a trace header, other in each request."""
    trace = b"X-Amzn-Trace-Id: Root=1-" + UNIQUE + b"\r\n" if unique else b""
    connection = b"Connection: close\r\n" if close else b""
    return b"".join(
        (b"GET ", target.encode(), b" HTTP/1.1\r\nHost: localhost:2772\r\n",
         b"User-Agent: fastext-benches\r\nAccept: */*\r\n", trace, connection, b"\r\n")
    )  # fmt: skip
