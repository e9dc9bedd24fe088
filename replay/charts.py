"""How does a table of counts look as stacked bars?

Inline SVG, for the web only (mails use bars made of tables). Callers: replay/summary.py.
"""

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

escape = partial(html.escape, quote=False)
#: colours that stay apart for colour-blind readers (Okabe and Ito 2008, then tints)
COLOURS: Final = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#999999",
    "#5D3A9B",
    "#1A1A1A",
)
WIDTH: Final = 960
HEIGHT: Final = 260
MARGIN: Final = 40


def bar_chart(rows: Sequence[Mapping[str, Any]], label: str, names: Sequence[str]) -> str:
    """Return an SVG of one stacked bar for each row; `names` are the parts, `label` the row's name.

    >>> bar_chart([], "day", [])
    '<p>—</p>'
    """
    if not rows or not names:
        return "<p>—</p>"
    highest = max(sum(row.get(name, 0) for name in names) for row in rows) or 1
    step = (WIDTH - 2 * MARGIN) / len(rows)
    bars = "".join(_bar(row, label, names, MARGIN + i * step, step, highest) for i, row in enumerate(rows))
    first, last = escape(str(rows[0][label])), escape(str(rows[-1][label]))
    base = HEIGHT - MARGIN
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="12" font-family="sans-serif">'
        f'<line x1="{MARGIN}" y1="{base}" x2="{WIDTH - MARGIN}" y2="{base}" stroke="#333"/>{bars}'
        f'<text x="{MARGIN}" y="{base + 16}">{first}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{base + 16}" text-anchor="end">{last}</text>'
        f'<text x="{MARGIN - 6}" y="14" text-anchor="end">{highest}</text></svg>{_legend(names)}'
    )


def _bar(row: Mapping[str, Any], label: str, names: Sequence[str], x: float, step: float, highest: int) -> str:
    scale = (HEIGHT - MARGIN - 16) / highest
    y = float(HEIGHT - MARGIN)
    parts = []
    for i, name in enumerate(names):
        count = row.get(name, 0)
        if count:
            y -= count * scale
            title = escape(f"{row[label]} {name}: {count}")
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step * 0.85, 0.6):.1f}" height="{count * scale:.1f}" '
                f'fill="{COLOURS[i % len(COLOURS)]}"><title>{title}</title></rect>'
            )
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    items = (
        f'<span><i style="background:{COLOURS[i % len(COLOURS)]}"></i>{escape(name)}</span>'
        for i, name in enumerate(names)
    )
    return f'<p class="legend">{"".join(items)}</p>'
