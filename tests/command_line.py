"""The installed command, run as its users do."""

import os
import subprocess

from program import COMMAND

from dev.service import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In the project's folder, its output no terminal."""
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, env=environ
    )
