"""The distribution as a picture. The only module that loads matplotlib."""

from matplotlib import rc_context
from matplotlib.figure import Figure

from fastext.commands.source import Unusable


def draw(path: str, title: str, names: list[str], percents: list[float]) -> None:
    """Bars of `percents`, as PNG or SVG by the suffix of `path`. Raises Unusable."""
    figure = Figure(figsize=(8, 1.2 + 0.5 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.bar_label(axes.barh(names, percents), [f"{percent:.1f} %" for percent in percents],
                   padding=3)  # fmt: skip
    axes.invert_yaxis()  # the first variant on top
    axes.set_xlim(0, 110)
    axes.set_xlabel("% of identities")
    axes.set_title(title)
    try:
        with rc_context({"svg.fonttype": "none"}):  # letters that one can search for
            figure.savefig(path)
    except OSError as fault:
        raise Unusable(f"{path} cannot be written: {fault.strerror}") from None
