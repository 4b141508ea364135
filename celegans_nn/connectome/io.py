"""Formats in and out, all without loss: networkx, CSV, GraphML. What is read is checked and never executed."""

from celegans_nn.connectome.csv_files import from_csv, to_csv
from celegans_nn.connectome.graphml import from_graphml, to_graphml
from celegans_nn.connectome.graphs import from_graph, graph

__all__ = ["from_csv", "from_graph", "from_graphml", "graph", "to_csv", "to_graphml"]
