"""A recording drawn: spikes of all cells, traces of some, activity along the worm's body, and the table of rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.ndimage import gaussian_filter1d

from celegans_nn.connectome.layout import DORSAL, VENTRAL, Layout, layout
from celegans_nn.errors import NetworkError, one_line, whole_number
from celegans_nn.figures import EXCITATORY, FAINT, GAP, INHIBITORY, INK, PAPER, figure_style, shortened
from celegans_nn.networks.record import Activity

WIDTH = 9.2
"""Inches."""
MOST_TRACES, SHOWN_TRACES = 24, 8
SMOOTHING_MS = 10.0
"""Standard deviation of the Gaussian that makes a rate of spikes; chosen here."""
MOST_VECTOR_SPIKES = 20_000
MOST_RATE_ROWS = 60
FROM_ZERO = LinearSegmentedColormap.from_list("from_zero", [PAPER, "#9cc9e3", EXCITATORY, INK])
AROUND_ZERO = LinearSegmentedColormap.from_list("around_zero", [INHIBITORY, PAPER, EXCITATORY])
CURRENTS = (
    ("drive", FAINT, "from the encoder"),
    ("excitatory", EXCITATORY, "excitatory synapses"),
    ("inhibitory", INHIBITORY, "inhibitory synapses"),
    ("gap", GAP, "gap junctions"),
)


def raster(recording: Activity, batch: int = 0) -> Figure:
    """Spikes of every cell over time, or for models that do not spike their output as an image.

    Cells stand in the rows of the body, from dorsal muscles to ventral muscles, each row from head to tail.
    NetworkError for a row of the batch that there is not.
    """
    output = _of_batch(recording, recording.output, batch)
    _, order, rows = _order(recording)
    height = float(np.clip(0.055 * len(order) + 0.3 * len(rows), 2.2, 9.0))
    with figure_style():
        figure, axes = _page(height, left=1.65, right=0.35 if recording.spiking else 1.1)
        if recording.spiking:
            tick, cell = np.nonzero(output[:, order])
            size = float(np.clip(72 * height / len(order) * 0.75, 0.8, 7.0))
            axes.scatter(
                recording.time_ms[tick], cell, marker="|", s=size**2, linewidths=0.9, c=INK,
                rasterized=len(tick) > MOST_VECTOR_SPIKES,
            )  # fmt: skip
        else:
            colours, scale = _colours(output)
            span = (0.0, float(recording.time_ms[-1]), len(order) - 0.5, -0.5)
            image = axes.imshow(
                output[:, order].T, aspect="auto", extent=span, cmap=colours, norm=scale, interpolation="nearest"
            )
            _colour_bar(figure, axes, image, _output_label(recording), height)
        for name, first, last in rows:
            if first:
                axes.axhline(first - 0.5, color=FAINT, lw=0.5)
            axes.text(
                -0.012, (first + last) / 2, shortened(name, 26), transform=axes.get_yaxis_transform(),
                ha="right", va="center", fontsize=8, parse_math=False,
            )  # fmt: skip
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_yticks([])
        _time_axis(axes, recording)
        axes.set_title(_title(recording, f"{'spikes' if recording.spiking else 'output'} of {len(order)} cells"))
    return figure


def traces(recording: Activity, cells: Sequence[str] | None = None, batch: int = 0) -> Figure:
    """Voltage of some cells on the left, with a mark above for each spike, and on the right what they received.

    Without `cells`, those whose voltage moves most, one from each row of the body as far as eight go.
    NetworkError for a cell that was not recorded, for more than 24, and for a row of the batch that there is not.
    """
    chosen = _most_moving(recording, batch) if cells is None else _named(recording, cells)
    height = 0.62 * len(chosen)
    with figure_style():
        figure = Figure(figsize=(WIDTH, height + 1.33))
        grid = figure.add_gridspec(
            len(chosen), 2, left=0.115, right=0.985, top=1 - 0.5 / (height + 1.33), bottom=0.83 / (height + 1.33),
            hspace=0.28, wspace=0.16,
        )  # fmt: skip
        shared: Any = None
        for row, cell in enumerate(chosen):
            left = figure.add_subplot(grid[row, 0], sharex=shared)
            shared = left if shared is None else shared
            right = figure.add_subplot(grid[row, 1], sharex=shared)
            _voltage(left, recording, cell, batch)
            _currents(right, recording, cell, batch)
            for axes in (left, right):
                axes.tick_params(labelsize=7, labelbottom=row == len(chosen) - 1)
                axes.locator_params(axis="y", nbins=3)
            if row == 0:
                unit = f" ({recording.voltage_unit})" if recording.voltage_unit else ""
                spikes = ", spikes above" if recording.spiking else ""
                left.set_title(f"{_title(recording, 'voltage')}{unit}{spikes}", pad=11)
                unit = f" ({recording.current_unit})" if recording.current_unit else ""
                right.set_title(f"Current received{unit}", pad=11)
        for axes in figure.axes[-2:]:
            _time_axis(axes, recording)
        handles = [Line2D([], [], color=colour, lw=1.6, label=label) for _, colour, label in CURRENTS]
        figure.legend(handles=handles, loc="lower center", ncol=4, frameon=False, fontsize=8, borderaxespad=0.15)
    return figure


def along_body(recording: Activity, batch: int = 0) -> Figure:
    """Activity over time, head above and tail below, in one strip for each row of the body, dorsal ones first.

    Cells stand at their soma's place, or where none is known at their number along the body; each fills the strip as
    far as half-way to its neighbours. Spikes are shown as a rate (Gaussian of s.d. 10 ms), other outputs as they are.
    """
    shown, label = _of_batch(recording, recording.output, batch), _output_label(recording)
    if recording.spiking:
        shown = gaussian_filter1d(shown, SMOOTHING_MS / recording.dt_ms, axis=0, mode="nearest")
        shown, label = shown * 1000 / recording.dt_ms, "spikes a second"
    places, order, rows = _order(recording)
    strip, space = (0.62, 0.1) if len(rows) > 1 else (3.0, 0.0)
    height = len(rows) * (strip + space)
    colours, scale = _colours(shown)
    with figure_style():
        figure = Figure(figsize=(WIDTH, height + 1.0))
        grid = figure.add_gridspec(
            len(rows), 1, left=1.65 / WIDTH, right=1 - 1.1 / WIDTH, top=1 - 0.42 / (height + 1.0),
            bottom=0.58 / (height + 1.0), hspace=space / strip,
        )  # fmt: skip
        for i, (name, first, last) in enumerate(rows):
            axes = figure.add_subplot(grid[i])
            cells = order[first : last + 1]
            x = places.x[cells]
            edges = np.concatenate([[0.0], (x[1:] + x[:-1]) / 2, [1.0]])
            times = np.concatenate([[0.0], recording.time_ms])
            image = axes.pcolormesh(times, edges, shown[:, cells].T, cmap=colours, norm=scale, rasterized=True)
            axes.set_ylim(1, 0)
            axes.set_yticks([0, 1], ["head", "tail"] if i == 0 else ["", ""], fontsize=7, color=FAINT)
            head, tail = axes.get_yticklabels()
            head.set_verticalalignment("top")
            tail.set_verticalalignment("bottom")
            axes.spines[:].set_visible(True)
            axes.tick_params(length=0, labelbottom=i == len(rows) - 1)
            axes.text(
                -0.065, 0.5, shortened(name, 20), transform=axes.transAxes, ha="right", va="center", fontsize=8,
                fontweight="bold" if name in (DORSAL, VENTRAL) else "normal", parse_math=False,
            )  # fmt: skip
            if i == 0:
                axes.set_title(_title(recording, f"activity of {len(order)} cells along the body"))
        _time_axis(figure.axes[-1], recording)
        _colour_bar(figure, figure.axes, image, label, height)
    return figure


def rate_figure(recording: Activity) -> Figure:
    """The table of `recording.rates()` by cell class: a dot a cell, a bar at the class's mean, and the numbers.

    Cells without a class stand for themselves. Of more than 60 classes the most active are shown.
    """
    table = recording.rates()
    value = "rate_hz" if recording.spiking else "mean_output"
    group = table["cell_class"].where(table["cell_class"] != "", table["cell"])
    classes = table.groupby(group, sort=False)[value].agg(["mean", "std", "count"])
    strongest = classes["mean"].abs().sort_values(ascending=False, kind="stable").index[:MOST_RATE_ROWS]
    classes = classes.loc[strongest].sort_values("mean", ascending=False, kind="stable")
    left_out = int(group.nunique() - len(classes))
    height = max(0.19 * len(classes), 0.6)
    with figure_style():
        figure, axes = _page(height, left=1.65, right=2.3)
        for row, (name, (mean, sd, count)) in enumerate(classes.iterrows()):
            values = table[value][group == name]
            axes.plot(values, np.full(len(values), row), "o", ms=3, color=EXCITATORY, alpha=0.5, mew=0)
            axes.plot([mean, mean], [row - 0.36, row + 0.36], color=INK, lw=1.6)
            spread = f" ± {sd:.3g}" if count > 1 else ""
            axes.text(
                1.03, row, f"{mean:.3g}{spread}   n = {int(count)}", transform=axes.get_yaxis_transform(),
                va="center", fontsize=7.5,
            )  # fmt: skip
        axes.set_yticks(range(len(classes)), [shortened(one_line(name), 22) for name in classes.index], fontsize=7.5)
        axes.set_ylim(len(classes) - 0.4, -0.6)
        axes.grid(axis="y", color=FAINT, lw=0.3, alpha=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.text(1.03, 1.0, "mean ± s.d. over cells", transform=axes.transAxes, va="bottom", fontsize=7.5, color=FAINT)
        axes.set_xlabel("spikes a second" if recording.spiking else f"mean of {_output_label(recording)}")
        more = f" ({left_out} quieter classes not shown)" if left_out else ""
        what = "rates" if recording.spiking else "mean output"
        axes.set_title(_title(recording, f"{what} of {len(table)} cells{more}"))
    return figure


# -- choosing --------------------------------------------------------------------------------------------------


def _of_batch(recording: Activity, array: np.ndarray, batch: int) -> np.ndarray:
    """[ticks, cells] of one row of the batch."""
    return array[:, whole_number("batch", batch, 0, array.shape[1] - 1, NetworkError)]


def _order(recording: Activity) -> tuple[Layout, np.ndarray, list[tuple[str, int, int]]]:
    """Places of the recorded cells, their order by row and then along the body, and (row, first, last) in it."""
    whole = layout(recording.worm)
    index = np.array([recording.worm.index[name] for name in recording.cells])
    row = tuple(whole.row[i] for i in index)
    places = Layout(whole.x[index], whole.y[index], whole.rows, row)
    order = np.lexsort((places.x, places.y))
    ranked = [row[i] for i in order]
    present = [name for name in whole.rows if name in row]
    rows = [(name, ranked.index(name), len(ranked) - 1 - ranked[::-1].index(name)) for name in present]
    return places, order, rows


def _most_moving(recording: Activity, batch: int) -> list[int]:
    """The recorded cell of each row whose voltage varies most, the liveliest rows first up to the limit."""
    moves = _of_batch(recording, recording.voltage, batch).std(0)
    _, order, rows = _order(recording)
    best = [int(max(order[first : last + 1], key=lambda i: moves[i])) for _, first, last in rows]
    others = [int(i) for i in np.argsort(-moves, kind="stable") if i not in best]
    if len(best) > SHOWN_TRACES:
        liveliest = sorted(best, key=lambda i: -moves[i])[:SHOWN_TRACES]
        return [i for i in best if i in liveliest]
    chosen = best + others[: SHOWN_TRACES - len(best)]
    return [int(i) for i in order if i in chosen]


def _named(recording: Activity, cells: Sequence[str]) -> list[int]:
    if isinstance(cells, str) or not 0 < len(cells) <= MOST_TRACES:
        raise NetworkError(f"cells are {one_line(repr(cells), 60)}; give a list of 1 to {MOST_TRACES} names")
    for name in cells:
        if name not in recording.cells:
            raise NetworkError(f"cell {one_line(name)!r} is not in this recording of {len(recording.cells)} cells")
    return [recording.cells.index(name) for name in cells]


# -- drawing ---------------------------------------------------------------------------------------------------


def _voltage(axes: Axes, recording: Activity, cell: int, batch: int) -> None:
    voltage = _of_batch(recording, recording.voltage, batch)[:, cell]
    axes.plot(recording.time_ms, voltage, color=INK, lw=0.9)
    axes.set_ylabel(
        shortened(one_line(recording.cells[cell]), 12), rotation=0, ha="right", va="center", labelpad=4, fontsize=8
    )
    if recording.spiking:
        spikes = np.flatnonzero(_of_batch(recording, recording.output, batch)[:, cell])
        marks = np.full(len(spikes), 1.06)
        axes.plot(
            recording.time_ms[spikes], marks, "|", color=EXCITATORY, ms=5, mew=1, clip_on=False,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _currents(axes: Axes, recording: Activity, cell: int, batch: int) -> None:
    axes.axhline(0, color=FAINT, lw=0.4)
    for name, colour, _ in CURRENTS:
        current = _of_batch(recording, getattr(recording, name), batch)[:, cell]
        if np.any(current):
            axes.plot(recording.time_ms, current, color=colour, lw=0.9)


def _page(height: float, left: float, right: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes `height` inches tall, and margins in inches."""
    tall = height + 0.95
    figure = Figure(figsize=(WIDTH, tall))
    return figure, figure.add_axes((left / WIDTH, 0.53 / tall, 1 - (left + right) / WIDTH, height / tall))


def _colours(values: np.ndarray) -> tuple[Colormap, Normalize]:
    """White at zero with two colours around it where there are negative values, else white at the lowest."""
    low, high = float(values.min()), float(values.max())
    if low < 0:
        largest = max(-low, high)
        return AROUND_ZERO, Normalize(-largest, largest)
    return FROM_ZERO, Normalize(low, high if high > low else low + 1.0)


def _colour_bar(figure: Figure, axes: Any, image: Any, label: str, height: float) -> None:
    boxes = [a.get_position() for a in (axes if isinstance(axes, list) else [axes])]
    tall = min(1.6, height) / figure.get_figheight()
    bar = figure.add_axes((1 - 0.92 / WIDTH, max(box.y1 for box in boxes) - tall, 0.12 / WIDTH, tall))
    figure.colorbar(image, cax=bar).outline.set_visible(False)
    bar.tick_params(labelsize=7, length=2)
    bar.set_ylabel(label, fontsize=7.5)


def _time_axis(axes: Axes, recording: Activity) -> None:
    axes.set_xlim(0, float(recording.time_ms[-1]))
    axes.set_xlabel("ms")


def _output_label(recording: Activity) -> str:
    return {"rate": "tanh(x)", "graded": "synaptic activation s"}.get(recording.neuron, "activity")


def _title(recording: Activity, what: str) -> str:
    source = one_line(recording.worm.provenance.get("source", ""), 60)
    named = f"{shortened(source)}, " if source else ""
    return f"{named}{recording.neuron}: {what}"
