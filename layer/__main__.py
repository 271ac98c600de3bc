"""The command line behind build_layer.sh."""

import argparse
import sys
from pathlib import Path

from layer import fetch, lock, report, verify
from layer import publish as publishing
from layer.apt import Archive
from layer.architecture import ARCHITECTURES, Architecture, of_this_machine
from layer.build import build
from layer.errors import LayerError
from layer.progress import say
from layer.roots import Roots
from layer.tree import PROJECT

CACHE = PROJECT / ".cache" / "layer"


def main() -> int:
    arguments = parse()
    try:
        return work(arguments)
    except LayerError as fault:
        sys.stderr.write(f"build_layer.sh: {fault}\n")
        return 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="build_layer.sh",
        description="Builds the Lambda layer: dist/fastext-ARCH.zip, with checksum and SBOM.",
    )
    parser.add_argument("--arch", choices=[*ARCHITECTURES, "all"], default="all",
                        help="which architecture to build (default: all)")  # fmt: skip
    parser.add_argument("--output", type=Path, default=PROJECT / "dist", metavar="FOLDER",
                        help="where the archives go (default: dist)")  # fmt: skip
    parser.add_argument("--update-lock", action="store_true",
                        help="pin the newest inputs in layer/lock.json, then build")  # fmt: skip
    parser.add_argument("--mirror", metavar="URL",
                        help="Debian mirror (default: the machine's own)")  # fmt: skip
    parser.add_argument("--keyring", type=Path, metavar="FILE",
                        help="keyring of Debian (default: the installed one)")  # fmt: skip
    group = parser.add_argument_group("publishing, by the AWS CLI, of what is built already")
    group.add_argument("--publish", metavar="REGION[,REGION]",
                       help="publish a layer version in each of these Regions")  # fmt: skip
    group.add_argument("--name", default="fastext",
                       help="the layer's name, before -ARCH (default: fastext)")  # fmt: skip
    group.add_argument("--public", action="store_true",
                       help="let every AWS account use it")  # fmt: skip
    group.add_argument("--dry-run", action="store_true",
                       help="print the calls of the AWS CLI instead of making them")  # fmt: skip
    arguments = parser.parse_args()
    if not arguments.publish and (arguments.dry_run or arguments.public):
        parser.error("--dry-run and --public go with --publish")
    return arguments


def work(arguments: argparse.Namespace) -> int:
    host = of_this_machine()
    targets = [a for a in ARCHITECTURES.values() if arguments.arch in (a.name, "all")]
    if arguments.publish:
        publish(arguments, targets)
        return 0
    archive = Archive(CACHE / "apt", arguments.mirror, arguments.keyring)
    if arguments.update_lock:
        fetch.renew(CACHE / "inputs", archive)
    inputs = fetch.needed(lock.read(), host, targets)
    fetch.fetch(inputs, CACHE / "inputs", archive)
    roots = Roots(CACHE, inputs, host)
    roots.prepare(targets)
    output = arguments.output.resolve()
    for target in targets:
        built = build(target, roots, inputs, CACHE / "build" / target.name, output)
        verify.verify(built.archive, target)
        report.table(built, target)
    say("done")
    return 0


def publish(arguments: argparse.Namespace, targets: list[Architecture]) -> None:
    """Publish the archives in the output folder, and note their ARNs beside them."""
    output = arguments.output.resolve()
    run = publishing.dry_run() if arguments.dry_run else publishing.run_aws
    publisher = publishing.Publisher(output, arguments.name, arguments.public, run)
    arns = publisher.publish(arguments.publish.split(","), targets)
    if not arguments.dry_run:
        publishing.write(arns, output / "layers.json")
    print("\n".join(publishing.lines(arns)))


if __name__ == "__main__":
    sys.exit(main())
