"""How well a layer's activity predicts a brain's responses to sentences: cross-validated ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from celegans_nn.errors import GenerationsError, nearest, one_line
from celegans_nn.generations.language.likelihood import BATCH, context_of, inference
from celegans_nn.tasks.text_tokenizer import encode, end_of_text

if TYPE_CHECKING:
    import pandas as pd
    from tokenizers import Tokenizer

FOLDS = 5
PENALTIES = tuple(10.0**k for k in range(-3, 8))
"""Ridge penalties among which each fold's training part chooses, by leave-one-out error; on standardised features."""
LANGUAGE_NETWORK = "lang_LH_netw"
"""Tuckute 2024's name for the mean over the five left frontal and temporal language regions."""


def sentence_embeddings(model: nn.Module, tokenizer: Tokenizer, sentences: Sequence[str]) -> np.ndarray:
    """The activity at each sentence's last token: float32 [layers + 1, sentences, width]; layer 0 is the embedding.

    Before the sentence stands the token that ends a text; a sentence longer than the model's context loses its
    beginning.
    """
    start, context = [end_of_text(tokenizer)], context_of(model)
    rows = [(start + encode(tokenizer, sentence))[-context:] for sentence in sentences]
    layers: list[np.ndarray] = []
    with inference(model):
        for first in range(0, len(rows), BATCH):
            some = rows[first : first + BATCH]
            width = max(map(len, some))
            ids = torch.tensor([row + [0] * (width - len(row)) for row in some]).to(next(model.parameters()).device)
            hidden = model(input_ids=ids, output_hidden_states=True).hidden_states
            last = [len(row) - 1 for row in some]
            layers.append(np.stack([layer[range(len(some)), last].float().cpu().numpy() for layer in hidden]))
    return np.concatenate(layers, axis=1)


def ridge_predictivity(embeddings: np.ndarray, responses: np.ndarray, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Pearson r between predicted and measured responses, averaged over shuffled folds: float64 [layers].

    embeddings: [layers, sentences, width]; responses: [sentences]. In each fold features are standardised and the
    penalty is chosen on the other folds alone. Predictions without variance count as r = 0.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(responses) != embeddings.shape[1] or not 2 <= folds <= len(responses) // 3:
        raise GenerationsError(
            f"{len(responses)} responses to {embeddings.shape[1]} sentences in {folds} folds; give a response to each "
            "sentence, two folds or more, and three sentences or more in each"
        )
    parts = list(KFold(folds, shuffle=True, random_state=seed).split(responses))
    scores = np.zeros((len(embeddings), folds))
    for layer, features in enumerate(embeddings):
        for fold, (train, test) in enumerate(parts):
            ridge = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
            predicted = ridge.fit(features[train], responses[train]).predict(features[test])
            if np.std(predicted) > 1e-9 * np.std(responses) > 0:
                scores[layer, fold] = np.corrcoef(predicted, responses[test])[0, 1]
    return scores.mean(axis=1)


def brain_scores(
    model: nn.Module, tokenizer: Tokenizer, table: pd.DataFrame, folds: int = FOLDS, seed: int = 0
) -> dict[str, Any]:
    """Of a table as `read_responses` gives it: `brain_r_layer_K` of each layer, and `brain_r`, the last layer's.

    The best layer is left to the reader: the maximum over layers is biased upwards.
    """
    embeddings = sentence_embeddings(model, tokenizer, list(table["sentence"]))
    by_layer = ridge_predictivity(embeddings, table["response"].to_numpy(float), folds, seed)
    named = {f"brain_r_layer_{layer}": float(r) for layer, r in enumerate(by_layer)}
    return {**named, "brain_r": float(by_layer[-1]), "sentences": len(table)}


def read_responses(data: str | Path, region: str = LANGUAGE_NETWORK) -> pd.DataFrame:
    """sentence and response, one row a sentence, from a CSV file or a folder of them.

    Either columns `sentence` and `response`, or Tuckute 2024's (github.com/gretatuckute/drive_suppress_brains):
    `sentence`, `response_target`, and `roi`, of which `region` is taken; several rows of a sentence, one a
    participant, are averaged. GenerationsError, in one line, for anything else.
    """
    import pandas as pd

    place = Path(data).expanduser()
    files = [place] if place.is_file() else sorted(place.glob("*.csv"))
    if not files:
        raise GenerationsError(f"{place}: no .csv file there; give one with columns sentence and response")
    try:
        table = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    except (ValueError, OSError) as error:
        raise GenerationsError(f"{place}: cannot be read ({one_line(error, 80)}); give a CSV file") from None
    column = next((name for name in ("response", "response_target") if name in table), None)
    if column is None or "sentence" not in table:
        raise GenerationsError(f"{place}: no columns sentence and response; it has {one_line(list(table.columns), 80)}")
    if "roi" in table:
        regions = sorted(map(str, table["roi"].unique()))
        if region not in regions:
            raise GenerationsError(f"{place}: no region {one_line(repr(region), 60)}: {nearest(region, regions)}")
        table = table[table["roi"] == region]
    used = pd.DataFrame(
        {"sentence": table["sentence"], "response": pd.to_numeric(table[column], errors="coerce")}
    ).dropna()
    mean = used.groupby("sentence", sort=False)["response"].mean().reset_index()
    if not len(mean):
        raise GenerationsError(f"{place}: no sentence with a response there; give a table that has some")
    return mean
