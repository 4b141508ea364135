"""The errors a user meets: always one line that names what was wrong, where, and what to do instead."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable


class CelegansError(ValueError):
    """Anything wrong with what the user handed in. The command line prints it without a traceback, exit code 2."""


class ConnectomeError(CelegansError):
    """A wiring table, graph, circuit or polarity that cannot be used."""


class RewiringError(CelegansError):
    """A null model that cannot be made for this graph, or that would be void."""


class NetworkError(CelegansError):
    """A network that cannot be built from this wiring, neuron model and interface."""


class TaskError(CelegansError):
    """A task that is unknown, or whose data set is not there."""


class TrainingError(CelegansError):
    """A trainer that cannot run with these settings."""


class GenerationsError(CelegansError):
    """A model connectome that cannot be evolved, read or inherited."""


class SpecError(CelegansError):
    """A study specification with a wrong key or value."""


class DiskError(CelegansError):
    """The disk said no: it is full, or the place cannot be written."""


class StatisticsError(CelegansError):
    """Numbers from which the statistic that was asked for would mislead."""


def whole_number(what: str, value: object, low: int, high: int, error: type[CelegansError] = CelegansError) -> int:
    """`value` if it is a whole number in [low, high], else an `error` that names `what`.

    >>> whole_number("ticks", 5, 1, 10)
    5
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise error(f"{what} is {one_line(repr(value))}; give a whole number from {low} to {high}")
    return number


LARGEST_SEED = 2**63 - 1


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """The known names nearest to `name`, nearest first, as text for an error message.

    >>> nearest("swimer6", ["swimmer6", "halfcheetah", "digits"])
    "did you mean 'swimmer6'? Known: 'digits', 'halfcheetah', 'swimmer6'"
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=n, cutoff=0.5)
    listed = "Known: " + ", ".join(repr(k) for k in names)
    if not close:
        return listed
    return "did you mean " + " or ".join(repr(k) for k in close) + f"? {listed}"


def one_line(text: object, limit: int = 200) -> str:
    """`text` as a single line of at most `limit` characters, for values that a user handed in.

    What is not printable, such as what would move a terminal's cursor or turn its text around, is shown escaped.

    >>> one_line("a\\n\\x1b[2J")
    'a \\\\x1b[2J'
    """
    flat = " ".join(str(text).split())
    if not flat.isprintable():
        flat = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in flat)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
