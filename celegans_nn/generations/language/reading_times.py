"""How long people look at a word, and how surprising a model finds it (Natural Stories, Futrell 2018)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from celegans_nn.errors import GenerationsError, one_line
from celegans_nn.generations.language.likelihood import surprisals
from celegans_nn.tasks.text import Corpus
from celegans_nn.tasks.text_tokenizer import end_of_text

if TYPE_CHECKING:
    import pandas as pd
    from tokenizers import Tokenizer

WORDS, TIMES = "all_stories.tok", "processed_wordinfo.tsv"
"""Natural Stories' files: every word of every story, and its mean reading time over readers."""
SHIFTS = -1, 0, 1
"""Natural Stories' authors say that reading times were misaligned by one word until May 2025."""


def word_surprisals(model: nn.Module, tokenizer: Tokenizer, words: Sequence[str]) -> np.ndarray:
    """The surprisal of each word of a text in bits: the sum over its tokens, each given all before it: float64 [words].

    The words are joined by single spaces, and a word's token carries the space before it; before the first stands
    the token that ends a text. A token that spans two words counts for the second.
    """
    text = " ".join(words)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    bits = surprisals(model, [end_of_text(tokenizer), *encoding.ids])
    ends = np.cumsum([len(word) + 1 for word in words])  # one behind each word's last character, and its space
    last = np.array([max(end - 1, start) for start, end in encoding.offsets])
    word = np.searchsorted(ends - 1, last, side="right")
    return np.bincount(word, weights=bits, minlength=len(words))


def read_stories(folder: str | Path) -> pd.DataFrame:
    """A folder of Natural Stories: item (story), zone (place in it), word, time (mean reading time in ms; missing
    where there is none), in reading order. GenerationsError, in one line, for anything else."""
    import pandas as pd

    folder = Path(folder).expanduser()
    words = _table(folder / WORDS, ("word", "zone", "item"))
    times = _table(folder / TIMES, ("zone", "item", "meanItemRT"))
    for name, table in ((WORDS, words), (TIMES, times)):
        twice = table.duplicated(["item", "zone"])
        if twice.any():
            row = table[twice].iloc[0]
            raise GenerationsError(f"{folder / name}: word {row['zone']} of story {row['item']} stands there twice")
    table = words.merge(times[["item", "zone", "meanItemRT"]], on=["item", "zone"], how="left")
    table["time"] = pd.to_numeric(table["meanItemRT"], errors="coerce")
    ordered = table.sort_values(["item", "zone"], kind="stable").reset_index(drop=True)
    return ordered[["item", "zone", "word", "time"]]


def word_counts(corpus: Corpus) -> Counter[str]:
    """How often each word stands in a corpus, in lower case and without punctuation around it."""
    return Counter(bare(word) for document in corpus.documents for word in document.text.split())


def bare(word: str) -> str:
    """The word in lower case, without punctuation around it.

    >>> bare("'England,"), bare("don't.")
    ('england', "don't")
    """
    letters = [k for k, character in enumerate(word) if character.isalnum()]
    return word[letters[0] : letters[-1] + 1].lower() if letters else ""


def reading_table(
    model: nn.Module, tokenizer: Tokenizer, stories: pd.DataFrame, counts: Mapping[str, int]
) -> pd.DataFrame:
    """`stories` with, for each word, surprisal (bits), length (letters and digits), and log_frequency: log2 of its
    share in `counts`, 1 added to every count so that an unseen word has one."""
    table = stories.copy()
    table["surprisal"] = np.nan
    for _, story in stories.groupby("item", sort=False):
        table.loc[story.index, "surprisal"] = word_surprisals(model, tokenizer, list(story["word"]))
    words = [bare(word) for word in stories["word"]]
    total = sum(counts.values()) + len(counts) + 1
    table["length"] = [float(sum(map(str.isalnum, word))) for word in words]
    table["log_frequency"] = [np.log2((counts.get(word, 0) + 1) / total) for word in words]
    return table


def reading_scores(table: pd.DataFrame, shifts: Sequence[int] = SHIFTS) -> pd.DataFrame:
    """One row a shift: how surprisal goes with the reading time of the word `shift` places on, within a story.

    shift; words; r (Pearson); ms_per_bit with its standard error, and t: the coefficient of surprisal in the linear
    regression of time on surprisal, length, log_frequency and a constant; r_squared of that regression; r_squared_gain
    over the same without surprisal. Length and frequency are those of the word whose surprisal it is.
    """
    import pandas as pd

    rows = []
    for shift in shifts:
        times = table.groupby("item", sort=False)["time"].shift(-shift)
        used = table.assign(time=times)[["time", "surprisal", "length", "log_frequency"]].dropna()
        if len(used) < 10:
            raise GenerationsError(f"{len(used)} words with a reading time at shift {shift}; give at least 10")
        rows.append({"shift": shift, "words": len(used), **_regression(*used.to_numpy(float).T)})
    return pd.DataFrame(rows)


def _regression(time: np.ndarray, surprisal: np.ndarray, *others: np.ndarray) -> dict[str, Any]:
    """Ordinary least squares; the standard error takes errors as independent and of one variance."""
    without = np.column_stack([np.ones_like(time), *others])
    full = np.column_stack([surprisal, without])
    spread = ((time - time.mean()) ** 2).sum()
    left = [((time - x @ np.linalg.lstsq(x, time, rcond=None)[0]) ** 2).sum() for x in (full, without)]
    slope = np.linalg.lstsq(full, time, rcond=None)[0][0]
    freedom = len(time) - np.linalg.matrix_rank(full)
    error = np.sqrt(left[0] / freedom * np.linalg.pinv(full.T @ full)[0, 0])
    return {
        "r": float(np.corrcoef(surprisal, time)[0, 1]),
        "ms_per_bit": float(slope), "standard_error": float(error), "t": float(slope / error),
        "r_squared": float(1 - left[0] / spread), "r_squared_gain": float((left[1] - left[0]) / spread),
    }  # fmt: skip


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    import csv

    import pandas as pd

    try:
        table = pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False, encoding="utf-8")
        table["item"], table["zone"] = pd.to_numeric(table["item"]), pd.to_numeric(table["zone"])
        return table[list(columns)]
    except FileNotFoundError:
        raise GenerationsError(
            f"{path} is not there; give the folder that holds {WORDS} and {TIMES} of Natural Stories "
            "(github.com/languageMIT/naturalstories)"
        ) from None
    except KeyError as error:
        raise GenerationsError(f"{path}: no column {error}; bring Natural Stories' own file") from None
    except (ValueError, OSError) as error:
        raise GenerationsError(f"{path}: cannot be read ({one_line(error, 80)}); bring it again") from None
