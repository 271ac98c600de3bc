"""Holds what the layer carries against PyPI's advisories, by pip-audit.

Ends with 0 where nothing is known against it, with 1 where something is, and with 3, loudly, where
the advisory service did not answer and so nothing was audited.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.service import ROOT

LOCK = ROOT / "layer" / "lock.json"

# Of the build alone; nothing of it is in the layer.
TOOLS = {"cython", "ziglang"}

NOT_AUDITED = 3


def requirements(lock: list[dict[str, str]]) -> str:
    """The Python packages of the layer as pip's requirements, with their hashes."""
    hashes: dict[str, list[str]] = {}
    for entry in lock:
        if entry["origin"] == "pypi" and entry["name"] not in TOOLS:
            requirement = f"{entry['name']}=={entry['version']}"
            hashes.setdefault(requirement, []).append(f"--hash=sha256:{entry['sha256']}")
    return "".join(f"{one} {' '.join(found)}\n" for one, found in sorted(hashes.items()))


def verdict(returncode: int, stdout: str) -> int:
    """Our exit status, by what pip-audit has said: its report, or no report at all."""
    try:
        packages = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError):
        return NOT_AUDITED
    if any("skip_reason" in package for package in packages):
        return NOT_AUDITED
    found = any(package.get("vulns") for package in packages)
    return 1 if found or returncode else 0


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text(requirements(json.loads(LOCK.read_text())))
        print(path.read_text(), end="")
        ran = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", str(path), "--no-deps",
             "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    status = verdict(ran.returncode, ran.stdout)
    if status == NOT_AUDITED:
        # pip-audit's own summary takes packages that it could not ask about for good ones.
        print("!!! NOT AUDITED: the advisory service did not answer for all packages:",
              ran.stdout, ran.stderr, sep="\n", file=sys.stderr)  # fmt: skip
    elif status:
        print(ran.stdout)
        print("!!! there are advisories against what the layer carries", file=sys.stderr)
    else:
        print("no advisory is known; Debian's packages are not looked at, see SECURITY.md")
    return status


if __name__ == "__main__":
    sys.exit(main())
