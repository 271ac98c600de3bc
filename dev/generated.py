"""Writes what the direct client takes over from botocore: endpoints and Amazon's certificates.

    python -m dev.generated

The tests compare both with botocore, case by case, so that a new botocore with other rules is
noticed.
"""

import json
import re
from pathlib import Path

import botocore

from dev.service import ROOT

BOTOCORE = Path(botocore.__file__).parent
ENDPOINTS = ROOT / "src/fastext/endpoints.py"
CERTIFICATES = ROOT / "src/fastext/amazon-roots.pem"
BEGIN = "# -- made by `python -m dev.generated`\n"
END = "# -- end\n"

# amazontrust.com/repository: the roots to which AWS's endpoints chain.
AMAZON_ROOTS = (
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
)


def partitions() -> list[dict[str, object]]:
    """Name, DNS suffixes and Regions of every partition that botocore knows."""
    known = json.loads((BOTOCORE / "data/partitions.json").read_text())["partitions"]
    return [
        {
            "id": partition["id"],
            "suffix": partition["outputs"]["dnsSuffix"],
            "dual_stack_suffix": partition["outputs"]["dualStackDnsSuffix"],
            "regions": [name for name in partition["regions"] if not name.endswith("-global")],
        }
        for partition in known
    ]


def table() -> str:
    """PARTITIONS as Python code."""
    lines = ["PARTITIONS = ("]
    for partition in partitions():
        names = " ".join(partition["regions"])  # type: ignore[arg-type]
        lines.append(
            f'    ("{partition["id"]}", "{partition["suffix"]}", '
            f'"{partition["dual_stack_suffix"]}",'
        )
        line = "     "
        for word in names.split():
            if len(line) + len(word) > 94:
                lines.append(f'{line}"' if '"' in line else line)
                line = "     "
            line += word + " " if '"' in line else f'"{word} '
        lines.append(f'{line.rstrip()}"),')
    return "\n".join([*lines, ")"]) + "  # fmt: skip\n"


def certificates() -> str:
    """Amazon's roots out of botocore's bundle."""
    bundle = (BOTOCORE / "cacert.pem").read_text()
    found = dict(
        re.findall(
            r'# Label: "([^"]+)"\n(?:#[^\n]*\n)*'
            r"(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)",
            bundle,
            re.DOTALL,
        )
    )
    return "".join(f"# {label}\n{found[label]}" for label in AMAZON_ROOTS)


def with_table(source: str) -> str:
    """endpoints.py with the table as it is now."""
    before, _, rest = source.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    ENDPOINTS.write_text(with_table(ENDPOINTS.read_text()))
    CERTIFICATES.write_text(certificates())
