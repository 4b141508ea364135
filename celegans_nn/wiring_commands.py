"""The commands that read a wiring: info prints and draws it, rewire makes controls of it.

Everything heavy is imported inside the command, so that --help is instant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from celegans_nn.errors import CelegansError, one_line

if TYPE_CHECKING:
    from celegans_nn.connectome.connectome import Connectome


def info(
    source: Positional[str] = "cook2019",
    circuit: str = "default",
    muscles: bool = True,
    polarity: str = "transmitter",
    figure: Path | None = None,
) -> int:
    """Print what a wiring diagram holds and where it comes from, and draw it.

    Example: celegans-nn info cook2019 --circuit command_vnc79 --figure wiring.png

    Example: celegans-nn info ./my_fly --figure fly.pdf

    Args:
        source: cook2019, cook2019_male, varshney2011, haspel2012, witvliet2021_1 to witvliet2021_8 (the head at
            eight ages), or the path of a folder with edges.csv, of one CSV file of edges, or of a .graphml file.
        circuit: a named circuit, "default", or "all" for the whole table.
        muscles: keep the body-wall muscles that the circuit reaches.
        polarity: what gives a synapse its sign.
        figure: a .png, .svg or .pdf to draw the matrices, the degrees and the body into.
    """
    _check_figure(figure)
    worm = load(source, circuit, muscles, polarity)
    print_table(("", ""), _facts(worm))
    if figure is not None:
        from celegans_nn.connectome.figure import draw_connectome

        _save(draw_connectome(worm), figure)
    return 0


def rewire(
    source: Positional[str],
    null: Positional[str],
    seed: int = 0,
    scope: str = "neurons",
    circuit: str = "default",
    muscles: bool = True,
    polarity: str = "transmitter",
    inputs: str | None = None,
    outputs: str | None = None,
    initial_weights: str = "table",
    n: int | None = None,
    out: Path | None = None,
    figure: Path | None = None,
) -> int:
    """Make a control of a wiring diagram, or many, and print what was kept and what changed.

    Example: celegans-nn rewire haspel2012 degree --seed 0 --out control --figure control.png

    Example: celegans-nn rewire cook2019 degree --n 100 --out controls

    Args:
        source: a named wiring or a path, as in celegans-nn info.
        null: the null model; they are listed below.
        seed: another seed gives another control.
        scope: which edges move: neurons, muscles or all.
        circuit: a named circuit, "default", or "all" for the whole table.
        muscles: keep the body-wall muscles that the circuit reaches.
        polarity: what gives a synapse its sign.
        inputs: names of the cells that take observations, with commas between; motor neurons if not given.
        outputs: names of the cells that drive actions, with commas between; muscles if not given.
        initial_weights: table, or shared if the networks to be compared start from one weight a sign: then a null
            model that differs in weights alone is refused.
        n: as many controls, from 2; prints where the original stands among them.
        out: a folder for the control's CSV tables (one folder a control, 000 and up, with --n).
        figure: a .png, .svg or .pdf of what was kept and what changed.
    """
    _check_figure(figure)
    ends = {"inputs": _names(inputs), "outputs": _names(outputs)}
    how: dict[str, Any] = {"seed": seed, "scope": scope, "initial_weights": initial_weights, **ends}
    if n is not None and n < 2:
        raise CelegansError(f"--n {n}: an ensemble has 2 controls or more; leave --n out for one control")
    worm = load(source, circuit, muscles, polarity)
    report = _one(worm, null, how, ends, out) if n is None else _many(worm, null, n, how, ends, out)
    print(report)
    if out is not None:
        print(f"written to {out}")
    if figure is not None:
        _save(report.figure(), figure)
    return 0


def _one(worm: Connectome, null: str, how: dict[str, Any], ends: dict[str, Any], out: Path | None) -> Any:
    from celegans_nn.rewiring import compare
    from celegans_nn.rewiring import rewire as rewired

    control = rewired(worm, null, **how)
    if out is not None:
        control.to_csv(out)
    return compare(worm, control, **ends)


def _many(worm: Connectome, null: str, n: int, how: dict[str, Any], ends: dict[str, Any], out: Path | None) -> Any:
    from celegans_nn.rewiring import rewire_many
    from celegans_nn.rewiring.ensemble import compare_ensemble

    if out is not None and out.is_dir() and any(out.iterdir()):
        raise CelegansError(f"{out} is not empty, and an ensemble's folder holds nothing else; give a new folder")
    controls: Iterable[Connectome] = rewire_many(worm, null, n=n, **how)
    return compare_ensemble(worm, controls if out is None else _written(controls, out, len(str(n - 1))), **ends)


def _written(controls: Iterable[Connectome], out: Path, digits: int) -> Iterator[Connectome]:
    """Each control, once its tables are in its own folder."""
    for k, control in enumerate(controls):
        control.to_csv(out / str(k).zfill(max(digits, 3)))
        yield control


def null_models() -> dict[str, str]:
    """Each null model's name and the first line of its docstring, read from the source: importing them takes long."""
    lines: dict[str, str] = {}
    folder = Path(__file__).parent / "rewiring"
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                lines[node.name] = (ast.get_docstring(node) or "").partition("\n")[0]
    found = {}
    for node in ast.parse((folder / "control.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "NULLS" and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant):
                    found[str(key.value)] = lines.get(ast.unparse(value), "")
    return found


# -- what both need --------------------------------------------------------------------------------------------


def load(source: str, circuit: str, muscles: bool, polarity: str) -> Connectome:
    """A named wiring; or, where there is a file or folder of that name or `source` looks like one, any animal's."""
    from celegans_nn.connectome import io
    from celegans_nn.connectome.sources import SOURCES, load_connectome

    if not source.strip():
        raise CelegansError(f"the wiring is {source!r}; name one of {', '.join(SOURCES)}, or a folder or file")
    path = Path(source)
    looks_like_a_path = path.suffix in (".graphml", ".csv") or "/" in source or path.exists()
    if source in SOURCES or not looks_like_a_path:
        return load_connectome(source, None if circuit == "all" else circuit, muscles, polarity)
    if (circuit, muscles, polarity) not in (("default", True, "transmitter"), ("all", True, "transmitter")):
        raise CelegansError(
            f"{one_line(source)} is a file: it has its own cells and signs, so that --circuit, --no-muscles and "
            "--polarity do not apply; leave them out"
        )
    return io.from_graphml(path) if path.suffix == ".graphml" else io.from_csv(path)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns padded to their widest cell, the last one as it is; nothing is cut to the terminal's width."""
    lines = [[str(cell) for cell in row] for row in ([heads] if any(heads) else []) + list(rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(heads) - 1)]
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        print("  ".join([*padded, line[-1]]).rstrip())


def _facts(worm: Connectome) -> list[tuple[str, str]]:
    signs = worm.chemical_edges.sign
    roles = worm.neurons["role"].replace("", "unknown").value_counts().to_dict()
    provenance = worm.provenance
    return [
        ("cells", f"{len(worm)} ({', '.join(f'{n} {role}' for role, n in roles.items())})"),
        ("neurons", str(int(worm.cells["neuron"].sum()))),
        (
            "chemical edges",
            f"{len(signs)} ({(signs > 0).sum()} +, {(signs < 0).sum()} -, {(signs == 0).sum()} unknown)",
        ),
        ("synaptic weight", f"{worm.chemical_edges.weight.sum():g} {one_line(provenance.get('weight_unit', ''))}"),
        ("gap junctions", f"{len(worm.electrical_edges.pre)} pairs"),
        *_degrees(worm),
        ("fingerprint", worm.fingerprint[:12]),
        *(
            (key, one_line(provenance[key], 400))
            for key in ("what", "circuit_why", "polarity_means", "citation")
            if key in provenance
        ),
        *(("note", one_line(note, 400)) for note in provenance.get("notes", ())),
    ]


def _degrees(worm: Connectome) -> Iterator[tuple[str, str]]:
    import numpy as np

    e, g = worm.chemical_edges, worm.electrical_edges
    apart, gap_apart = e.pre != e.post, g.pre != g.post
    gaps = np.concatenate([g.pre[gap_apart], g.post[gap_apart]])
    for name, ends in (("in-degree", e.post), ("out-degree", e.pre), ("gap partners", gaps)):
        degree = np.bincount(ends, minlength=len(worm))
        hub = int(degree.argmax())
        most = f", most {degree[hub]} ({one_line(worm.names[hub], 60)})" if degree[hub] else ""
        yield name, f"mean {degree.mean():.2f}{most}"
    pre, post = e.pre[apart].astype(np.int64), e.post[apart].astype(np.int64)
    mutual = np.isin(pre * len(worm) + post, post * len(worm) + pre)
    yield "reciprocity", f"{mutual.mean():.3f}" if len(mutual) else "no edges"
    yield "self-loops", f"{(~apart).sum()} chemical, {(~gap_apart).sum()} electrical"


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _check_figure(figure: Path | None) -> None:
    """A wrong ending is said before the work, not after it."""
    if figure is not None:
        from celegans_nn.connectome.figure import check_figure_path

        check_figure_path(figure)


def _save(drawn: Any, figure: Path) -> None:
    from celegans_nn.connectome.figure import save_figure

    save_figure(drawn, figure)
    print(f"drawn in {figure}")
