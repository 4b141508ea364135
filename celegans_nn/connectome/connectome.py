"""The wiring of an animal as a value: cells, signed chemical synapses, symmetric gap junctions, provenance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from celegans_nn.errors import ConnectomeError, nearest, one_line

if TYPE_CHECKING:
    import networkx

ROLES = ("sensory", "inter", "motor", "pharyngeal", "muscle", "other")
CELL_COLUMNS = ("name", "cell_class", "role", "neuron", "transmitter", "x", "y", "z")


class ChemicalEdges(NamedTuple):
    """Chemical synapses as parallel read-only arrays of length E, sorted by (pre, post)."""

    pre: np.ndarray
    """int32 index of the presynaptic cell."""
    post: np.ndarray
    """int32 index of the postsynaptic cell."""
    weight: np.ndarray
    """float64, above 0, in the unit of the source (EM sections, synapse counts, model units)."""
    sign: np.ndarray
    """int8: +1 excitatory, -1 inhibitory, 0 unknown."""


class ElectricalEdges(NamedTuple):
    """Gap junctions as parallel read-only arrays of length G, one entry a pair, sorted by (pre, post)."""

    pre: np.ndarray
    """int32 index of the cell whose name comes first in the alphabet."""
    post: np.ndarray
    """int32 index of the other cell (the same one for a self-gap)."""
    weight: np.ndarray
    """float64, above 0, in the unit of the source."""


@dataclass(frozen=True, eq=False, repr=False)
class Connectome:
    """A wiring diagram: frozen, checked when it is made, equal and hashed by its content.

    The order of the cells is part of the content, since it is the order of rows and columns in `adjacency`.
    Provenance is not: two ways to the same wiring give equal values.

    >>> import pandas as pd
    >>> worm = Connectome.from_edges(pd.DataFrame({
    ...     "pre": ["AVBL", "DB1"], "post": ["DB1", "MDL01"], "kind": ["electrical", "chemical"]}))
    >>> len(worm), worm.names
    (3, ('AVBL', 'DB1', 'MDL01'))
    >>> worm.adjacency()[worm.index["DB1"], worm.index["MDL01"]]
    np.float64(1.0)
    """

    cells: Mapping[str, np.ndarray]
    """The columns of `CELL_COLUMNS`, each of length N. Text is object dtype with "" for unknown; x, y, z NaN."""
    chemical_edges: ChemicalEdges
    electrical_edges: ElectricalEdges
    provenance_json: str = "{}"

    def __post_init__(self) -> None:
        cells = {c: _frozen(np.asarray(self.cells[c])) for c in CELL_COLUMNS}
        object.__setattr__(self, "cells", MappingProxyType(cells))
        names = cells["name"].tolist()
        if not names:
            raise ConnectomeError("the selection has no cells; name at least one cell or edge")
        if len(set(names)) != len(names):
            twice = pd.Series(names)
            name = twice[twice.duplicated()].iloc[0]
            raise ConnectomeError(f"cell {one_line(name)!r} is listed twice; give each cell one row")
        object.__setattr__(self, "chemical_edges", self._checked_chemical())
        object.__setattr__(self, "electrical_edges", self._checked_electrical())

    def _checked_chemical(self) -> ChemicalEdges:
        e = self.chemical_edges
        pre, post, weight, order = _ordered(e.pre, e.post, e.weight, self.names, "chemical")
        sign = np.asarray(e.sign)[order]
        if ((sign != 0) & (sign != 1) & (sign != -1)).any():
            raise ConnectomeError("a chemical edge has a sign other than +1, -1 or 0 (unknown)")
        return ChemicalEdges(pre, post, weight, _frozen(sign.astype(np.int8)))

    def _checked_electrical(self) -> ElectricalEdges:
        e = self.electrical_edges
        names = self.names
        pre, post = np.asarray(e.pre, dtype=np.int32), np.asarray(e.post, dtype=np.int32)
        _refuse_outside(pre, post, names, "electrical")
        alphabetical = self._alphabetical
        swap = alphabetical[pre] > alphabetical[post]
        first, second = np.where(swap, post, pre), np.where(swap, pre, post)
        return ElectricalEdges(*_ordered(first, second, e.weight, names, "electrical")[:3])

    # -- reading ---------------------------------------------------------------------------------------------

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The cells' names, in order."""
        return tuple(self.cells["name"].tolist())

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Name of a cell to its position."""
        return MappingProxyType({name: i for i, name in enumerate(self.names)})

    @cached_property
    def _alphabetical(self) -> np.ndarray:
        """Each cell's place in the alphabetical order of names, int64 [N]."""
        place = np.empty(len(self), dtype=np.int64)
        place[sorted(range(len(self)), key=self.names.__getitem__)] = np.arange(len(self))
        return place

    def __len__(self) -> int:
        return len(self.names)

    @property
    def neurons(self) -> pd.DataFrame:
        """All cells, muscles included, one row each (a fresh table: editing it does not change the connectome)."""
        return pd.DataFrame({c: self.cells[c].copy() for c in CELL_COLUMNS})

    @property
    def chemical(self) -> pd.DataFrame:
        """Chemical edges as a fresh table: pre, post (names), weight (> 0), sign (+1, -1, 0 unknown)."""
        e = self.chemical_edges
        name = self.cells["name"]
        return pd.DataFrame(
            {"pre": name[e.pre], "post": name[e.post], "weight": e.weight.copy(), "sign": e.sign.copy()}
        )

    @property
    def electrical(self) -> pd.DataFrame:
        """Gap junctions as a fresh table, one row a pair: pre, post (names, alphabetical), weight (> 0)."""
        e = self.electrical_edges
        name = self.cells["name"]
        return pd.DataFrame({"pre": name[e.pre], "post": name[e.post], "weight": e.weight.copy()})

    @property
    def provenance(self) -> dict[str, Any]:
        """Where this wiring comes from and what was done to it (a fresh dict of JSON values)."""
        return json.loads(self.provenance_json)

    def adjacency(self, kind: str = "chemical", values: str = "weight") -> np.ndarray:
        """Dense matrix [N, N], float64; row = presynaptic, column = postsynaptic; electrical is symmetric.

        `values`: "weight", "sign", or "signed" (sign x weight, so an unknown sign gives 0).
        """
        _one_of("kind", kind, ("chemical", "electrical"))
        _one_of("values", values, ("weight", "sign", "signed"))
        matrix = np.zeros((len(self), len(self)))
        if kind == "electrical":
            gap = self.electrical_edges
            matrix[gap.pre, gap.post] = matrix[gap.post, gap.pre] = gap.weight
            return matrix
        e = self.chemical_edges
        matrix[e.pre, e.post] = {"weight": e.weight, "sign": e.sign, "signed": e.sign * e.weight}[values]
        return matrix

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of cells and edges, in hexadecimal; provenance is left out."""
        digest = hashlib.sha256()
        for column in CELL_COLUMNS:
            digest.update(json.dumps([column, self.cells[column].tolist()]).encode())
        for array in (*self.chemical_edges, *self.electrical_edges):
            digest.update(b"|" + array.tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Connectome):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        return Connectome, (dict(self.cells), self.chemical_edges, self.electrical_edges, self.provenance_json)

    def __deepcopy__(self, memo: Any) -> Connectome:
        return self  # a value: nothing in it can change

    def __repr__(self) -> str:
        sign = self.chemical_edges.sign
        return (
            f"<Connectome {self.provenance.get('source', '')}: {len(self)} cells "
            f"({int(self.cells['neuron'].sum())} neurons), {len(sign)} chemical edges "
            f"({(sign > 0).sum()} +, {(sign < 0).sum()} -, {(sign == 0).sum()} unknown), "
            f"{len(self.electrical_edges.pre)} gap-junction pairs>"
        )

    # -- making another one ------------------------------------------------------------------------------------

    def subset(self, names: Iterable[str]) -> Connectome:
        """The named cells, in this connectome's order, and every edge between two of them.

        Raises ConnectomeError for a name that is not a cell and for an empty selection.
        """
        wanted = set()
        for name in names:
            if name not in self.index:
                raise ConnectomeError(f"unknown cell {one_line(name)!r}; {_near_cell(name, self.names)}")
            wanted.add(name)
        keep = np.fromiter((name in wanted for name in self.names), bool, len(self))
        new = np.cumsum(keep) - 1
        c, g = self.chemical_edges, self.electrical_edges
        in_c, in_g = keep[c.pre] & keep[c.post], keep[g.pre] & keep[g.post]
        return Connectome(
            {column: values[keep] for column, values in self.cells.items()},
            ChemicalEdges(new[c.pre[in_c]], new[c.post[in_c]], c.weight[in_c], c.sign[in_c]),
            ElectricalEdges(new[g.pre[in_g]], new[g.post[in_g]], g.weight[in_g]),
            self.provenance_json,
        )

    def with_edges(
        self,
        chemical: ChemicalEdges | None = None,
        electrical: ElectricalEdges | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Connectome:
        """The same cells with other edges (those left out are kept); `provenance` is merged into the old one."""
        return Connectome(
            self.cells,
            self.chemical_edges if chemical is None else chemical,
            self.electrical_edges if electrical is None else electrical,
            json.dumps({**self.provenance, **(provenance or {})}),
        )

    @classmethod
    def from_edges(
        cls,
        edges: pd.DataFrame,
        neurons: pd.DataFrame | None = None,
        columns: Mapping[str, str] | None = None,
        *,
        source: str = "edges",
        provenance: Mapping[str, Any] | None = None,
    ) -> Connectome:
        """Any animal from a table of edges; see `celegans_nn.connectome.tables.connectome_from_tables`."""
        from celegans_nn.connectome.tables import connectome_from_tables

        return connectome_from_tables(edges, neurons, columns, source=source, provenance=provenance)

    # -- formats (all without loss; see celegans_nn.connectome.io) ---------------------------------------------

    @classmethod
    def from_graph(cls, graph: networkx.Graph) -> Connectome:
        """From any networkx graph; see `celegans_nn.connectome.io.from_graph`."""
        from celegans_nn.connectome import io

        return io.from_graph(graph)

    def graph(self) -> networkx.MultiDiGraph:
        """As a networkx.MultiDiGraph; see `celegans_nn.connectome.io.graph`."""
        from celegans_nn.connectome import io

        return io.graph(self)

    @classmethod
    def from_csv(cls, folder: str | Path) -> Connectome:
        """From a folder that `to_csv` wrote."""
        from celegans_nn.connectome import io

        return io.from_csv(folder)

    def to_csv(self, folder: str | Path) -> None:
        """Writes edges.csv, neurons.csv and provenance.json into `folder`."""
        from celegans_nn.connectome import io

        io.to_csv(self, folder)

    @classmethod
    def from_graphml(cls, path: str | Path) -> Connectome:
        """From a GraphML file."""
        from celegans_nn.connectome import io

        return io.from_graphml(path)

    def to_graphml(self, path: str | Path) -> None:
        """Writes a GraphML file."""
        from celegans_nn.connectome import io

        io.to_graphml(self, path)


def _frozen(array: np.ndarray) -> np.ndarray:
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


def _ordered(
    pre: np.ndarray, post: np.ndarray, weight: np.ndarray, names: tuple[str, ...], kind: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Checks one kind of edges and sorts them by (pre, post); the last array says which edge went where."""
    pre, post = np.asarray(pre, dtype=np.int32), np.asarray(post, dtype=np.int32)
    weight = np.asarray(weight, dtype=np.float64)
    _refuse_outside(pre, post, names, kind)
    order = np.argsort(pre.astype(np.int64) * len(names) + post, kind="stable")
    pre, post, weight = pre[order], post[order], weight[order]
    bad = ~(np.isfinite(weight) & (weight > 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise ConnectomeError(
            f"{kind} edge {one_line(names[pre[i]])} -> {one_line(names[post[i]])} has weight {weight[i]}; "
            "give a finite number above 0"
        )
    twice = (np.diff(pre) == 0) & (np.diff(post) == 0)
    if twice.any():
        i = int(np.argmax(twice))
        raise ConnectomeError(
            f"{kind} edge {one_line(names[pre[i]])} -> {one_line(names[post[i]])} is given twice; "
            "add the weights up into one edge"
        )
    return _frozen(pre), _frozen(post), _frozen(weight), order


def _refuse_outside(pre: np.ndarray, post: np.ndarray, names: tuple[str, ...], kind: str) -> None:
    if len(pre) and (min(pre.min(), post.min()) < 0 or max(pre.max(), post.max()) >= len(names)):
        what = "chemical edge" if kind == "chemical" else "gap junction"
        raise ConnectomeError(f"a {what} names a cell position outside 0 to {len(names) - 1}")


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConnectomeError(f"unknown {what} {one_line(value)!r}; {nearest(value, known)}")


def _near_cell(name: object, names: tuple[str, ...]) -> str:
    """The nearest cell names, without listing a thousand of them."""
    import difflib

    close = difflib.get_close_matches(str(name), [str(n) for n in names], n=3, cutoff=0.5)
    return "did you mean " + " or ".join(map(repr, close)) + "?" if close else f"there are {len(names)} cells"
