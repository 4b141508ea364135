"""Figures of what controls kept: one control beside its original, and an original among many controls."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from celegans_nn.figures import CONTROL, FAINT, INK, WORM, figure_style, shortened
from celegans_nn.rewiring.ensemble import EnsembleReport, EnsembleRow
from celegans_nn.rewiring.profile import SCALAR, TRIAD
from celegans_nn.rewiring.report import CHANGED, EXACTLY, NO_PROPERTY, PreservationReport, Row, number
from celegans_nn.rewiring.triads import TRIADS

VERDICTS = {"kept exactly": "#009e73", "kept within 5 %": "#e69f00", "changed": CONTROL}
ROW, HEAD, FOOT = 0.175, 0.75, 0.6
"""Inches: a measure's line, the title above, the axis below."""
SMALL = 7.5
FURTHEST = 32.0
"""Ratios beyond this factor are drawn at the edge."""
LINEAR_Z = 3.0
"""Standard deviations up to which the axis of z is linear; logarithmic beyond."""
MOST_DOTS = 400


# -- one control -----------------------------------------------------------------------------------------------


def draw_report(report: PreservationReport) -> Figure:
    """Left: each measure's ratio and its verdict. Right: degrees of both, and their triads."""
    measured = [r for r in report.rows if r.verdict != NO_PROPERTY and not r.measure.startswith(TRIAD)]
    scalars = [r for r in measured if r.shape == SCALAR and (r.original or r.control)]
    others = [r for r in measured if r.shape != SCALAR]
    lines = max(len(scalars), len(others) + 4, 24)
    width, height = 13.4, HEAD + FOOT + ROW * lines
    with figure_style():
        figure = Figure(figsize=(width, height))
        figure.text(0.12 / width, 1 - 0.16 / height, shortened(report.title, 150), va="top", size=10.5, weight="bold")
        bottom, tall = FOOT / height, 1 - (HEAD + FOOT) / height
        _ratios(figure.add_axes((2.75 / width, bottom, 1.9 / width, tall)), scalars, lines)
        _each_cell(figure.add_axes((8.05 / width, bottom, 0.2 / width, tall)), others, lines)
        left, wide, gap = 10.05 / width, 3.15 / width, 0.62 / height
        third = (tall - 2 * gap) / 4
        _degrees(figure.add_axes((left, bottom + 3 * third + 2 * gap, wide, third)), report, "in-degree")
        _degrees(figure.add_axes((left, bottom + 2 * third + gap, wide, third)), report, "out-degree")
        _triads(figure.add_axes((left, bottom, wide, 2 * third)), report)
    return figure


def _verdict_colour(row: Row) -> str:
    if row.verdict == EXACTLY:
        return VERDICTS["kept exactly"]
    return VERDICTS["changed" if row.verdict == CHANGED else "kept within 5 %"]


def _list_axes(axes: Axes, names: Sequence[str], lines: int) -> None:
    """One line a name, from the top, with room for so many lines."""
    axes.set_ylim(lines - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _ratios(axes: Axes, rows: list[Row], lines: int) -> None:
    ratio = np.array([_ratio(row) for row in rows])
    inner = np.abs(np.log2(np.clip(np.nan_to_num(ratio, nan=1.0), 1 / FURTHEST, FURTHEST)))
    edge = 2.0 ** np.ceil(max(1.0, float(np.max(inner, initial=1.0))))
    axes.axvline(1, color=FAINT, lw=0.7, zorder=0)
    for y, (row, r) in enumerate(zip(rows, ratio, strict=True)):
        colour, at = _verdict_colour(row), float(np.clip(np.nan_to_num(r, nan=1.0, posinf=edge), 1 / edge, edge))
        mark = "x" if np.isnan(r) else "<" if r < 1 / edge else ">" if r > edge else "o"
        axes.plot([1, at], [y, y], color=colour, lw=1, alpha=0.55, zorder=1)
        axes.plot([at], [y], ls="", marker=mark, ms=4.5, color=colour, clip_on=False, zorder=3)
        if row.verdict != EXACTLY:
            axes.annotate(
                f"{number(row.original)} \u2192 {number(row.control)}", (1, y), (7, 0), ha="left", va="center",
                xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=6.5, color=FAINT,
            )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xlim(1 / edge, edge)
    powers = np.arange(-np.log2(edge), np.log2(edge) + 1)
    powers = powers[powers % 2 == 0] if len(powers) > 5 else powers
    axes.xaxis.set_major_locator(FixedLocator((2.0**powers).tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}"))
    axes.set_xlabel("control / original")
    axes.set_title("Measures of the graph", pad=8)
    _list_axes(axes, [row.measure for row in rows], lines)


def _ratio(row: Row) -> float:
    """Control to original; infinite where there was none before, NaN where one of the two is not defined."""
    if row.original == 0:
        return np.inf if row.control > 0 else np.nan
    return row.control / row.original


def _each_cell(axes: Axes, rows: list[Row], lines: int) -> None:
    """Measures of every cell and multisets have no one ratio: the verdict, and the largest difference."""
    for y, row in enumerate(rows):
        axes.plot([0.5], [y], ls="", marker="s", ms=5, color=_verdict_colour(row))
        if row.verdict != EXACTLY:
            axes.annotate(
                f"up to {number(row.difference)}" if np.isfinite(row.difference) else "other number", (1, y), (3, 0),
                ha="left", va="center", textcoords="offset points", fontsize=6.5, color=FAINT,
            )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_title("Every cell, every value", pad=8)
    _list_axes(axes, [row.measure for row in rows], lines)
    keys = [Line2D([], [], ls="", marker="o", color=colour, label=name) for name, colour in VERDICTS.items()]
    axes.legend(
        handles=keys, loc="lower center", bbox_to_anchor=(0.5, 0), frameon=False, fontsize=SMALL, handletextpad=0.1
    )  # fmt: skip


def _degrees(axes: Axes, report: PreservationReport, measure: str) -> None:
    """Share of the cells with at least so many partners."""
    for one, colour, label, width, dashes in (
        (report.profiles[0], WORM, "original", 2.6, "solid"),
        (report.profiles[1], CONTROL, "control", 1.2, (0, (3, 1.5))),
    ):
        degree = np.sort(one[measure].values)
        share = 1 - np.arange(len(degree)) / len(degree)
        axes.step(degree + 1, share, where="pre", color=colour, lw=width, ls=dashes, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, unit in ((axes.xaxis, 1), (axes.yaxis, 0)):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda x, _, unit=unit: f"{x - unit:g}"))
    most = max(one[measure].values.max() for one in report.profiles)
    ticks = [t for t in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000) if t <= max(most, 1)]
    axes.xaxis.set_major_locator(FixedLocator([t + 1 for t in ticks]))
    axes.set_title(f"Cells of at least this {measure}")
    axes.set_ylabel("share of cells")
    axes.legend(frameon=False, fontsize=SMALL, loc="lower left")


def _triads(axes: Axes, report: PreservationReport) -> None:
    counts = np.array([[float(one[TRIAD + name].values[0]) for name in TRIADS] for one in report.profiles])
    for y, (original, control) in enumerate(counts.T):
        axes.plot([original + 1, control + 1], [y, y], color=FAINT, lw=1, zorder=1)
    axes.plot(counts[0] + 1, range(len(TRIADS)), ls="", marker="o", ms=6, color=WORM, label="original", zorder=2)
    axes.plot(counts[1] + 1, range(len(TRIADS)), ls="", marker="D", ms=4, color=CONTROL, label="control", zorder=3)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    powers = np.arange(0, np.floor(np.log10(max(counts.max(), 1))) + 1)
    axes.xaxis.set_major_locator(FixedLocator([1, *(10.0**p + 1 for p in powers)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _thousands(x - 1)))
    axes.set_xlim(0.8, 1.6 * (counts.max() + 1))
    axes.set_title("Triads, chemical")
    axes.set_xlabel("threes of cells")
    _list_axes(axes, TRIADS, len(TRIADS))
    axes.legend(frameon=False, fontsize=SMALL, loc="lower left" if counts[:, -1].min() > 30 else "lower right")


def _thousands(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


# -- many controls ---------------------------------------------------------------------------------------------


def draw_ensemble(report: EnsembleReport) -> Figure:
    """Each measure in which the controls differ, in their standard deviations; the others are named below."""
    spread = [row for row in report.rows if np.isfinite(row.z)]
    kept = [row.measure for row in report.rows if row.verdict == "kept by all"]
    notes = [*report.notes, f"Kept by all: {'; '.join(kept)}." if kept else "Kept exactly by all: nothing."]
    text = [line for note in notes for line in _wrapped(note, 145)]
    width, foot = 8.4, FOOT + 0.14 * len(text)
    height = HEAD + foot + ROW * max(len(spread), 6)
    with figure_style():
        figure = Figure(figsize=(width, height))
        for k, line in enumerate(_wrapped(shortened(report.title, 190), 100)[:2]):
            figure.text(0.12 / width, 1 - (0.16 + 0.18 * k) / height, line, va="top", size=10, weight="bold")
        axes = figure.add_axes((3.1 / width, foot / height, 4.3 / width, 1 - (HEAD + foot) / height))
        _z_scores(axes, report, spread)
        figure.text(0.12 / width, 0.1 / height, "\n".join(text), va="bottom", size=6.8, color=INK, linespacing=1.35)
    return figure


def _z_scores(axes: Axes, report: EnsembleReport, rows: list[EnsembleRow]) -> None:
    axes.axvline(0, color=FAINT, lw=0.7, zorder=0)
    furthest = LINEAR_Z
    for y, row in enumerate(rows):
        controls = report.values[row.measure]
        z = (controls[np.isfinite(controls)] - row.mean) / row.sd
        furthest = max(furthest, abs(row.z), float(np.abs(z).max()))
        jitter = y + 0.5 * (np.arange(len(z)) * 0.618034 % 1 - 0.5)  # a low-discrepancy sequence, not chance
        shown = slice(None, None, -(-len(z) // MOST_DOTS))
        axes.plot(z[shown], jitter[shown], ls="", marker="o", ms=1.6, mec="none", color=CONTROL, alpha=0.45, zorder=1)
        axes.plot([z.min(), z.max()], [y, y], color=CONTROL, lw=0.8, alpha=0.7, zorder=2)
        axes.plot([row.z], [y], ls="", marker="o", ms=5, color=WORM, zorder=3)
        z_text = (f"{row.z:+.1f}" if abs(row.z) < 100 else f"{row.z:+.0f}").replace("-", "\u2212")
        axes.annotate(
            z_text, (1, y), (6, 0), va="center",
            xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=SMALL, color=INK,
        )  # fmt: skip
    axes.set_xscale("symlog", linthresh=LINEAR_Z, linscale=1.2)
    axes.set_xlim(-1.3 * furthest, 1.3 * furthest)
    outer = [t for t in (10, 30, 100, 300, 1000, 3000, 10000, 100000) if t <= 1.3 * furthest]
    outer = outer[:: -(-len(outer) // 3)] if outer else []
    axes.xaxis.set_major_locator(FixedLocator([*(-t for t in reversed(outer)), -3, 0, 3, *outer]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "\u2212")))
    axes.set_xlabel("standard deviations of the controls from their mean; logarithmic beyond 3")
    _list_axes(
        axes, [row.measure if row.of == "value" else f"{row.measure}, {row.of}" for row in rows], max(len(rows), 6)
    )
    keys = [
        Line2D([], [], ls="", marker="o", ms=5, color=WORM, label="original, z at the right"),
        Line2D([], [], marker="o", ms=3, lw=0.8, color=CONTROL, label="controls"),
    ]
    axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=SMALL)
    if not rows:
        axes.text(0.5, 0.5, "the controls do not differ in any measure", transform=axes.transAxes, ha="center")


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]
