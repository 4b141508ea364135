"""The wiring: the Connectome value, named sources and circuits, polarity, and formats in and out."""
