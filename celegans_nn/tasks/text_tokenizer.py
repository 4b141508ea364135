"""Byte-pair tokenizers: trained on the text at hand, or GPT-2's from a folder. Any text has tokens, and gets back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from celegans_nn.errors import TaskError, one_line, whole_number
from celegans_nn.files import write_atomic

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Model

END_OF_TEXT = "<|endoftext|>"
"""Stands before every document, as in GPT-2's shards, so that a document's first word has something before it."""
VOCABULARY = 4096
LARGEST_VOCABULARY = 2**17
GPT2_FILES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
"""GPT-2's vocabulary and merges under either of the names that they go by."""


def check_extra() -> None:
    """TaskError, with the command that brings them, where a package for language models is missing."""
    missing = [name for name in ("tokenizers", "transformers", "accelerate") if find_spec(name) is None]
    if missing:
        raise TaskError(f"language models need {' and '.join(missing)}; run: pip install 'celegans_nn[language]'")


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """A byte-level byte-pair tokenizer (Sennrich 2016; Radford 2019) of at most `vocabulary` tokens.

    Token 0 ends a text, 256 are the bytes, the others are merged from pairs, the most frequent first; the same
    texts give the same tokenizer.

    >>> tokenizer = train_tokenizer(["the worm turns, the worm turns"], 300)
    >>> tokenizer.encode("the worm").tokens
    ['the', 'Ġworm']
    >>> tokenizer.decode(tokenizer.encode("naïve 線虫").ids)
    'naïve 線虫'
    """
    check_extra()
    from tokenizers import models, pre_tokenizers, trainers

    whole_number("vocabulary", vocabulary, 257, LARGEST_VOCABULARY, TaskError)
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_tokenizer(path: str | Path) -> Tokenizer:
    """A tokenizer that `save_tokenizer` wrote, or any other of `tokenizers`' JSON files; or a folder with GPT-2's
    files (vocab.json and merges.txt, or encoder.json and vocab.bpe).

    Raises TaskError for what is not there or cannot be read, and for a tokenizer without a token that ends a text.
    """
    check_extra()
    from tokenizers import Tokenizer, models

    path = Path(path).expanduser()
    files = next(((path / v, path / m) for v, m in GPT2_FILES if (path / v).is_file() and (path / m).is_file()), None)
    whole = path / "tokenizer.json" if path.is_dir() else path
    if files is None and not whole.is_file():
        wanted = " or ".join(" and ".join(pair) for pair in GPT2_FILES)
        raise TaskError(f"{path}: no tokenizer there; give its JSON file, or a folder that holds {wanted}")
    try:
        if files is None:
            tokenizer = Tokenizer.from_file(str(whole))
        else:
            tokenizer = _byte_level(models.BPE.from_file(str(files[0]), str(files[1])))
            tokenizer.add_special_tokens([END_OF_TEXT])
    except Exception as error:  # tokenizers raises bare Exceptions
        raise TaskError(f"{path}: not a tokenizer that can be read ({one_line(error, 80)}); give another") from None
    end_of_text(tokenizer)
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, path: str | Path) -> None:
    """Writes one JSON file. Raises DiskError where the disk says no."""
    write_atomic(path, tokenizer.to_str(pretty=True))


def end_of_text(tokenizer: Tokenizer) -> int:
    """The token that stands before every document. TaskError for a tokenizer that has none."""
    token = tokenizer.token_to_id(END_OF_TEXT)
    if token is None:
        raise TaskError(f"this tokenizer has no token {END_OF_TEXT}, which stands before every text; give another")
    return int(token)


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """The text's tokens alone, whatever a tokenizer made elsewhere would put around them."""
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def fingerprint(tokenizer: Tokenizer) -> str:
    """A checksum over all that a tokenizer is."""
    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()[:16]


def _byte_level(model: Model) -> Tokenizer:
    """GPT-2's way: no text is unknown, a word's token carries the space before it, and none spans two words."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.encode_special_tokens = True  # "<|endoftext|>" in a user's text is text
    return tokenizer
