"""A corpus as tokens: split by document, in shards that are mapped and not loaded, read in a seeded order."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from celegans_nn.errors import TaskError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.tasks.task import Array
from celegans_nn.tasks.text import Corpus
from celegans_nn.tasks.text_tokenizer import end_of_text, fingerprint

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FORMAT = "celegans_nn tokens 1"
FACTS = "tokens.json"
SPLITS = ("train", "validation")
VALIDATION_SHARE = 0.05
SHARD_TOKENS = 2**26
"""Tokens of one file: 128 MB."""
GPT2_MAGIC, GPT2_HEADER, GPT2_VOCABULARY = 20240520, 256, 50257
"""First of the 256 int32 that head a .bin shard of GPT-2's tokens, as llm.c and the shards of FineWeb have them."""


@dataclass(frozen=True, eq=False)
class TextTokens:
    """The tokens of a corpus; uint16, or uint32 for a vocabulary above 65,536."""

    train: tuple[Array, ...] = field(repr=False)
    """Shards, each one-dimensional."""
    validation: tuple[Array, ...] = field(repr=False)
    vocabulary: int
    """Tokens are below this."""
    facts: Mapping[str, Any]
    """What they were made from: plain values."""

    @property
    def validation_bytes(self) -> int | None:
        """UTF-8 bytes of the validation documents; None for shards made elsewhere."""
        return self.facts.get("validation_bytes")

    @cached_property
    def fingerprint(self) -> str:
        """A checksum over all tokens of both splits, in order."""
        digest = hashlib.sha256()
        for split in SPLITS:
            digest.update(split.encode())
            for shard in getattr(self, split):
                digest.update(np.asarray(shard, np.uint32).tobytes())
        return digest.hexdigest()[:16]


def count(shards: tuple[Array, ...]) -> int:
    """Tokens in all of them."""
    return sum(len(shard) for shard in shards)


def tokenize(corpus: Corpus, tokenizer: Tokenizer, validation: float = VALIDATION_SHARE, seed: int = 0) -> TextTokens:
    """Each document's tokens behind one that ends a text; about `validation` of the characters held out.

    Whole documents are held out, drawn with `seed`, in the corpus's order within each split. TaskError where there
    are fewer than two documents, or `validation` is not between 0 and 1.
    """
    from tokenizers import __version__ as version

    held_out = held_out_documents([len(document.text) for document in corpus.documents], validation, seed, corpus.name)
    dtype = np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.uint32
    encodings = tokenizer.encode_batch_fast([document.text for document in corpus.documents], add_special_tokens=False)
    end = [end_of_text(tokenizer)]
    tokens = [np.array(end + encoding.ids, dtype) for encoding in encodings]
    train, held_out_tokens = (
        _sharded(np.concatenate([tokens[k] for k in np.flatnonzero(held_out == held)])) for held in (False, True)
    )
    facts = {
        "corpus": corpus.name, "source": corpus.source, "corpus_fingerprint": corpus.fingerprint,
        "tokenizer": fingerprint(tokenizer), "tokenizers": version,
        "validation": validation, "seed": seed,
        "validation_documents": [corpus.documents[k].name for k in np.flatnonzero(held_out)],
        "validation_bytes": sum(len(corpus.documents[k].text.encode()) for k in np.flatnonzero(held_out)),
    }  # fmt: skip
    return TextTokens(train, held_out_tokens, tokenizer.get_vocab_size(), facts)


def held_out_documents(lengths: list[int], share: float, seed: int, name: str = "corpus") -> Array:
    """bool [documents]: drawn with `seed` until they hold `share` of all characters; never none, never all.

    >>> held_out_documents([10] * 10, 0.2, seed=0).sum()
    np.int64(2)
    """
    if not 0 < share < 1:
        raise TaskError(f"validation is {share}; give a share between 0 and 1")
    if len(lengths) < 2:
        raise TaskError(f"{one_line(name)}: one document cannot be split; cut it into files, one to a chapter or page")
    order = np.random.default_rng(seed).permutation(len(lengths))
    before = np.cumsum(np.array(lengths)[order]) - np.array(lengths)[order]
    chosen = np.zeros(len(lengths), bool)
    chosen[order[before < share * sum(lengths)]] = True
    if chosen.all():
        chosen[order[-1]] = False
    return chosen


def shuffled(tokens: TextTokens, seed: int) -> TextTokens:
    """The same tokens in random order, each split within itself: the same frequencies, and nothing else of language."""
    rng = np.random.default_rng(seed)

    def shuffle(shards: tuple[Array, ...]) -> tuple[Array, ...]:
        return _sharded(rng.permutation(np.concatenate(shards)))

    facts = {**tokens.facts, "shuffled": seed}
    return replace(tokens, train=shuffle(tokens.train), validation=shuffle(tokens.validation), facts=facts)


def save_tokens(tokens: TextTokens, folder: str | Path) -> None:
    """Writes train_0000.npy ..., validation_0000.npy ... and, last, tokens.json. DiskError where the disk says no."""
    folder = Path(folder)
    names: dict[str, list[str]] = {}
    for split in SPLITS:
        shards = getattr(tokens, split)
        names[split] = [f"{split}_{k:04}.npy" for k in range(len(shards))]
        for name, shard in zip(names[split], shards, strict=True):
            file = io.BytesIO()
            np.save(file, shard, allow_pickle=False)
            write_atomic(folder / name, file.getvalue())
    facts = {"format": FORMAT, "vocabulary": tokens.vocabulary, "shards": names, **tokens.facts}
    write_atomic(folder / FACTS, json.dumps(facts, indent=2) + "\n")


def load_tokens(folder: str | Path) -> TextTokens:
    """What `save_tokens` wrote, mapped into memory; or a folder of GPT-2's .bin shards, as FineWeb's, whose names
    say `train` or `val`. TaskError, one line, for anything else."""
    folder = Path(folder).expanduser()
    if not (folder / FACTS).is_file():
        return _gpt2_shards(folder)
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts.pop("format") != FORMAT:
            raise ValueError("of another format")
        names, vocabulary = facts.pop("shards"), int(facts.pop("vocabulary"))
        train, validation = (tuple(_mapped(folder / Path(name).name) for name in names[split]) for split in SPLITS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TaskError(f"{folder / FACTS}: not tokens that this version reads ({one_line(error, 80)})") from None
    return _checked(folder, TextTokens(train, validation, vocabulary, facts))


def windows(shards: tuple[Array, ...], context: int, seed: int, first: int, number: int) -> Array:
    """Training windows `first` to `first + number` of a seeded order without end: int64 [number, context + 1].

    Each epoch cuts every shard into windows from an offset of its own and visits them all once, in an order of its
    own. It is a function of its arguments: where a run stopped, the same call goes on. TaskError for too few tokens.

    >>> text = (np.arange(12, dtype=np.uint16),)
    >>> windows(text, 4, seed=0, first=0, number=2)
    array([[ 3,  4,  5,  6,  7],
           [ 7,  8,  9, 10, 11]])
    """
    each = np.array([max(len(shard) // context - 1, 0) for shard in shards])
    epoch_windows = int(each.sum())
    if epoch_windows < 1:
        raise TaskError(f"{count(shards)} tokens hold no window of {context} from any offset; give more text")
    starts = np.concatenate([[0], np.cumsum(each)])
    chosen = np.empty((number, context + 1), np.int64)
    position, filled = first, 0
    while filled < number:
        epoch, begin = divmod(position, epoch_windows)
        rng = np.random.default_rng([seed, epoch])
        offset, order = int(rng.integers(context)), rng.permutation(epoch_windows)
        for index in order[begin : begin + number - filled]:
            shard = int(np.searchsorted(starts, index, side="right")) - 1
            at = offset + int(index - starts[shard]) * context
            chosen[filled] = shards[shard][at : at + context + 1]
            filled += 1
        position = first + filled
    return chosen


def _sharded(tokens: Array) -> tuple[Array, ...]:
    return tuple(tokens[at : at + SHARD_TOKENS] for at in range(0, len(tokens), SHARD_TOKENS))


def _mapped(path: Path) -> Array:
    shard = np.load(path, mmap_mode="r", allow_pickle=False)
    if shard.ndim != 1 or shard.dtype not in (np.uint16, np.uint32):
        raise ValueError(f"{path.name} holds {shard.dtype} {shard.shape}")
    return shard


def _gpt2_shards(folder: Path) -> TextTokens:
    """Shards in llm.c's format: 256 int32, of which the first three are magic, version and count; then uint16."""
    parts: dict[str, list[Array]] = {"train": [], "val": []}
    for path in sorted(folder.glob("*.bin")):
        split = next((split for split in parts if split in path.name), None)
        header = np.fromfile(path, np.int32, 3)
        if split is None or len(header) < 3 or header[0] != GPT2_MAGIC:
            raise TaskError(f"{path}: not a shard of GPT-2's tokens named train or val; take it out of the folder")
        if path.stat().st_size != 4 * GPT2_HEADER + 2 * int(header[2]):
            raise TaskError(f"{path}: not the {header[2]} tokens that it says; bring it again")
        parts[split].append(np.memmap(path, np.uint16, "r", offset=4 * GPT2_HEADER))
    if not all(parts.values()):
        raise TaskError(f"{folder}: no tokens there ({FACTS}, or train and val shards *.bin); make them of a corpus")
    facts = {"corpus": folder.name, "source": f"shards in {folder}"}
    return _checked(folder, TextTokens(tuple(parts["train"]), tuple(parts["val"]), GPT2_VOCABULARY, facts))


def _checked(folder: Path, tokens: TextTokens) -> TextTokens:
    for split in SPLITS:
        shards = getattr(tokens, split)
        if not count(shards) or max(int(shard.max()) for shard in shards if len(shard)) >= tokens.vocabulary:
            raise TaskError(f"{folder}: no {split} tokens, or some of {tokens.vocabulary} and above; make them again")
    return tokens
