"""Writes the table of variables into README.md, from the one list in the code."""

from dev.service import ROOT
from fastext.settings import VARIABLES

BEGIN = "<!-- variables: made by `python -m dev.variables` -->\n"
END = "<!-- end of variables -->\n"


def table() -> str:
    lines = ["| variable | default | unit | meaning |", "|---|---|---|---|"]
    for variable in VARIABLES:
        default = f"`{variable.default}`" if variable.default else "none"
        unit = variable.unit.replace("|", "\\|")
        lines.append(f"| `{variable.name}` | {default} | {unit} | {variable.help} |")
    return "\n".join(lines) + "\n"


def with_table(readme: str) -> str:
    """The text of README.md with the table as it is now."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_table(path.read_text()))
