"""The manifest: which configurations are read by which role, and of which a copy is written.

    {"shop:production:features": {
        "credentials": {"roleArn": ..., "roleExternalId": ..., "roleSessionName": ...,
                        "credentialsDuration": "2h"},
        "writeTo": {"path": "/tmp/features.json"}}}

Source: AWS AppConfig user guide, "Using a manifest to enable additional retrieval features".
"""

import json
import posixpath

from fastext._parse import parse_configuration
from fastext.errors import ManifestError, RequestError
from fastext.settings import Role, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastext.document import Key

# The bounds of DurationSeconds (STS API reference, AssumeRole).
SHORTEST_S, LONGEST_S = 900, 43200

_ENTRY = ("credentials", "writeTo")
_CREDENTIALS = ("roleArn", "roleExternalId", "roleSessionName", "credentialsDuration")
_WRITE_TO = ("path",)


class Entry:
    """What the manifest says of one configuration; `path` is where a copy is written, or ""."""

    __slots__ = ("path", "role")

    def __init__(self, role: "Role | None" = None, path: str = "") -> None:
        self.role = role
        self.path = path


class Manifest:
    """`entries` in the order of the manifest; `warnings` has a line for each unknown key."""

    __slots__ = ("entries", "warnings")

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.warnings: list[str] = []


def parse_manifest(text: "str | bytes", write_roots: "Sequence[str]") -> Manifest:
    """Read a manifest; copies may be written under `write_roots` alone.

    Raises ManifestError, whose message begins with the JSON path of the fault.
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ManifestError(f"$: is not JSON: {fault}") from None
    manifest = Manifest()
    paths: dict[str, str] = {}
    for name, value in members(tree, "$"):
        place = f"$[{json.dumps(name)}]"
        try:
            key = parse_configuration(name)
        except RequestError as fault:
            raise ManifestError(f"{place}: names no configuration: {fault.message}") from None
        if key in manifest.entries:
            raise ManifestError(f"{place}: is there already, in another notation")
        entry = read_entry(value, place, write_roots, manifest.warnings)
        if entry.path in paths:
            raise ManifestError(f"{place}.writeTo.path: is that of {paths[entry.path]} already")
        if entry.path:
            paths[entry.path] = place
        manifest.entries[key] = entry
    return manifest


def read_entry(
    value: object, place: str, write_roots: "Sequence[str]", warnings: list[str]
) -> Entry:
    """One entry, of which `place` is the JSON path. Raises ManifestError."""
    entry = Entry()
    for name, part in members(value, place, _ENTRY, warnings):
        if name == "credentials":
            entry.role = read_role(part, f"{place}.credentials", warnings)
        else:
            entry.path = read_path(part, f"{place}.writeTo", write_roots, warnings)
    return entry


def read_role(value: object, place: str, warnings: list[str]) -> Role:
    texts = dict(members(value, place, _CREDENTIALS, warnings))
    for name, text in texts.items():
        if not isinstance(text, str) or not text or not text.isprintable():
            raise ManifestError(f"{place}.{name}: is not a text")
    if "roleArn" not in texts:
        raise ManifestError(f"{place}.roleArn: is missing")
    arn = str(texts["roleArn"])
    # arn:partition:iam::account:role/name (IAM user guide, "IAM ARNs")
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[5].startswith("role/"):
        raise ManifestError(f"{place}.roleArn: is not the ARN of a role")
    duration_s = None
    if "credentialsDuration" in texts:
        try:
            duration_s = int(parse_duration(str(texts["credentialsDuration"]), "s"))
        except ValueError as fault:
            raise ManifestError(f"{place}.credentialsDuration: {fault}") from None
        if not SHORTEST_S <= duration_s <= LONGEST_S:
            raise ManifestError(f"{place}.credentialsDuration: is not from 15m to 12h")
    external_id, session_name = texts.get("roleExternalId"), texts.get("roleSessionName")
    return Role(
        arn,
        str(external_id) if external_id else None,
        str(session_name) if session_name else None,
        duration_s,
    )


def read_path(value: object, place: str, write_roots: "Sequence[str]", warnings: list[str]) -> str:
    found = dict(members(value, place, _WRITE_TO, warnings))
    path = found.get("path")
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise ManifestError(f"{place}.path: is not an absolute path")
    path = posixpath.normpath(path)
    if not is_under(path, write_roots):
        roots = ", ".join(write_roots)
        raise ManifestError(
            f"{place}.path: is not under {roots}; FASTEXT_WRITE_ROOTS says where copies may be "
            "written"
        )
    return path


def is_under(path: str, roots: "Sequence[str]") -> bool:
    """Whether a normalised absolute path names something below one of the folders."""
    return any(path.startswith(posixpath.normpath(root).rstrip("/") + "/") for root in roots)


def members(
    value: object, place: str, known: "Sequence[str]" = (), warnings: "list[str] | None" = None
) -> "list[tuple[str, object]]":
    """The members of an object, with a warning for each that is not `known`.

    Raises ManifestError.
    """
    if not isinstance(value, dict):
        raise ManifestError(f"{place}: is not a JSON object")
    if warnings is None:
        return list(value.items())
    warnings += (
        f"{place}[{json.dumps(name)}]: is not known, and ignored"
        for name in value
        if name not in known
    )
    return [(name, part) for name, part in value.items() if name in known]
