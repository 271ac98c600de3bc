"""Writes the tables of variables, from the one list in the code: into README.md those that AWS's
extension has as well and most users need, into docs/variables.md all.
"""

from collections.abc import Iterable
from pathlib import Path

from dev.service import ROOT
from fastext.settings import VARIABLES, Variable

BEGIN = "<!-- variables: made by `python -m dev.variables` -->\n"
END = "<!-- end of variables -->\n"

README = ROOT / "README.md"
MANUAL = ROOT / "docs" / "variables.md"

# AWS AppConfig user guide, "Configuring the AWS AppConfig Agent Lambda extension".
COMMON = frozenset({
    "HTTP_PORT", "LOG_LEVEL", "MAX_CONNECTIONS", "POLL_INTERVAL_SECONDS", "POLL_TIMEOUT_MILLIS",
    "PREFETCH_LIST", "PROXY_HEADERS", "PROXY_URL", "ROLE_ARN", "ROLE_EXTERNAL_ID",
    "ROLE_SESSION_NAME", "SERVICE_REGION",
})  # fmt: skip


def table(variables: Iterable[Variable]) -> str:
    lines = ["| variable | default | unit | meaning |", "|---|---|---|---|"]
    for variable in variables:
        default = f"`{variable.default}`" if variable.default else "none"
        unit = variable.unit.replace("|", "\\|")
        lines.append(f"| `{variable.name}` | {default} | {unit} | {variable.help} |")
    return "\n".join(lines) + "\n"


def with_table(path: Path) -> str:
    """The text of the file with its table as it is now."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    common = [variable for variable in VARIABLES if variable.name in COMMON]
    return before + BEGIN + table(common if path == README else VARIABLES) + END + after


if __name__ == "__main__":
    for path in README, MANUAL:
        path.write_text(with_table(path))
