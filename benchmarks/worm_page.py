"""The page of `benchmarks/worm.py`: what its figures say, counted from them, and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from celegans_nn.connectome.ablation import PHENOTYPES, Phenotype
from celegans_nn.studies.machine import machine, versions
from celegans_nn.tasks.gait import PUBLISHED

MOVES = 0.05
"""mm/s; what goes more slowly does not swim, and has no gait to lose."""
TRAVELS = 0.5
"""What of a wave must travel, for it to count as one that runs from head to tail."""
LOST, KEPT = 0.1, 0.9
"""Shares of the intact speed below which forward movement counts as lost, and from which it counts as kept."""
SHARES = {"lost": (-np.inf, LOST), "slower": (LOST, KEPT), "impaired": (-np.inf, KEPT), "kept": (KEPT, np.inf)}
COLUMNS = {
    "forward_speed": ("mm/s", "{:.3f}"), "displacement": ("straight, mm/s", "{:.3f}"), "frequency": ("Hz", "{:.2f}"),
    "wavelength": ("wavelength", "{:.2f}"), "towards_tail": ("travels", "{:.2f}"), "bending": ("bend", "{:.1f}"),
}  # fmt: skip


def in_columns(values: dict[str, float]) -> str:
    shown = [
        form.format(values[key]) if np.isfinite(values.get(key, np.nan)) else "" for key, (_, form) in COLUMNS.items()
    ]
    return " | ".join(shown)


def findings(rows: list[dict[str, Any]]) -> list[str]:
    """What the figures say, counted from them; paragraphs, then a list of the ablations."""
    swim = [row for row in rows if row["gait"]["forward_speed"] > MOVES]
    waves = [row["gait"]["towards_tail"] for row in swim]
    travelling = sum(wave > TRAVELS for wave in waves)
    free = [row for row in rows if row["run"].startswith("no drive, water")]
    freely = sum(row in swim for row in free)
    own = sorted(row["gait"]["frequency"] for row in swim if row["run"].startswith("no drive"))
    on_agar = [row["gait"]["wavelength"] for row in swim if "agar" in row["run"]]
    in_water = [row["gait"]["wavelength"] for row in swim if "agar" not in row["run"]]
    known = {p.movement: p.value for p in PUBLISHED if p.figure == "wavelength"}
    return [
        f"{len(swim)} of {len(rows)} runs swim forward (faster than {MOVES} mm/s), {travelling} of them by a wave that "
        f"runs from head to tail (travels {min(waves):.2f} to {max(waves):.2f}). Where there is a head drive, the "
        "frequency is the drive's, given and not evolved; evolved are the wave behind the head and the speed. "
        "haspel2012 is six equal units, and its wave goes in six steps.",
        f"Wavelengths in body lengths: {min(in_water):.2f} to {max(in_water):.2f} in water, where worms have "
        f"{known['swimming']:.2f}, and {', '.join(f'{length:.2f}' for length in on_agar)} on agar, where they have "
        f"{known['crawling']:.2f}: a worm's wave is shorter on agar than in water, and here it is "
        f"{'shorter too' if max(on_agar) < min(in_water) else 'not'}.",
        f"Without a drive, {freely} of {len(free)} seeds swims: the loop through the body alone can make the rhythm, "
        "and evolution mostly misses it. The frequencies of the runs that swim so are their own, and too high "
        f"({' and '.join(f'{hz:.1f}' for hz in own)} Hz; worms 1.76).",
        "Every other run is one seed, so that nothing here compares settings; and no rewired wiring was evolved beside "
        "them: that a circuit can swim does not say that its exact wiring matters "
        "([studies/worm.toml](../studies/worm.toml) runs one beside it).",
        f"Killed cells, beside worms without them. Less than {LOST} of the intact speed counts as lost, {KEPT} and "
        f"more as kept, what lies between as slower, all below {KEPT} as impaired. That the loss of the B-type cells "
        "agrees shows little: the bend of the body and what excites the circuit enter through them, and AVB, which "
        "haspel2012 lacks.",
        "\n".join(f"- {_agreement(phenotype, swim)}" for phenotype in PHENOTYPES),
    ]


def cells_of(phenotype: Phenotype) -> str:
    return ", ".join(phenotype.ablated) or "all gap junctions"


def _agreement(phenotype: Phenotype, rows: Sequence[dict[str, Any]]) -> str:
    """Which of the runs that swim do without these cells as worms do."""
    shares = {
        row["run"]: dead["forward_speed"] / row["gait"]["forward_speed"]
        for row in rows
        for dead in row["ablated"]
        if dead["ablated"] == cells_of(phenotype)
    }
    low, high = SHARES[phenotype.forward]
    runs = [run for run, share in shares.items() if low <= share < high]
    which = f": {'; '.join(runs)}" if 0 < len(runs) < len(shares) else ""
    return f"without {cells_of(phenotype)}, worms: {phenotype.forward}. {len(runs)} of {len(shares)} runs agree{which}"


def page(rows: list[dict[str, Any]], method: Sequence[str], runs: Sequence[str]) -> str:
    """rows: of results/worm.json. method: paragraphs. runs: the names of all runs, also of those still to do."""
    heads = " | ".join(head for head, _ in COLUMNS.values())
    lines = ["# Worms that a wiring alone drives", ""]
    for finding in findings(rows):
        lines += [finding, ""]
    lines += ["![a worm swims, its active cells lit](worm/swims.gif)", ""]
    for paragraph in method:
        lines += [paragraph, ""]
    lines += [f"| | {heads} | million steps |", "|---" * (len(COLUMNS) + 2) + "|"]
    for movement in ("swimming", "crawling"):
        known = {p.figure: p.value for p in PUBLISHED if p.movement == movement}
        lines.append(f"| published, {movement} | {in_columns(known)} | |")
    for row in rows:
        lines.append(f"| {row['run']} | {in_columns(row['gait'])} | {row['steps'] / 1e6:.2f} |")
    if missing := [run for run in runs if run not in {row["run"] for row in rows}]:
        lines += ["", f"Not run yet: {'; '.join(missing)}."]
    sources = "; ".join(dict.fromkeys(p.source + ("" if p.read else " (as commonly cited)") for p in PUBLISHED))
    lines += ["", f"Published: {sources}.", "", "![curvature along the body](worm.png)", ""]
    lines += [
        "## Cells killed after training",
        "",
        "| | without | of the intact speed | travels | worms without them |",
        "|---|---|---|---|---|",
    ]
    for row in (row for row in rows if row["gait"]["forward_speed"] > MOVES):
        for dead in row["ablated"]:
            share = dead["forward_speed"] / row["gait"]["forward_speed"]
            travels = f"{dead['towards_tail']:.2f}" if np.isfinite(dead["towards_tail"]) else ""
            lines.append(f"| {row['run']} | {dead['ablated']} | {share:.2f} | {travels} | {dead['published']} |")
    lines += ["", "Worms without them:"]
    for p in PHENOTYPES:
        lines.append(
            f"- {cells_of(p)}: {p.found} ({p.source}{'' if p.read else '; as commonly cited, not read again'})."
        )
    host, used = machine(), versions()
    lines += ["", f"{host['processor']}; Python {used['python']}, mujoco {used['mujoco']}."]
    return "\n".join(lines) + "\n"
