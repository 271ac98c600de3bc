"""`fastext snapshot`: configurations as files, to be shipped with what reads them."""

import os
import sys
import time
from argparse import Namespace
from typing import Any

from fastext._parse import parse_configuration
from fastext.backup import MAX_BYTES, encode, file_name
from fastext.commands import DONE, FAULTY
from fastext.commands.output import print_json
from fastext.commands.source import Unusable
from fastext.deadline import Deadline
from fastext.document import Document, Key, key_text, read_document
from fastext.errors import FastextError, RequestError
from fastext.files import write_whole
from fastext.ion import parse_symbols
from fastext.late_client import LateClient
from fastext.schedule import first_retrieval
from fastext.session import ConfigurationSession
from fastext.settings import Settings

# Whoever runs the function reads the file, and that is not who has built it.
_MODE = 0o644


def run(options: Namespace) -> int:
    """Write a snapshot of each configuration; 1 where one could not be written."""
    keys = list(dict.fromkeys(map(key_of, options.configurations)))
    settings = Settings.from_env(os.environ, in_lambda=False)
    for problem in settings.problems:
        print(f"fastext snapshot: {problem}", file=sys.stderr)
    client = LateClient(settings, os.environ)
    client.load()
    written, status = [], DONE
    for key in keys:
        print(f"retrieving {key_text(key)}", file=sys.stderr, flush=True)
        try:
            written.append(snapshot(key, client, settings, options.directory))
        except (FastextError, OSError) as fault:
            print(f"fastext snapshot: '{key_text(key)}': {fault}", file=sys.stderr)
            status = FAULTY
    if options.json:
        print_json({"snapshots": written})
    else:
        for one in written:
            print(f"{one['configuration']}: {one['bytes']} bytes in {one['file']}")
    return status


def key_of(text: str) -> Key:
    """Raises Unusable."""
    try:
        return parse_configuration(text)
    except RequestError as fault:
        raise Unusable(f"{text!r}: {fault.message}") from None


def snapshot(key: Key, client: LateClient, settings: Settings, folder: str) -> dict[str, Any]:
    """Retrieve `key` and write its file. Raises FastextError or OSError."""
    session = ConfigurationSession(client, key, settings.poll_interval_s)
    got = first_retrieval(session, Deadline(settings.poll_timeout_s))
    if got is None or not got.content:
        raise FastextError("the service has no content for it; there is nothing to keep")
    # What could not be served later is refused here.
    document: Document = read_document(
        got.content, got.content_type, got.version_label, lambda: symbols_of(settings.ion_symbols)
    )
    content = encode(key, document, time.time())
    if len(content) > MAX_BYTES:
        raise FastextError(f"its file would have over {MAX_BYTES} bytes")
    path = os.path.join(folder, file_name(key))
    write_whole(path, content)
    os.chmod(path, _MODE)
    return {
        "configuration": key_text(key),
        "file": path,
        "bytes": len(document.content),
        "contentType": document.content_type,
        "versionLabel": document.version_label or None,
    }


def symbols_of(path: str | None) -> dict[int, str]:
    """Texts of Ion's symbols. Raises OSError or FastextError."""
    if not path:
        return {}
    with open(path, "rb") as file:
        try:
            return dict(parse_symbols(file.read()))
        except ValueError as fault:
            raise FastextError(f"FASTEXT_ION_SYMBOLS: '{path}' {fault}") from None
