"""How do the figures of a dimension look?

One SVG for each unit: a line for each series over its size, on logarithmic axes where that spans more than a decade;
what has no size as bars, each beside its yardstick and its peer. A goal that is a figure is a dashed line. Why
matplotlib: docs/adr/0019-plots-of-the-benches.md. Caller: the runner.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.results import Row
from replay.charts import COLOURS

DECADE: Final = 10.0
BAR: Final = 0.27  #: of the room between two rows, with a gap
#: what the size of a row counts
SIZES: Final = {
    "P1": "open matters",
    "P2": "notices due",
    "P4": "percentile",
    "P5": "notices sent",
    "P7": "times Heshan's size",
    "P8": "rows",
}
# The same figures make the same file.
mpl.rcParams["svg.hashsalt"] = "duban"


def plot(rows: Sequence[Row], title: str, folder: Path) -> list[Path]:
    """Draw the figures, one file for each unit, and return the files."""
    by_unit = sorted(rows, key=lambda row: row.unit)
    return [_file(list(of_unit), title, folder) for _, of_unit in groupby(by_unit, key=lambda row: row.unit)]


def _file(rows: list[Row], title: str, folder: Path) -> Path:
    drawing = Figure(figsize=(8, 4.5), layout="constrained")
    axes = drawing.subplots()
    on_lines = [row for row in rows if row.series and row.size is not None]
    if on_lines:
        _lines(axes, on_lines)
        axes.set_xlabel(SIZES.get(rows[0].dimension, "size"))
        axes.set_ylabel(rows[0].unit)
    else:
        _bars(axes, rows)
        axes.set_xlabel(rows[0].unit)
    axes.set_title(title)
    axes.grid(visible=True, linewidth=0.3)
    axes.legend()
    unit = "".join(c if c.isalnum() else "-" for c in rows[0].unit).strip("-")
    file = folder / f"{rows[0].dimension}-{unit}.svg"
    drawing.savefig(file, metadata={"Date": None})
    return file


def _lines(axes: Any, rows: list[Row]) -> None:
    by_series = sorted(rows, key=lambda row: row.series)
    for colour, (name, of_series) in zip(COLOURS, groupby(by_series, key=lambda row: row.series), strict=False):
        points = sorted(of_series, key=lambda row: row.size or 0.0)
        axes.plot([p.size for p in points], [p.value for p in points], "o-", color=colour, label=name, markersize=4)
        for limit in {limit for p in points for limit in (p.goal.at_most, p.goal.at_least) if limit is not None}:
            axes.axhline(limit, color=colour, linestyle="--", linewidth=0.8)
    _scale(axes, rows)


def _bars(axes: Any, rows: list[Row]) -> None:
    """Draw each row as bars beside one another: itself, its yardstick where that has the same unit, its peer."""
    kinds = (
        ("duban", lambda row: row.value),
        ("yardstick", lambda row: row.value / row.ratio if row.ratio else None),
        ("peer", lambda row: row.peer),
    )
    shown = [(name, of) for name, of in kinds if any(of(row) is not None for row in rows)]
    middle = (len(shown) - 1) / 2
    for place, (colour, (name, of)) in enumerate(zip(COLOURS, shown, strict=False)):
        found = [
            (number + BAR * (place - middle), value)
            for number, row in enumerate(rows)
            if (value := of(row)) is not None
        ]
        axes.barh([at for at, _ in found], [value for _, value in found], BAR - 0.02, color=colour, label=name)
    reach = BAR * (middle + 0.6)
    for number, row in enumerate(rows):
        for limit in (row.goal.at_most, row.goal.at_least):
            if limit is not None:
                axes.plot([limit, limit], [number - reach, number + reach], "--", color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.what for row in rows])
    axes.invert_yaxis()


def _scale(axes: Any, rows: Sequence[Row]) -> None:
    for name, found in (("x", [row.size for row in rows if row.size]), ("y", [row.value for row in rows if row.value])):
        if found and min(found) > 0 and max(found) / min(found) > DECADE:
            axes.set(**{f"{name}scale": "log"})
        else:
            axes.set(**{f"{name}lim": (0, None)})
