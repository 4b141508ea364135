"""A language of two hundred words in which some follow others, and a transformer small enough for it."""

import numpy as np
import pytest

from celegans_nn.generations.language import Shape, language_model
from celegans_nn.tasks.text import Corpus, Document
from celegans_nn.tasks.text_tokenizer import train_tokenizer
from celegans_nn.tasks.text_tokens import tokenize

SHAPE = Shape(layers=2, width=16, heads=2, context=16, vocabulary=300)


def made_up_corpus(name, seed):
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("aeioubdgklmnrst"), 4)) for _ in range(40)]
    texts = []
    for _ in range(12):
        place, text = 0, []
        for _ in range(80):
            place = (2 * place + int(rng.integers(3))) % len(words)
            text.append(words[place])
        texts.append(" ".join(text) + ".")
    return Corpus(name, tuple(Document(f"{name}{k}", text) for k, text in enumerate(texts)), "made up")


@pytest.fixture(scope="session")
def tokenizer():
    return train_tokenizer([document.text for document in made_up_corpus("outer", 0).documents], 300)


@pytest.fixture(scope="session")
def outer(tokenizer):
    return tokenize(made_up_corpus("outer", 0), tokenizer, validation=0.2)


@pytest.fixture(scope="session")
def inner(tokenizer):
    return tokenize(made_up_corpus("inner", 1), tokenizer, validation=0.2)


@pytest.fixture
def model():
    return language_model(SHAPE, seed=3)
