"""How do the figures of a dimension look?

One SVG each: a line for each series over its size, on logarithmic axes where that spans more than a decade; the goal
of a series as a dashed line where it is a figure. Why matplotlib: docs/adr/0019-plots-of-the-benches.md. Caller: the
runner.
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
# The same figures make the same file.
mpl.rcParams["svg.hashsalt"] = "duban"


def plot(rows: Sequence[Row], title: str, folder: Path) -> list[Path]:
    """Draw the rows that are on a line, one file for each unit, and return the files."""
    drawn = sorted((row for row in rows if row.series and row.size is not None), key=lambda row: (row.unit, row.series))
    return [_file(list(of_unit), title, folder) for _, of_unit in groupby(drawn, key=lambda row: row.unit)]


def _file(rows: list[Row], title: str, folder: Path) -> Path:
    drawing = Figure(figsize=(8, 4.5), layout="constrained")
    axes = drawing.subplots()
    for colour, (name, of_series) in zip(COLOURS, groupby(rows, key=lambda row: row.series), strict=False):
        points = sorted(of_series, key=lambda row: row.size or 0.0)
        axes.plot([p.size for p in points], [p.value for p in points], "o-", color=colour, label=name, markersize=4)
        for limit in {limit for p in points for limit in (p.goal.at_most, p.goal.at_least) if limit is not None}:
            axes.axhline(limit, color=colour, linestyle="--", linewidth=0.8)
    _scale(axes, rows)
    axes.set_title(title)
    axes.set_ylabel(rows[0].unit)
    axes.grid(visible=True, linewidth=0.3)
    axes.legend()
    unit = "".join(c if c.isalnum() else "-" for c in rows[0].unit).strip("-")
    file = folder / f"{rows[0].dimension}-{unit}.svg"
    drawing.savefig(file, metadata={"Date": None})
    return file


def _scale(axes: Any, rows: Sequence[Row]) -> None:
    for name, found in (("x", [row.size for row in rows if row.size]), ("y", [row.value for row in rows if row.value])):
        if found and min(found) > 0 and max(found) / min(found) > DECADE:
            axes.set(**{f"{name}scale": "log"})
        else:
            axes.set(**{f"{name}lim": (0, None)})
