"""Commands for people who own flags: `fastext explain`, `split`, `lint` and `snapshot`.

The first three read local files, the last one asks the service; all use what serves. The serving
process loads nothing of this package. What it needs beyond fastext is the extra `fastext[cli]`,
where something is drawn.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

# Exit statuses; argparse ends with 2 as well.
DONE, FAULTY, UNUSABLE = 0, 1, 2

PLOT_SUFFIXES = (".png", ".svg")


def main(arguments: "Sequence[str]") -> int:
    """Run one command and give its exit status."""
    import gc
    import sys

    gc.enable()  # off for the start of a server
    from fastext.commands.source import Unusable

    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except Unusable as fault:
        sys.stderr.write(f"fastext {arguments[0]}: {fault}\n")
        return UNUSABLE
    except ImportError as fault:
        if fault.name is None or fault.name.partition(".")[0] not in ("rich", "matplotlib"):
            raise
        sys.stderr.write(
            f"fastext {arguments[0]}: needs {fault.name.partition('.')[0]}: pip install "
            "'fastext[cli]' (or use --json, which does not)\n"
        )
        return UNUSABLE
    except BrokenPipeError:  # `| head`
        # Python would flush standard output once more at its end.
        sys.stdout = None
        return DONE
    except KeyboardInterrupt:
        return 130  # as a shell says of SIGINT


def _parser() -> "ArgumentParser":
    import argparse

    parser = argparse.ArgumentParser(
        prog="fastext", description="Look at feature flags with the engine that serves them."
    )
    commands = parser.add_subparsers(required=True, metavar="explain | split | lint | snapshot")
    explain = commands.add_parser("explain", help="why a context gets its variant of a flag")
    split = commands.add_parser("split", help="how many of many identities get which variant")
    lint = commands.add_parser("lint", help="every fault of a document, with its path")
    snapshot = commands.add_parser("snapshot", help="files that are served when AWS is not there")
    snapshot.add_argument("configurations", nargs="+", metavar="APP:ENV:PROFILE")
    snapshot.add_argument("--directory", required=True, metavar="DIR", help="where to write them")
    snapshot.add_argument("--json", action="store_true", help="print JSON instead")
    snapshot.set_defaults(run=_snapshot)
    for command in (explain, split):
        command.add_argument("document", metavar="DOCUMENT", help="a file in any form of flags")
        command.add_argument("--flag", required=True, metavar="NAME")
        command.add_argument(
            "--context", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
            help="what a caller's Context field would say",
        )  # fmt: skip
    explain.add_argument("--entity-id", metavar="X", help="what the Entity-Id field would say")
    explain.set_defaults(run=_explain)
    split.add_argument("--key", required=True, help="the variable that holds the identity: userId")
    many = split.add_mutually_exclusive_group(required=True)
    many.add_argument("--identities", metavar="FILE", help="one identity a line; - is stdin")
    many.add_argument("--count", type=int, metavar="N", help="make up N identities")
    split.add_argument("--plot", metavar="FILE", help="draw the bars to a .png or .svg")
    split.set_defaults(run=_split)
    lint.add_argument("document", metavar="FILE", help="storage form, retrieval form or Ion")
    lint.set_defaults(run=_lint)
    for command in (explain, split, lint):
        command.add_argument(
            "--symbols", metavar="FILE", help="texts of Ion symbols, as FASTEXT_ION_SYMBOLS names"
        )
        command.add_argument("--json", action="store_true", help="print JSON instead")
    return parser


def _explain(options: "Namespace") -> int:
    from fastext.commands.explain import run

    return run(options)


def _split(options: "Namespace") -> int:
    from fastext.commands.split import run

    return run(options)


def _lint(options: "Namespace") -> int:
    from fastext.commands.lint import run

    return run(options)


def _snapshot(options: "Namespace") -> int:
    from fastext.commands.snapshot import run

    return run(options)
