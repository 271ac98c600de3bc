"""The start of the built layer: `python -m benches.bench_start`, after ./build_layer.sh.

    bare        the layer's own interpreter, initialised as the extension initialises it, runs
                `pass` and leaves by _exit: from exec to its end
    registered  the Extensions API has answered `register`
    serving     a request that was sent right after that is answered
    prefetched  the service has handed over a document of 10 KB, over TLS with one authority
    next event  the extension asks for its first event; the whole start

Each start is a fresh process on one core; subjects take turns, every other round backwards. A
ratio is the median of those of the rounds. The cold rounds evict the subject's files from the page
cache before each start. The layer lies at /opt in a mount namespace of this program's own.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from benches import ROOT
from benches.bench_startup import answered_ping, spawn
from benches.harness import machine, statistics
from benches.harness.build import CACHE, Missing
from benches.harness.documents import KEY_PREFIX, sized_document
from benches.harness.servers import fastext_environ
from benches.harness.upstream import AppConfig, LambdaApi, secure_app_config
from benches.plain_bundle import PlainBundle
from benches.start_report import PHASES, Start, figures, lines_of, verdicts
from dev.service import free_port
from layer import fetch, lock
from layer.architecture import of_this_machine
from layer.roots import Roots

ROUNDS = 30
COLD_ROUNDS = 10
CONFIGURATION = "features"
DOCUMENT_BYTES = 10 * 1024
INSIDE = "FASTEXT_BENCH_LAYER"  # set in the mount namespace: the folder of the unpacked layer
EXECUTABLE = "/opt/extensions/fastext"

STARTED = re.compile(r"started in .*: registered (\S+), serving (\S+), prefetched (\S+)")


def start(
    command: Sequence[str], client: str, service: AppConfig, bundle: Path, core: int
) -> Start:
    """Start `command` under the Extensions API, to its call of next. Raises TimeoutError."""
    port = free_port()
    service.answered_at = 0
    with LambdaApi() as api, tempfile.TemporaryFile() as log:
        environ = fastext_environ(
            port,
            service.url,
            {
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_CA_BUNDLE": str(bundle),
                "FASTEXT_DATA_CLIENT": client,
                "AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": ":".join((*KEY_PREFIX, CONFIGURATION)),
            },
        )
        begin = time.monotonic_ns()
        process = spawn(command, environ, core, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            api.wait_registered()
            serving_at = answered_ping(port)
            api.wait_next()
            pss = pss_bytes(process.pid)
        finally:
            process.kill()
            process.wait()
            log.seek(0)
            text = log.read().decode(errors="replace")
    if not service.answered_at:
        raise TimeoutError(f"nothing was prefetched:\n{text}")
    moments = (api.registered_at, serving_at, service.answered_at, api.next_at)
    found = STARTED.search(text)
    return Start(
        tuple((moment - begin) / 1e6 for moment in moments), pss, found.groups() if found else ()
    )


def bare_start(core: int) -> Start:
    """From exec to the end of a process that does nothing."""
    begin = time.monotonic_ns()
    command = [EXECUTABLE, "--interpreter", "pass"]
    process = spawn(command, machine.plain_environ(), core, stdin=subprocess.DEVNULL)
    status = process.wait()
    taken = (time.monotonic_ns() - begin) / 1e6
    if status:
        raise RuntimeError(f"the bare interpreter ended with {status}")
    return Start((taken,) * len(PHASES), 0)


def pss_bytes(pid: int) -> int:
    """The proportional set size: shared pages count by their share (proc(5), smaps_rollup)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (found,) = re.findall(r"^Pss:\s+(\d+) kB", text, re.M)
    return int(found) * 1024


def evicted(files: Iterable[Path], run: Callable[[], Start]) -> Start:
    """`run` with `files` out of the page cache."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    return run()


def turns(
    bundle: PlainBundle, service: AppConfig, trusted: Path, core: int
) -> dict[str, Callable[[], Start]]:
    """The subjects by name, warm."""
    subjects: dict[str, Callable[[], Start]] = {"bare": partial(bare_start, core)}
    for client in ("direct", "botocore"):
        for name, command in (("layer", [EXECUTABLE]), ("bundle", bundle.command)):
            subjects[f"{name}, {client}"] = partial(start, command, client, service, trusted, core)
    return subjects


def measured(
    rounds: int, cold_rounds: int
) -> tuple[dict[str, list[Start]], dict[str, list[Start]]]:
    """The starts of each subject, warm and cold."""
    layer = Path(os.environ[INSIDE])
    bundle = made_bundle()
    core, _ = machine.cores()
    with secure_app_config() as (service, trusted):
        service.deploy(*KEY_PREFIX, CONFIGURATION, sized_document(DOCUMENT_BYTES))
        subjects = turns(bundle, service, trusted, core)
        for run in subjects.values():
            run()
        warm = statistics.interleaved(subjects, rounds, progress)
        files = {
            "layer": [path for path in layer.rglob("*") if path.is_file()],
            "bundle": bundle.files(),
        }
        files["bare"] = files["layer"]
        cold = statistics.interleaved(
            {
                name: partial(evicted, files[name.partition(",")[0]], run)
                for name, run in subjects.items()
            },
            cold_rounds,
            progress,
        )
    sys.stderr.write("\n")
    return warm, cold


def made_bundle() -> PlainBundle:
    host = of_this_machine()
    bundle = PlainBundle(
        Roots(ROOT / ".cache/layer", fetch.needed(lock.read(), host, [host]), host)
    )
    bundle.make()
    return bundle


def progress() -> None:
    sys.stderr.write(".")
    sys.stderr.flush()


def enter(archive: Path, arguments: Sequence[str]) -> int:
    """Run this program again where the unpacked layer is at /opt."""
    folder = CACHE / "layer"
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            Path(content.extract(entry, folder)).chmod(entry.external_attr >> 16 & 0o777)
    subprocess.run(["sync", "-f", folder], check=True)  # only clean pages can be evicted
    script = (
        'old=$(mktemp -d) && mount --bind /opt "$old" && mount -t tmpfs tmpfs /opt && '
        'for path in "$old"/*; do test -d "$path" || continue; '
        'mkdir "/opt/${path##*/}" && mount --bind "$path" "/opt/${path##*/}"; done && '
        "for name in extensions fastext; do mkdir -p /opt/$name && "
        f'mount --bind "${INSIDE}/$name" /opt/$name; done && exec "$@"'
    )
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command = [*namespace, "sh", "-c", script, "sh", sys.executable, "-m", "benches.bench_start"]
    environ = {**os.environ, INSIDE: str(folder)}
    return subprocess.run([*command, *arguments], env=environ, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where a figure that must hold does not."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="python -m benches.bench_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--cold-rounds", type=int, default=COLD_ROUNDS)
    parser.add_argument("--layer", type=Path, default=ROOT / "dist/fastext-x86_64.zip")
    options = parser.parse_args(given)
    if not options.layer.exists():
        print(f"{options.layer} is missing: ./build_layer.sh --arch x86_64")
        return 2
    if INSIDE not in os.environ:
        return enter(options.layer, given)
    try:
        warm, cold = measured(options.rounds, options.cold_rounds)
    except Missing as fault:
        print(fault)
        return 2
    lines, held = verdicts(figures(options.layer, warm, cold))
    print("\n".join([*lines_of("warm", warm), *lines_of("cold", cold), *lines]))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
