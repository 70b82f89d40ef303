"""Charts as a picture.

``python -m slackbot.platforms.drawing`` reads JSON and writes a PNG: a process of its own, and a
short-lived one, so that what matplotlib takes of memory is given back.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import structlog

log = structlog.get_logger()

DRAWN_WITHIN = 60.0
"""Seconds; the first time on a machine, matplotlib looks for its fonts."""
INCHES, DOTS_PER_INCH = (9, 4), 120
BLUE, RED, GRAY = "#2e6f9e", "#c9342b", "#9a9a9a"
COLORS = {"Not on time": RED, "Not settled": GRAY, "Before": GRAY}


async def drawn_png(charts: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return ``None`` if it can't be drawn: the figures are there as text."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(DRAWN_WITHIN):
            picture, _ = await process.communicate(json.dumps(charts).encode())
    except TimeoutError:
        picture = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not picture:
        log.error("chart_not_drawn", code=process.returncode)
        return None
    return picture


def draw(charts: list[dict[str, Any]], file: BinaryIO) -> None:
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["text.parse_math"] = False  # people's words are no formulas
    from matplotlib.figure import Figure

    width, height = INCHES
    figure = Figure(figsize=(width, height * len(charts)), layout="constrained")
    for axes, chart in zip(figure.subplots(len(charts), squeeze=False)[:, 0], charts, strict=True):
        _draw_bars(axes, chart)
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH)


def _draw_bars(axes: Any, chart: dict[str, Any]) -> None:
    names, series = chart["categories"], chart["series"]
    width = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        places = [at + number * width for at in range(len(names))]
        bars = axes.bar(places, values, width, label=name, color=COLORS.get(name, BLUE))
        axes.bar_label(bars, [f"{value:g}" if value else "" for value in values], fontsize=8)
    middle = width * (len(series) - 1) / 2
    axes.set_xticks([at + middle for at in range(len(names))], names, rotation=30, ha="right")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(chart["title"], loc="left")
    axes.legend(frameon=False)


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.stdout.buffer)
